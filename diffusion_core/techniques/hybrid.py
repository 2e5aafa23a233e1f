"""One prompt for every band of a picture's frequencies."""

from dataclasses import replace

from diffusion_core.estimates import Card, Estimate, guided, total
from diffusion_core.filters import BANKS, bank
from diffusion_core.recipes import Recipe, RecipeError, parsing
from diffusion_core.recipes.parsing import prompts
from diffusion_core.recipes.schema import Choice, Field
from diffusion_core.techniques.batch import developed
from diffusion_core.techniques.cascade import Tell
from diffusion_core.techniques.fields import BOTH, MODEL, NEGATIVE, SIGMA, several
from diffusion_core.techniques.registry import House, Plan

FIELDS: tuple[Field, ...] = (
    MODEL,
    several(
        "prompts",
        "a lithograph of a skull\na lithograph of waterfalls",
        "one per line and band: the far one first; grey, then colour; moving, then still",
        prompts,
    ),
    Choice("bands", "Bands", "low/high", "what each prompt may write", choices=tuple(BANKS)),
    replace(SIGMA, help="where far and near part, in pixels at 64; of three bands, again at half of it"),
    NEGATIVE,
    *BOTH,
)


def hybrid(recipe: Recipe, house: House) -> Plan:
    """Another prompt for every band of frequencies (or for grey and colour, or moved and still).

    eps = sum_b band_b( eps(prompt_b) ), sum_b band_b = identity    (Geng et al. 2024b, eq. 5)
    """
    prompts, bands = parsing.prompts(recipe["prompts"]), bank(recipe["bands"], recipe["sigma"])
    if len(prompts) != len(bands):
        names = ", ".join(band.name for band in bands)
        raise RecipeError(f"{len(bands)} bands ({names}) need as many prompts; there are {len(prompts)}.")

    def build(card: Card, tell: Tell, gamma: float) -> list[Estimate]:
        null = tell(recipe["negative"])
        return [total([guided(card, tell(p), null, gamma).after(band) for p, band in zip(prompts, bands)])]

    return developed(recipe, house, build)
