"""Three ways back from a noisy photo, side by side: blur it, ask once, or ask step by step.

For each t of the recipe a column, with x_t = alpha x0 + sigma eps:

    noisy        x_t
    blurred      G * x_t
    one step     x0^ = (x_t - sigma eps^) / alpha                            Ho et al. 2020, eq. 15
    iterative    x_t -> ... -> x0 along the recipe's timesteps below t       Ho et al. 2020, eq. 6 and 7

The parts are text_photo.py's; text_techniques.py registers it.
"""

import torch

from diffusion_core.filters import frequencies
from diffusion_core.recipes import Recipe
from diffusion_core.sampling import Process
from diffusion_core.techniques import House, Plan
from diffusion_core.text_input import timesteps
from diffusion_core.text_loop import numbered
from diffusion_core.text_parts import compared, guided_by, per_seed
from diffusion_core.text_photo import from_photo, one_step

ROWS = ("noisy", "blurred", "one step", "iterative")


def denoise(recipe: Recipe, house: House) -> Plan:
    """A photo with noise, and three ways to take it off: G * x_t, a blur; one step; step by step.

    one step     x0^ = (x_t - sigma eps^) / alpha    (Ho et al. 2020, eq. 15)
    iterative    x_t' = sqrt(abar') beta / (1 - abar) x0^ + sqrt(alpha) (1 - abar') / (1 - abar) x_t + noise
                 (Ho et al. 2020, eq. 6 and 7) from t down to 0

    A column per t. At stage II the iterative way draws noise of its own; at stage I all see one x_t.
    """
    ts, count = recipe["ts"], recipe["count"]
    lists = [{mark: _from(t, recipe[mark]) for mark in ("steps", "steps_2")} for t in ts]
    settings = [{mark: ", ".join(map(str, steps)) for mark, steps in each.items()} for each in lists]
    columns = [(f"t = {t}", {**each, "start": 0, "start_2": 0}) for t, each in zip(ts, settings)]
    once = one_step(recipe, house).process
    walked = compared(recipe, house, guided_by(recipe), columns, from_photo(recipe.values, house)).process
    stages = ("steps",) if recipe["enlarge"] == "no" else ("steps", "steps_2")
    asked = [max(len(each[mark]) for each in lists) for mark in stages]

    def process() -> Process:
        of = len(stages) + sum(asked)
        noisy, one = (yield from numbered(once, 0, of)).unflatten(0, (count, 2, len(ts))).unbind(1)
        last = (yield from numbered(walked, len(stages), of)).unflatten(0, (count, len(ts)))
        low, _ = frequencies(recipe["sigma"])
        return torch.stack([noisy, low(noisy), one, last], dim=1).flatten(0, 2)

    captions = per_seed(recipe.values, [f"{row}, t = {t}" for row in ROWS for t in ts])
    return Plan(process(), columns=len(ts), captions=captions)


def _from(t: int, steps: str) -> list[int]:
    """The timesteps of a walk that begins at t: t, then those of a list between, then 0."""
    return [t, *(s for s in timesteps(steps) if 0 < s < t), 0]
