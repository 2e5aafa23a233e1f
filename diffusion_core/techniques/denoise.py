"""Ways back from a noisy photo, side by side: blur it, ask once, or ask step by step.

For each t of the recipe a column, with x_t = alpha x0 + sigma eps:

    noisy        x_t
    blurred      G * x_t
    one step     x0^ = (x_t - sigma eps^) / alpha                            Ho et al. 2020, eq. 15
    iterative    x_t -> ... -> x0 along the recipe's timesteps below t       Ho et al. 2020, eq. 6 and 7
"""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from diffusion_core.estimates import Card, given
from diffusion_core.filters import frequencies
from diffusion_core.levels import schedule
from diffusion_core.loop import Process, ask_once
from diffusion_core.processes import cascade, numbered, row_per_seed, together
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.schema import Field
from diffusion_core.techniques.batch import compared, per_seed
from diffusion_core.techniques.cascade import (
    guided_by,
    rng_of,
    shown_to_stage_2,
    stage_card,
    telling,
)
from diffusion_core.techniques.fields import (
    AT_STAGE_2,
    COUNT,
    GAMMA,
    MODEL,
    NOISE_LEVEL,
    PHOTO,
    PROMPT,
    SEED,
    SIGMA,
    STAGE_2,
    STEPS,
    TOLD,
    TS,
    WALK,
    enlarge,
)
from diffusion_core.techniques.photo import at_each, at_once, from_photo, last_card, noised_at, table
from diffusion_core.techniques.registry import House, Plan
from diffusion_core.techniques.timesteps import timesteps

FIELDS: tuple[Field, ...] = (
    MODEL,
    PHOTO,
    *TOLD[1:],
    replace(TS, low=1, help="how noisy, 1 to 999; a column each"),
    SIGMA,
    replace(STEPS, default="stride 30", help="the stops of the iterative way, those below t"),
    replace(GAMMA, default=1.0, help="guidance of the iterative way: 1 is none"),
    COUNT,
    *WALK,
    SEED,
    enlarge("at the size of stage II, told what stage I made in the same way"),
    STAGE_2[0],
    replace(STAGE_2[1], default=1.0),
    NOISE_LEVEL,
)

BLUR_FIELDS: tuple[Field, ...] = (MODEL, PHOTO, TS, SIGMA, COUNT, SEED, AT_STAGE_2)

ONE_STEP_FIELDS: tuple[Field, ...] = (
    MODEL,
    PHOTO,
    PROMPT,
    TS,
    COUNT,
    SEED,
    enlarge("one step of stage II at the same t, shown the estimate of stage I"),
    NOISE_LEVEL,
)


def blur(recipe: Recipe, house: House) -> Plan:
    """A photo with noise, and what a Gaussian blur makes of it: G * x_t, denoising without a network.

    sigma is given at 64 pixels and grows with the picture.
    """
    card = last_card(recipe, house)
    x_ts, low = noised_at(recipe, house, card, rng_of(recipe.values)), frequencies(recipe["sigma"])[0]
    captions = per_seed(recipe.values, [*at_each(recipe, "noisy"), *at_each(recipe, "blurred")])
    level = schedule(card.schedule)[recipe["ts"][0]]
    begin = partial(at_once, x_ts, table(x_ts, low(x_ts)), level)
    return Plan.of(begin, columns=len(recipe["ts"]), captions=captions)


def one_step(recipe: Recipe, house: House) -> Plan:
    """A photo with noise, and the network's estimate of it in one step:

    x0^ = (x_t - sigma eps^) / alpha    (Ho et al. 2020, eq. 15)

    Stage II is asked about the large picture at the same t, and sees the estimate of stage I, clamped to
    what pictures are, as the small one.
    """
    count, ts = recipe["count"], recipe["ts"]

    def asked(card: Card, x_ts: Tensor, besides: list[Tensor | None]) -> Process:
        levels, one = schedule(card.schedule), []
        for x, t, beside in zip(x_ts.unbind(1), ts, besides):
            level_2 = None if beside is None else recipe["noise_level"]
            cond = telling(count, beside, level_2)(recipe["prompt"])
            one.append(ask_once(x, levels[t], given(card, cond)))
        return together(*one)

    card = stage_card(recipe.values, house, "I")
    large = stage_card(recipe.values, house, "II") if recipe["enlarge"] == "yes" else None

    def begin() -> Process:
        rng = rng_of(recipe.values)
        x_ts = noised_at(recipe, house, card, rng)
        process = asked(card, x_ts, [None] * len(ts))

        def enlarge(small: Tensor) -> Process:
            nonlocal x_ts
            x_ts = noised_at(recipe, house, large, rng, small.device)
            eps, parts = rng.normal(large.shape, small.device), small.clamp(-1, 1).split(count)
            seen = [shown_to_stage_2(part, large, recipe["noise_level"], eps) for part in parts]
            return asked(large, x_ts, seen)

        def with_noisy_above(process: Process) -> Process:
            x0 = yield from row_per_seed(process, count)
            return table(x_ts.to(x0.device), x0.unflatten(0, (count, len(ts))))

        return with_noisy_above(cascade(process, 1, enlarge, 1) if large else process)

    captions = per_seed(recipe.values, [*at_each(recipe, "noisy"), *at_each(recipe, "one step")])
    return Plan.of(begin, columns=len(ts), captions=captions)


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
    once = one_step(recipe, house)
    walked = compared(recipe, house, guided_by(recipe), columns, from_photo(recipe.values, house))
    stages = ("steps",) if recipe["enlarge"] == "no" else ("steps", "steps_2")
    asked = [max(len(each[mark]) for each in lists) for mark in stages]

    def process(once: Process, walked: Process) -> Process:
        of = len(stages) + sum(asked)
        noisy, one = (yield from numbered(once, 0, of)).unflatten(0, (count, 2, len(ts))).unbind(1)
        last = (yield from numbered(walked, len(stages), of)).unflatten(0, (count, len(ts)))
        low, _ = frequencies(recipe["sigma"])
        return torch.stack([noisy, low(noisy), one, last], dim=1).flatten(0, 2)

    captions = per_seed(recipe.values, [f"{row}, t = {t}" for row in ROWS for t in ts])
    return Plan.of(lambda: process(once.again(), walked.again()), columns=len(ts), captions=captions)


def _from(t: int, steps: str) -> list[int]:
    """The timesteps of a walk that begins at t: t, then those of a list between, then 0."""
    return [t, *(s for s in timesteps(steps) if 0 < s < t), 0]
