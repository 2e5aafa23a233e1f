"""One part of a photo is kept, and a prompt makes the rest."""

from dataclasses import replace

from diffusion_core.constraints import keep_part
from diffusion_core.estimates import Card
from diffusion_core.filters import part
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.schema import Choice, Field
from diffusion_core.samplers import Rng
from diffusion_core.techniques.batch import developed
from diffusion_core.techniques.cascade import Kept, guided_by
from diffusion_core.techniques.fields import BOTH, MODEL, PHOTO, SIGMA, TOLD
from diffusion_core.techniques.photo import photo_at
from diffusion_core.techniques.registry import House, Plan
from diffusion_core.techniques.timesteps import COURSE as COURSE  # benchmarks/parity.py looks for it here


def hybrid_photo(recipe: Recipe, house: House) -> Plan:
    """One part of a photo, its low frequencies for example, and all the rest from the prompt:

    x <- x - part(x) + part(alpha x0 + sigma z) after every step    (Geng et al. 2024b, section 3.4)
    """
    held = part(recipe["part"], recipe["sigma"])

    def keep(card: Card, rng: Rng) -> Kept:
        constrain = keep_part(photo_at(recipe.values, house, card), held, rng)
        return Kept(constrain, begin=constrain)

    return developed(recipe, house, guided_by(recipe), keep)


PARTS = ("low", "high", "grey", "colour", "moving", "still")  # what an inverse hybrid may keep of a photo

FIELDS: tuple[Field, ...] = (
    MODEL,
    PHOTO,
    *TOLD[1:],
    Choice(
        "part",
        "Kept of the picture",
        "low",
        "the prompt makes the rest: with low the detail, with grey the colours",
        choices=PARTS,
    ),
    replace(SIGMA, help="where low and high part, in pixels at 64"),
    *BOTH,
)
