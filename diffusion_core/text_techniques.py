"""Every technique on a text-to-image cascade: which estimate it asks for, and what it keeps of a photo.

A technique is written once, as a function of the card, and so works at stage I (64 pixels) and again at
stage II (256): there every condition also holds the small picture beside x. With eps(p) for what the
network answers to prompt p, and eps(n) to the null or negative prompt n:

    guidance     (1 - gamma) eps(n) + gamma eps(p)                           Ho and Salimans 2022
    arithmetic   (1 - gamma sum_k w_k) eps(n) + gamma sum_k w_k eps(p_k)     Liu et al. 2022, eq. 11
    anagram      sum_v w_v view_v^-1( guided eps(p_v) of view_v(x) )         Geng et al. 2024, eq. 4
    hybrid       sum_b band_b( guided eps(p_b) )                             Geng et al. 2024b, eq. 5

text_parts.py turns an estimate into a run at one or both stages; text_photo.py and text_edit.py have the
techniques that begin from a photo. `install` adds all of them and their schemas to the house.
"""

from collections.abc import Callable

import torch

from diffusion_core import text_denoise, text_edit, text_input, text_photo
from diffusion_core.estimates import Card, Estimate, given, guided
from diffusion_core.fields import RecipeError
from diffusion_core.filters import bank, part
from diffusion_core.recipes import SCHEMAS, Recipe
from diffusion_core.sampling import Rng
from diffusion_core.techniques import TECHNIQUES, House, Plan
from diffusion_core.text_loop import keep_part
from diffusion_core.text_parts import (
    IN_A_ROW,
    Kept,
    Tell,
    compared,
    developed,
    enlarged,
    guided_by,
    rng_of,
    seeds_of,
    stage_card,
    total,
)
from diffusion_core.text_photo import photo_at
from diffusion_core.text_recipes import TEXT_SCHEMAS
from diffusion_core.views import View, view

TEXT_TECHNIQUES: dict[str, Callable[[Recipe, House], Plan]] = {
    "text-noise": text_photo.noise,
    "text-blur": text_photo.blur,
    "text-one-step": text_photo.one_step,
    "text-denoise": text_denoise.denoise,
    "text-iterative": text_photo.iterative,
    "text-sdedit": text_edit.sdedit,
    "text-inpaint": text_edit.inpaint,
}


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
    """Pictures out of noise, with classifier-free guidance (Ho and Salimans 2022, eq. 6):

    eps = (1 - gamma) eps(null) + gamma eps(prompt)

    Stage II, if asked for, does the same at four times the size, with the noised small picture beside x.
    """
    return developed(recipe, house, guided_by(recipe))


@_technique("text-enlarge")
def enlarge(recipe: Recipe, house: House) -> Plan:
    """Stage II alone: a picture, shrunk to the size of stage I, and enlarged again with a prompt.

    The network sees cat[x_t, alpha up(small) + sigma z] and is told the noise level of z (Ho et al. 2022,
    "Cascaded Diffusion Models", section 4).
    """
    small = photo_at(recipe.values, house, stage_card(recipe.values, house, "I"))
    process = enlarged(recipe.values, house, small, rng_of(recipe.values), guided_by(recipe))
    columns = min(IN_A_ROW, recipe["count"])
    return Plan(process, columns=columns, captions=seeds_of(recipe.values))


@_technique("text-arithmetic")
def arithmetic(recipe: Recipe, house: House) -> Plan:
    """Several prompts in one picture, each with a weight; a negative weight leads away from its prompt:

    eps = eps(null) + gamma sum_k w_k (eps(prompt_k) - eps(null))    (Liu et al. 2022, eq. 11)
    """

    def build(card: Card, tell: Tell, gamma: float) -> list[Estimate]:
        parts = text_input.weighted(recipe["prompts"])
        null = given(card, tell(recipe["negative"]), shapes_spread=False)
        towards = [gamma * w * given(card, tell(prompt), shapes_spread=w > 0) for w, prompt in parts]
        return [total([(1 - gamma * sum(each.weight for each in parts)) * null, *towards])]

    return developed(recipe, house, build)


