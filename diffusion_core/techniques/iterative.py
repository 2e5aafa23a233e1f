"""A photo noised to a timestep, and denoised from there step by step."""

from diffusion_core.processes import every_kth
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.schema import Field, Number
from diffusion_core.techniques.batch import check_number, developed, per_seed, side_by_side
from diffusion_core.techniques.cascade import Stages, asked_at, guided_by, stages_of
from diffusion_core.techniques.fields import (
    MODEL,
    NOISE_LEVEL,
    PHOTO,
    SAMPLER,
    STAGE_2,
    START,
    START_2,
    TOLD,
    enlarge,
)
from diffusion_core.techniques.photo import from_photo
from diffusion_core.techniques.registry import House, Plan
from diffusion_core.techniques.timesteps import T

FIELDS: tuple[Field, ...] = (
    MODEL,
    PHOTO,
    *TOLD[1:],
    START,
    Number(
        "every",
        "Keep every",
        0,
        "5 lays every fifth x_t beside the result; 0 keeps the result alone",
        low=0,
        high=T,
        step=1,
        whole=True,
    ),
    *SAMPLER,
    enlarge("stage II goes on, from the large picture with noise added"),
    START_2,
    *STAGE_2,
    NOISE_LEVEL,
)


def iterative(recipe: Recipe, house: House) -> Plan:
    """A photo noised to timestep number `start`, and denoised step by step:

    x_t' = sqrt(abar') beta / (1 - abar) x0^ + sqrt(alpha) (1 - abar') / (1 - abar) x_t + noise
    (Ho et al. 2020, eq. 6 and 7), alpha and beta between neighbours in the list of timesteps

    Stage II does the same to the large picture from its own start, told the small one (the image to image
    super-resolution of diffusers). Every k-th x_t of both stages may be kept and laid beside the result.
    """
    keep, k = from_photo(recipe.values, house), recipe["every"]
    if not k:
        return developed(recipe, house, guided_by(recipe), keep)

    def begin() -> Stages:
        return stages_of(recipe.values, house, guided_by(recipe), keep)

    run = begin()
    stages = [f"t = {level.t:.0f}" for level in asked_at(run.path)]
    stages += [f"stage II, t = {level.t:.0f}" for level in asked_at(run.path_2)]
    columns = [*stages[::k], "end"]
    check_number(len(columns), recipe["count"])
    return Plan.of(
        lambda: every_kth(side_by_side([begin()], recipe["count"]), k),
        columns=len(columns),
        captions=per_seed(recipe.values, columns),
    )
