"""Every technique on a text-to-image cascade: which estimate it asks for, and what it keeps of a photo.

A technique is written once, as a function of the card, and so works at stage I (64 pixels) and again at
stage II (256): there every condition also holds the small picture beside x. With eps(p) for what the
network answers to prompt p, and eps(n) to the null or negative prompt n:

    guidance     (1 - gamma) eps(n) + gamma eps(p)                           Ho and Salimans 2022
    arithmetic   (1 - gamma sum_k w_k) eps(n) + gamma sum_k w_k eps(p_k)     Liu et al. 2022, eq. 11
    anagram      sum_v w_v view_v^-1( guided eps(p_v) of view_v(x) )         Geng et al. 2024, eq. 4
    hybrid       sum_b band_b( guided eps(p_b) )                             Geng et al. 2024b, eq. 5

text_parts.py turns an estimate into a run at one or both stages. `install` adds these techniques and their
schemas to the house.
"""

from collections.abc import Callable

import torch

from diffusion_core import text_recipes
from diffusion_core.estimates import Card, Estimate, given, guided
from diffusion_core.fields import RecipeError
from diffusion_core.filters import bank, frequencies
from diffusion_core.levels import noised, schedule
from diffusion_core.recipes import SCHEMAS, Recipe
from diffusion_core.sampling import Process, Rng, Step, ask_once, keep_all, together
from diffusion_core.techniques import TECHNIQUES, House, Plan
from diffusion_core.text_loop import keep_clean, keep_low, keep_renoised
from diffusion_core.text_parts import (
    Kept,
    Tell,
    check_fit,
    developed,
    enlarged,
    from_photo,
    guided_by,
    mask_of,
    noised_photo,
    one_picture,
    photo_at,
    rng_of,
    seeds_of,
    telling,
    total,
)
from diffusion_core.text_recipes import TEXT_SCHEMAS
from diffusion_core.views import view

TEXT_TECHNIQUES: dict[str, Callable[[Recipe, House], Plan]] = {}


def install() -> None:
    """Add the text techniques and their schemas to the house; more than once does no harm."""
    SCHEMAS.update(TEXT_SCHEMAS)
    TECHNIQUES.update(TEXT_TECHNIQUES)


def _technique(name: str):
    def register(function):
        TEXT_TECHNIQUES[name] = function
        return function

    return register


# --- from noise ---------------------------------------------------------------------------------------


@_technique("text-sample")
def sample(recipe: Recipe, house: House) -> Plan:
    """Pictures out of noise, with classifier-free guidance."""
    return developed(recipe, house, guided_by(recipe))


@_technique("text-enlarge")
def enlarge(recipe: Recipe, house: House) -> Plan:
    """Stage II alone: a picture, shrunk to the size of stage I, and enlarged again with a prompt."""
    small = photo_at(recipe, house, house.card(f"{recipe['model']}/I"), recipe["count"])
    process = enlarged(recipe, house, small, rng_of(recipe), guided_by(recipe))
    return Plan(process, columns=min(4, recipe["count"]), captions=seeds_of(recipe))


@_technique("text-arithmetic")
def arithmetic(recipe: Recipe, house: House) -> Plan:
    """Several prompts in one picture, each with a weight; a negative weight leads away from its prompt."""

    def build(card: Card, tell: Tell, gamma: float) -> list[Estimate]:
        parts = text_recipes.weighted(recipe["prompts"])
        null = given(card, tell(recipe["negative"]), shapes_spread=False)
        towards = [gamma * w * given(card, tell(prompt), shapes_spread=w > 0) for w, prompt in parts]
        return [total([(1 - gamma * sum(part.weight for part in parts)) * null, *towards])]

    return developed(recipe, house, build)


@_technique("text-anagram")
def anagram(recipe: Recipe, house: House) -> Plan:
    """One picture, another thing in every view of it. Both stages see the same views."""
    parts, names = text_recipes.weighted(recipe["prompts"]), text_recipes.views(recipe["views"])
    if len(parts) != len(names):
        raise RecipeError(f"{len(names)} views need as many prompts, one per line; there are {len(parts)}.")
    if min(part.weight for part in parts) <= 0:
        raise RecipeError("Prompts: in an anagram, the weight of a view must be above 0.")
    base = house.card(f"{recipe['model']}/I").shape[-1]
    seen = [view(name, recipe["view_seed"], base) for name in names]
    whole = sum(part.weight for part in parts)

    def build(card: Card, tell: Tell, gamma: float) -> list[Estimate]:
        check_fit(seen, card)
        null = tell(recipe["negative"])
        each = [guided(card, tell(p.prompt), null, gamma).seen(v) for p, v in zip(parts, seen)]
        if recipe["together"] == "in turns":
            return each
        return [total([part.weight / whole * estimate for part, estimate in zip(parts, each)])]

    return developed(recipe, house, build)


@_technique("text-hybrid")
def hybrid(recipe: Recipe, house: House) -> Plan:
    """Another prompt for every band of frequencies (or for grey and colour, or moved and still)."""
    prompts, bands = text_recipes.prompts(recipe["prompts"]), bank(recipe["bands"])
    if len(prompts) != len(bands):
        names = ", ".join(band.name for band in bands)
        raise RecipeError(f"{len(bands)} bands ({names}) need as many prompts; there are {len(prompts)}.")

    def build(card: Card, tell: Tell, gamma: float) -> list[Estimate]:
        null = tell(recipe["negative"])
        return [total([guided(card, tell(p), null, gamma).after(band) for p, band in zip(prompts, bands)])]

    return developed(recipe, house, build)


