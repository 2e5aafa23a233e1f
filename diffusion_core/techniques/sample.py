"""Pictures out of noise, with classifier-free guidance."""

from diffusion_core.recipes import Recipe
from diffusion_core.recipes.schema import Field
from diffusion_core.techniques.batch import developed
from diffusion_core.techniques.cascade import guided_by
from diffusion_core.techniques.fields import BOTH, TOLD
from diffusion_core.techniques.registry import House, Plan

FIELDS: tuple[Field, ...] = (*TOLD, *BOTH)


def sample(recipe: Recipe, house: House) -> Plan:
    """Pictures out of noise, with classifier-free guidance (Ho and Salimans 2022, eq. 6):

    eps = (1 - gamma) eps(null) + gamma eps(prompt)

    Stage II, if asked for, does the same at four times the size, with the noised small picture beside x.
    """
    return developed(recipe, house, guided_by(recipe))
