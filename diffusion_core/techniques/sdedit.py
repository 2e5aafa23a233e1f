"""SDEdit: a photo or a drawing, edited towards a prompt from several starts."""

from dataclasses import replace
from itertools import product

from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.recipes.schema import Choice, Field, Numbers
from diffusion_core.techniques.batch import laid_out
from diffusion_core.techniques.cascade import Stages, guided_by, stages_of
from diffusion_core.techniques.fields import (
    MODEL,
    NEGATIVE,
    NOISE_LEVEL,
    PHOTO,
    PROMPT,
    SAMPLER,
    STAGE_2,
    START_2,
    enlarge,
)
from diffusion_core.techniques.photo import from_photo
from diffusion_core.techniques.registry import House, Plan
from diffusion_core.techniques.timesteps import T

FIELDS: tuple[Field, ...] = (
    MODEL,
    PHOTO,
    replace(PROMPT, help="what the picture shall become; empty for no prompt at all"),
    NEGATIVE,
    Numbers(
        "starts",
        "Starts",
        [1, 3, 5, 7, 10, 20],
        "numbers of timesteps to start at, a column each: later ones keep more of the picture",
        low=0,
        high=T - 1,
        whole=True,
    ),
    Choice(
        "told",
        "Told",
        "the prompt",
        "without and with: a row with no prompt at all above the row with it",
        choices=("the prompt", "without and with"),
    ),
    *SAMPLER,
    enlarge("stage II edits the large picture too, told the small one of its column"),
    START_2,
    *STAGE_2,
    NOISE_LEVEL,
)

WITH_AND_WITHOUT = "without and with"  # SDEdit's `told`: a row with no prompt above the row with it


def sdedit(recipe: Recipe, house: House) -> Plan:
    """SDEdit (Meng et al. 2022): a photo or drawing, noised to several levels and denoised to a prompt.

    x_t = alpha x0 + sigma eps at timestep number `start`, and from there as from noise. The smaller the
    start, the noisier it begins, and the more is made up. Without a prompt, both prompts empty, it
    projects the drawing onto what the model takes for pictures.
    """
    starts, rows, captions = recipe["starts"], [recipe.values], [""]
    if recipe["told"] == WITH_AND_WITHOUT:
        if not recipe["prompt"]:
            raise RecipeError("Prompt: there is none yet, so with it and without it are the same. Write one.")
        rows, captions = [dict(recipe.values, prompt="", negative=""), *rows], ["no prompt, ", "prompt, "]
    keep = from_photo(recipe.values, house)

    def runs() -> list[Stages]:
        walks = product(rows, starts)
        return [stages_of({**row, "start": start}, house, guided_by(row), keep) for row, start in walks]

    return laid_out(
        recipe, runs, len(starts), [f"{told}start {start}" for told in captions for start in starts]
    )
