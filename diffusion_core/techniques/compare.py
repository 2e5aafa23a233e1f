"""Comparisons on the same seeds: numbers of steps, and guidance scales."""

from dataclasses import replace

from diffusion_core.recipes import Recipe
from diffusion_core.recipes.schema import Field, Numbers, Text
from diffusion_core.techniques import timesteps
from diffusion_core.techniques.batch import compared
from diffusion_core.techniques.cascade import guided_by
from diffusion_core.techniques.fields import (
    COUNT,
    GAMMA,
    NOISE_LEVEL,
    SAMPLER,
    SEED,
    STAGE_2,
    TOLD,
    WALK,
    enlarge,
)
from diffusion_core.techniques.registry import House, Plan
from diffusion_core.techniques.timesteps import lists

SWEEP_FIELDS: tuple[Field, ...] = (
    *TOLD,
    Numbers(
        "gammas",
        "gamma",
        [0, 1, 3, 7, 15],
        "a column each, a row per seed: 0 is unguided and unconditional, 1 conditional",
        low=0,
        high=30,
    ),
    *SAMPLER[1:],
    enlarge("stage II enlarges each, never guided more than its column is"),
    STAGE_2[0],
    replace(STAGE_2[1], help="guidance while enlarging; a column of a smaller gamma keeps its own"),
    NOISE_LEVEL,
)

STEPS_FIELDS: tuple[Field, ...] = (
    *TOLD,
    GAMMA,
    Text(
        "counts",
        "Numbers of steps",
        "5, 10, 20, 40, 100",
        "a column each, all from one noise; names of lists too, like fast27",
        most=200,
        parse=lists,
    ),
    COUNT,
    *WALK,
    SEED,
    enlarge("stage II enlarges each, always in the same number of steps"),
    *STAGE_2,
    NOISE_LEVEL,
)


def steps(recipe: Recipe, house: House) -> Plan:
    """The same noise in 5, 10, 20, ... steps: a column per list of timesteps, a row per seed.

    Between neighbours t > t' of a list, alpha = abar_t / abar_t' and beta = 1 - alpha (Ho et al. 2020, eq. 7,
    on a shorter path; Nichol and Dhariwal 2021, section 4): the fewer the steps, the wider each of them.
    """
    lists = timesteps.lists(recipe["counts"])
    columns = [(f"{name} steps" if name.isdigit() else name, {"steps": name}) for name in lists]
    return compared(recipe, house, guided_by(recipe), columns)


def gamma_sweep(recipe: Recipe, house: House) -> Plan:
    """The same noise under several guidance scales: a column per gamma, a row per seed.

    eps = (1 - gamma) eps(null) + gamma eps(prompt), so 0 is unconditional (the prompt is not even asked),
    and 1 conditional without guidance. Stage II is guided by its own gamma, but no more than its column is:
    what is unguided stays so.
    """
    columns = [
        (f"gamma = {gamma:g}", {"gamma": gamma, "gamma_2": min(gamma, recipe["gamma_2"])})
        for gamma in recipe["gammas"]
    ]
    return compared(recipe, house, guided_by(recipe), columns)