@_technique("text-anagram")
def anagram(recipe: Recipe, house: House) -> Plan:
    """One picture, another thing in every view of it. Both stages see the same views.

    eps = sum_v w_v view_v^-1( eps(prompt_v) of view_v(x) ), sum_v w_v = 1    (Geng et al. 2024, eq. 4);
    or one view after the other, step by step
    """
    parts, seen = text_input.weighted(recipe["prompts"]), _views(recipe, house)
    if len(parts) != len(seen):
        raise RecipeError(f"{len(seen)} views need as many prompts, one per line; there are {len(parts)}.")
    weights = [each.weight for each in parts]
    if min(weights) <= 0:
        raise RecipeError("Prompts: in an anagram, the weight of a view must be above 0.")
    in_turns = recipe["together"] == "in turns"
    if in_turns and len(set(weights)) > 1:
        raise RecipeError(
            "Prompts: views that take turns all have the same say. Leave the weights out, or choose averaged."
        )

    def build(card: Card, tell: Tell, gamma: float) -> list[Estimate]:
        check_fit(seen, card)
        null = tell(recipe["negative"])
        each = [guided(card, tell(p.prompt), null, gamma).seen(v) for p, v in zip(parts, seen)]
        return each if in_turns else [total([w / sum(weights) * e for w, e in zip(weights, each)])]

    return developed(recipe, house, build)


@_technique("text-hybrid")
def hybrid(recipe: Recipe, house: House) -> Plan:
    """Another prompt for every band of frequencies (or for grey and colour, or moved and still).

    eps = sum_b band_b( eps(prompt_b) ), sum_b band_b = identity    (Geng et al. 2024b, eq. 5)
    """
    prompts, bands = text_input.prompts(recipe["prompts"]), bank(recipe["bands"], recipe["sigma"])
    if len(prompts) != len(bands):
        names = ", ".join(band.name for band in bands)
        raise RecipeError(f"{len(bands)} bands ({names}) need as many prompts; there are {len(prompts)}.")

    def build(card: Card, tell: Tell, gamma: float) -> list[Estimate]:
        null = tell(recipe["negative"])
        return [total([guided(card, tell(p), null, gamma).after(band) for p, band in zip(prompts, bands)])]

    return developed(recipe, house, build)


@_technique("text-hybrid-photo")
def hybrid_photo(recipe: Recipe, house: House) -> Plan:
    """One part of a photo, its low frequencies for example, and all the rest from the prompt:

    x <- x - part(x) + part(alpha x0 + sigma z) after every step    (Geng et al. 2024b, section 3.4)
    """
    held = part(recipe["part"], recipe["sigma"])

    def keep(card: Card, rng: Rng) -> Kept:
        constrain = keep_part(photo_at(recipe.values, house, card), held, rng)
        return Kept(constrain, begin=constrain)

    return developed(recipe, house, guided_by(recipe), keep)


# --- comparisons on the same seeds ----------------------------------------------------------------------


@_technique("text-steps")
def steps(recipe: Recipe, house: House) -> Plan:
    """The same noise in 5, 10, 20, ... steps: a column per list of timesteps, a row per seed.

    Between neighbours t > t' of a list, alpha = abar_t / abar_t' and beta = 1 - alpha (Ho et al. 2020, eq. 7,
    on a shorter path; Nichol and Dhariwal 2021, section 4): the fewer the steps, the wider each of them.
    """
    lists = text_input.lists(recipe["counts"])
    columns = [(f"{name} steps" if name.isdigit() else name, {"steps": name}) for name in lists]
    return compared(recipe, house, guided_by(recipe), columns)


@_technique("text-gamma-sweep")
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


# --- views ----------------------------------------------------------------------------------------------


def _views(recipe: Recipe, house: House) -> list[View]:
    base = stage_card(recipe.values, house, "I").shape[-1]
    return [view(name, recipe["view_seed"], base) for name in text_input.views(recipe["views"])]


def check_fit(views: list[View], card: Card) -> None:
    """RecipeError where a view does not fit the pictures of a stage."""
    for each in views:
        try:
            each.order(torch.empty(1, 1, *card.shape[1:]))
        except ValueError as error:
            raise RecipeError(f"Views: {error}.") from None
