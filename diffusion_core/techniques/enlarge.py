"""Stage II alone: a picture, shrunk and enlarged again."""

from diffusion_core.recipes import Recipe
from diffusion_core.recipes.schema import Field
from diffusion_core.techniques.batch import IN_A_ROW, seeds_of
from diffusion_core.techniques.cascade import enlarged, guided_by, rng_of, stage_card
from diffusion_core.techniques.fields import COUNT, MODEL, NOISE_LEVEL, PHOTO, SEED, STAGE_2, TOLD, WALK
from diffusion_core.techniques.photo import photo_at
from diffusion_core.techniques.registry import House, Plan

FIELDS: tuple[Field, ...] = (MODEL, PHOTO, *TOLD[1:], COUNT, *STAGE_2, NOISE_LEVEL, *WALK, SEED)


def enlarge(recipe: Recipe, house: House) -> Plan:
    """Stage II alone: a picture, shrunk to the size of stage I, and enlarged again with a prompt.

    The network sees cat[x_t, alpha up(small) + sigma z] and is told the noise level of z (Ho et al. 2022,
    "Cascaded Diffusion Models", section 4).
    """
    small = photo_at(recipe.values, house, stage_card(recipe.values, house, "I"))
    return Plan.of(
        lambda: enlarged(recipe.values, house, small, rng_of(recipe.values), guided_by(recipe)),
        columns=min(IN_A_ROW, recipe["count"]),
        captions=seeds_of(recipe.values),
    )
