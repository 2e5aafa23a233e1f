"""Contact sheets of illusions: many seeds of an anagram or a hybrid, scored and put in order, the best first.

Each is a technique of text_techniques.py for `count` seeds, and a few steps more, in which the network of
stage I says how well every reading comes out: see ranking.py. `install` adds them to the house.
"""

from collections.abc import Callable
from functools import partial

from diffusion_core import ranking, text_input, text_techniques
from diffusion_core.fields import Field
from diffusion_core.filters import bank, part
from diffusion_core.ranking import Reading
from diffusion_core.recipes import SCHEMAS, Recipe
from diffusion_core.techniques import TECHNIQUES, House, Plan
from diffusion_core.text_parts import seeds_in, stage_card
from diffusion_core.text_recipes import TEXT_SCHEMAS
from diffusion_core.views import BASE, VIEWS, view

SHEET_SCHEMAS: dict[str, tuple[Field, ...]] = {
    f"{name}-sheet": ranking.ranked_fields(TEXT_SCHEMAS[name])
    for name in ("text-anagram", "text-hybrid", "text-hybrid-photo")
}


def install() -> None:
    """Add the contact sheets to the house, and what they are made of; more than once does no harm."""
    text_techniques.install()
    SCHEMAS.update(SHEET_SCHEMAS)
    TECHNIQUES.update(SHEETS)


def alone(recipe: Recipe, **changes) -> Recipe:
    """The recipe of a sheet as one of its pictures: same settings, without the scoring."""
    scored = {field.name for field in ranking.SCORED}
    values = {name: value for name, value in recipe.values.items() if name not in scored}
    return Recipe.of(recipe.technique.removesuffix("-sheet"), **values | changes)


def readings(recipe: Recipe, base: int = BASE) -> list[Reading]:
    """How the pictures of an illusion are to be read, and what each reading should show.

    base: side of stage I in pixels, at which the views of an anagram are drawn. RecipeError.
    """
    if "part" in recipe.values:
        held = part(recipe["part"], recipe["sigma"])
        return [Reading(f"all but {held.name}", recipe["prompt"], part=lambda x: x - held(x))]
    if "bands" in recipe.values:
        bands, told = bank(recipe["bands"], recipe["sigma"]), text_input.prompts(recipe["prompts"])
        return [Reading(band.name, prompt, part=band) for band, prompt in zip(bands, told)]
    seen = [view(name, recipe["view_seed"], base) for name in text_input.views(recipe["views"])]
    told = text_input.weighted(recipe["prompts"])
    return [Reading(VIEWS[v.name].says, p.prompt, look=v) for v, p in zip(seen, told)]


def anagram(recipe: Recipe, house: House) -> Plan:
    """A contact sheet of anagrams. On each view of each picture the network is told each prompt, and none:

    gain = mean over t of 1 - || eps - eps(prompt) ||^2 / || eps - eps(null) ||^2    (after Li et al. 2023)

    and pictures are ranked by the worst of their readings, the gain of a view's own prompt.
    """
    return _sheet(recipe, house, text_techniques.anagram)


def hybrid(recipe: Recipe, house: House) -> Plan:
    """A contact sheet of hybrids. For each band of the noise the network is told each prompt, and none:

    gain = mean over t of 1 - || band(eps - eps(prompt)) ||^2 / || band(eps - eps(null)) ||^2

    and pictures are ranked by the worst of their readings, the gain of a band's own prompt.
    """
    return _sheet(recipe, house, text_techniques.hybrid)


def hybrid_photo(recipe: Recipe, house: House) -> Plan:
    """A contact sheet of hybrids with a photo: ranked by the gain of the prompt on what the photo leaves it.

    gain = mean over t of 1 - || rest(eps - eps(prompt)) ||^2 / || rest(eps - eps(null)) ||^2
    """
    return _sheet(recipe, house, text_techniques.hybrid_photo)


SHEETS: dict[str, Callable[[Recipe, House], Plan]] = {
    "text-anagram-sheet": anagram,
    "text-hybrid-sheet": hybrid,
    "text-hybrid-photo-sheet": hybrid_photo,
}


def _sheet(recipe: Recipe, house: House, make: Callable[[Recipe, House], Plan]) -> Plan:
    made, captions = make(alone(recipe), house), []
    ts, draws = recipe["scored_at"], recipe["draws"]
    card = stage_card(recipe.values, house, "I")
    read = readings(recipe, card.shape[-1])
    score = partial(ranking.gains, card=card, readings=read, ts=ts, draws=draws)
    process = ranking.ranked(made.process, score, len(ts) * draws, seeds_in(recipe.values), captions)
    return made._replace(process=process, captions=captions)
