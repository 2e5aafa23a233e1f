"""One picture that is another one in every view of it."""

import re

import torch

from diffusion_core.estimates import Card, Estimate, guided, total
from diffusion_core.recipes import Recipe, RecipeError, parsing
from diffusion_core.recipes.errors import shown
from diffusion_core.recipes.parsing import weighted
from diffusion_core.recipes.schema import Choice, Field, Number, Text
from diffusion_core.techniques.batch import developed
from diffusion_core.techniques.cascade import Tell, stage_card
from diffusion_core.techniques.fields import BOTH, MODEL, NEGATIVE, several
from diffusion_core.techniques.registry import House, Plan
from diffusion_core.views import VIEWS, View, view

VIEWS_AT_MOST = 6


def views(text: str) -> list[str]:
    """Names of views with commas or on lines; at least two, since one view alone is no anagram."""
    names = [part.strip().lower().replace(" ", "_") for part in re.split(r"[,;\n]+", text) if part.strip()]
    for name in names:
        if name not in VIEWS:
            raise RecipeError(f"Views: there is none called {shown(name)}; there are {', '.join(VIEWS)}.")
    if not 2 <= len(names) <= VIEWS_AT_MOST:
        raise RecipeError(f"Views: choose 2 to {VIEWS_AT_MOST}, not {len(names)}.")
    return names


FIELDS: tuple[Field, ...] = (
    MODEL,
    several(
        "prompts",
        "an oil painting of an old man\nan oil painting of people around a campfire",
        "one per line and view, with a weight before it if you like: 1.5 * a dog",
        weighted,
    ),
    Text("views", "Views", "identity, half_turn", "as many as prompts, in their order", parse=views),
    Choice(
        "together",
        "Estimates",
        "averaged",
        "averaged: all views have their say at every step; in turns: one view a step",
        choices=("averaged", "in turns"),
    ),
    Number(
        "view_seed",
        "Shuffle",
        0,
        "which jigsaw or permutation, where a view has one",
        low=0,
        high=9999,
        step=1,
        whole=True,
    ),
    NEGATIVE,
    *BOTH,
)


def anagram(recipe: Recipe, house: House) -> Plan:
    """One picture, another thing in every view of it. Both stages see the same views.

    eps = sum_v w_v view_v^-1( eps(prompt_v) of view_v(x) ), sum_v w_v = 1    (Geng et al. 2024, eq. 4);
    or one view after the other, step by step
    """
    parts, seen = parsing.weighted(recipe["prompts"]), _views(recipe, house)
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


def _views(recipe: Recipe, house: House) -> list[View]:
    base = stage_card(recipe.values, house, "I").shape[-1]
    return [view(name, recipe["view_seed"], base) for name in views(recipe["views"])]


def check_fit(views: list[View], card: Card) -> None:
    """RecipeError where a view does not fit the pictures of a stage."""
    for each in views:
        try:
            each.order(torch.empty(1, 1, *card.shape[1:]))
        except ValueError as error:
            raise RecipeError(f"Views: {error}.") from None
