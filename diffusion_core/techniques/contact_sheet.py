"""Contact sheets of illusions: many seeds of an anagram or a hybrid, scored and put in order, the best first.

Each is a technique of a file beside this one for `count` seeds, and a few steps more, in which the network of
stage I says how well every reading comes out: see ranking.py. `install` adds them to the tables.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from diffusion_core import ranking
from diffusion_core.filters import bank, part
from diffusion_core.loop import Process
from diffusion_core.ranking import Reading
from diffusion_core.recipes import Recipe, parsing
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.recipes.schema import Field, Number, Numbers
from diffusion_core.techniques import anagram, hybrid, hybrid_photo, text
from diffusion_core.techniques.cascade import seeds_in, stage_card, telling
from diffusion_core.techniques.registry import TECHNIQUES, House, Plan
from diffusion_core.techniques.text import TEXT_SCHEMAS
from diffusion_core.views import BASE, VIEWS, view

SCORED: tuple[Field, ...] = (
    Numbers(
        "scored_at",
        "Scored at t",
        [400, 600, 800],
        "how much noise the finished picture gets when it is scored",
        low=1,
        high=999,
        whole=True,
        most=8,
    ),
    Number(
        "draws",
        "Draws",
        1,
        "of noise, at each of these t: more are surer",
        low=1,
        high=16,
        step=1,
        whole=True,
    ),
)


def ranked_fields(fields: Sequence[Field], count: int = 8) -> tuple[Field, ...]:
    """The fields of a technique, and those of its contact sheet."""
    more = (replace(f, default=count, help="one per seed") if f.name == "count" else f for f in fields)
    return (*more, *SCORED)


SHEET_SCHEMAS: dict[str, tuple[Field, ...]] = {
    f"{name}-sheet": ranked_fields(TEXT_SCHEMAS[name])
    for name in ("text-anagram", "text-hybrid", "text-hybrid-photo")
}


def install() -> None:
    """Add the contact sheets to the house, and what they are made of; more than once does no harm."""
    text.install()
    SCHEMAS.update(SHEET_SCHEMAS)
    TECHNIQUES.update(SHEETS)


def alone(recipe: Recipe, **changes) -> Recipe:
    """The recipe of a sheet as one of its pictures: same settings, without the scoring."""
    scored = {field.name for field in SCORED}
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
        bands, told = bank(recipe["bands"], recipe["sigma"]), parsing.prompts(recipe["prompts"])
        return [Reading(band.name, prompt, part=band) for band, prompt in zip(bands, told)]
    seen = [view(name, recipe["view_seed"], base) for name in anagram.views(recipe["views"])]
    told = parsing.weighted(recipe["prompts"])
    return [Reading(VIEWS[v.name].says, p.prompt, look=v) for v, p in zip(seen, told)]


def anagrams(recipe: Recipe, house: House) -> Plan:
    """A contact sheet of anagrams. On each view of each picture the network is told each prompt, and none:

    gain = mean over t of 1 - || eps - eps(prompt) ||^2 / || eps - eps(null) ||^2    (after Li et al. 2023)

    and pictures are ranked by the worst of their readings, the gain of a view's own prompt.
    """
    return _sheet(recipe, house, anagram.anagram)


def hybrids(recipe: Recipe, house: House) -> Plan:
    """A contact sheet of hybrids. For each band of the noise the network is told each prompt, and none:

    gain = mean over t of 1 - || band(eps - eps(prompt)) ||^2 / || band(eps - eps(null)) ||^2

    and pictures are ranked by the worst of their readings, the gain of a band's own prompt.
    """
    return _sheet(recipe, house, hybrid.hybrid)


def hybrids_with_photo(recipe: Recipe, house: House) -> Plan:
    """A contact sheet of hybrids with a photo: ranked by the gain of the prompt on what the photo leaves it.

    gain = mean over t of 1 - || rest(eps - eps(prompt)) ||^2 / || rest(eps - eps(null)) ||^2
    """
    return _sheet(recipe, house, hybrid_photo.hybrid_photo)


SHEETS: dict[str, Callable[[Recipe, House], Plan]] = {
    "text-anagram-sheet": anagrams,
    "text-hybrid-sheet": hybrids,
    "text-hybrid-photo-sheet": hybrids_with_photo,
}


def _sheet(recipe: Recipe, house: House, make: Callable[[Recipe, House], Plan]) -> Plan:
    made, captions = make(alone(recipe), house), []
    ts, draws = recipe["scored_at"], recipe["draws"]
    card = stage_card(recipe.values, house, "I")
    read = readings(recipe, card.shape[-1])
    score = partial(
        ranking.gains, card=card, readings=read, ts=ts, tell=telling(recipe["count"]), draws=draws
    )

    def scored(process: Process) -> Process:
        return ranking.ranked(process, score, len(ts) * draws, seeds_in(recipe.values), captions)

    again = made.again and (lambda: scored(made.again()))
    return made._replace(process=scored(made.process), captions=captions, again=again)
