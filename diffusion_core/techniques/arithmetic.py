"""Several prompts in one picture, each with a weight."""

from diffusion_core.estimates import Card, Estimate, given, total
from diffusion_core.recipes import Recipe, parsing
from diffusion_core.recipes.parsing import weighted
from diffusion_core.recipes.schema import Field
from diffusion_core.techniques.batch import developed
from diffusion_core.techniques.cascade import Tell
from diffusion_core.techniques.fields import BOTH, MODEL, NEGATIVE, several
from diffusion_core.techniques.registry import House, Plan

FIELDS: tuple[Field, ...] = (
    MODEL,
    several(
        "prompts",
        "a photo of a dog\n0.5 * snow\n-0.5 * people",
        "weight * prompt, one per line; a negative weight leads away from its prompt",
        weighted,
    ),
    NEGATIVE,
    *BOTH,
)


def arithmetic(recipe: Recipe, house: House) -> Plan:
    """Several prompts in one picture, each with a weight; a negative weight leads away from its prompt:

    eps = eps(null) + gamma sum_k w_k (eps(prompt_k) - eps(null))    (Liu et al. 2022, eq. 11)
    """

    def build(card: Card, tell: Tell, gamma: float) -> list[Estimate]:
        parts = parsing.weighted(recipe["prompts"])
        null = given(card, tell(recipe["negative"]), shapes_spread=False)
        towards = [gamma * w * given(card, tell(prompt), shapes_spread=w > 0) for w, prompt in parts]
        return [total([(1 - gamma * sum(each.weight for each in parts)) * null, *towards])]

    return developed(recipe, house, build)