@_technique("text-hybrid-photo")
def hybrid_photo(recipe: Recipe, house: House) -> Plan:
    """The coarse part of a photo, everything finer from the prompt."""
    low = frequencies(sigma=recipe["sigma"])[0]

    def keep(card: Card, rng: Rng) -> Kept:
        constrain = keep_low(photo_at(recipe, house, card, recipe["count"]), low, rng)
        return Kept(constrain, begin=constrain)

    return developed(recipe, house, guided_by(recipe), keep)


# --- comparisons on one seed --------------------------------------------------------------------------


@_technique("text-steps")
def steps(recipe: Recipe, house: House) -> Plan:
    """The same noise in 5, 10, 20, ... steps."""
    counts = text_recipes.counts(recipe["counts"])
    rows = [one_picture(recipe, house, timesteps=text_recipes.timesteps(str(n))) for n in counts]
    return Plan(together(*rows), columns=len(rows), captions=tuple(f"{n} steps" for n in counts))


@_technique("text-gamma-sweep")
def gamma_sweep(recipe: Recipe, house: House) -> Plan:
    """The same noise under several guidance scales; 0 is unconditional, 1 conditional without guidance."""
    rows = [one_picture(recipe, house, gamma=gamma) for gamma in recipe["gammas"]]
    return Plan(
        together(*rows), columns=len(rows), captions=tuple(f"gamma = {gamma:g}" for gamma in recipe["gammas"])
    )


# --- from a photo -------------------------------------------------------------------------------------


@_technique("text-blur")
def blur(recipe: Recipe, house: House) -> Plan:
    """A noised photo, and what a Gaussian blur makes of it: denoising without a network."""
    card = house.card(f"{recipe['model']}/I")
    x_ts, low = noised_photo(recipe, house, card), frequencies(sigma=recipe["sigma"])[0]

    def process() -> Process:
        yield Step(0, 1, schedule(card.schedule)[recipe["ts"][0]], x_ts, None, [])
        return torch.cat([x_ts, low(x_ts)])

    return Plan(process(), columns=len(x_ts), captions=_at(recipe, "noisy") + _at(recipe, "blurred"))


@_technique("text-one-step")
def one_step(recipe: Recipe, house: House) -> Plan:
    """A noised photo, and the network's one-step estimate of it, x0^ = (x_t - sigma eps) / alpha."""
    card = house.card(f"{recipe['model']}/I")
    x_ts, levels = noised_photo(recipe, house, card), schedule(card.schedule)
    estimate = given(card, telling(1)(recipe["prompt"]))
    one = [ask_once(x[None], levels[t], estimate) for x, t in zip(x_ts, recipe["ts"])]

    def process() -> Process:
        return torch.cat([x_ts, (yield from together(*one))])

    return Plan(process(), columns=len(x_ts), captions=_at(recipe, "noisy") + _at(recipe, "one step"))


@_technique("text-iterative")
def iterative(recipe: Recipe, house: House) -> Plan:
    """A photo noised to the level at index `start`, and denoised step by step."""

    def keep(card: Card, rng: Rng) -> Kept:
        photo = photo_at(recipe, house, card, recipe["count"])
        return Kept(keep_all, begin=lambda noise, level: noised(photo, level, noise))

    return developed(recipe, house, guided_by(recipe), keep)


@_technique("text-sdedit")
def sdedit(recipe: Recipe, house: House) -> Plan:
    """SDEdit (Meng et al. 2022): a photo or drawing, noised to several levels and denoised to a prompt.

    The smaller the start, the noisier it begins, and the more is made up.
    """
    rows = [from_photo(recipe, house, start) for start in recipe["starts"]]
    return Plan(together(*rows), columns=len(rows), captions=tuple(f"start {s}" for s in recipe["starts"]))


@_technique("text-inpaint")
def inpaint(recipe: Recipe, house: House) -> Plan:
    """New pixels where the mask is white. Three ways to hold on to the rest:

    re-noised    the photo noised to every level (the course)
    kept clean   the photo itself at every level (diffusers)
    repaint      re-noised, and climbing back now and then so that both parts agree (Lugmayr et al. 2022)
    """
    if not recipe["mask"]:
        raise RecipeError("Mask: nothing is painted yet. Paint white over what shall be new.")

    def keep(card: Card, rng: Rng) -> Kept:
        picture = house.picture(recipe["picture"])
        photo = photo_at(recipe, house, card, recipe["count"])
        mask = mask_of(house.picture(recipe["mask"]), picture, card.shape[-1])
        if recipe["way"] == "kept clean":
            clean = keep_clean(photo, mask)
            return Kept(clean, begin=lambda noise, level: clean(noised(photo, level, noise), level))
        renoised = keep_renoised(photo, mask, rng)
        return Kept(renoised, begin=renoised)

    return developed(recipe, house, guided_by(recipe), keep)


def _at(recipe: Recipe, what: str) -> tuple[str, ...]:
    return tuple(f"{what}, t = {t}" for t in recipe["ts"])
