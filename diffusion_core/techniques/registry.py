"""From a recipe to a process: the table of techniques, and what each of them is given and gives.

A technique is a short function made of levels, estimates and the one loop. It gets the recipe, checked, and
the house, which knows cards and pictures; it returns a Plan.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from PIL import Image

from diffusion_core.estimates import Card
from diffusion_core.loop import Process
from diffusion_core.recipes import Recipe


class House(Protocol):
    """What a technique may ask for: the card of a network, and the picture that a recipe names."""

    def card(self, name: str) -> Card: ...
    def picture(self, value: str) -> Image.Image: ...


class Plan(NamedTuple):
    """A process, and how its pictures [B,C,H,W] are shown.

    low, high  the range that is black..white
    columns    pictures in a row of the grid
    captions   a text per picture, or none
    again      begins the same process anew, so that it can be counted and then run. None where nobody said
               how: then it is planned twice
    """

    process: Process
    low: float = -1.0
    high: float = 1.0
    columns: int = 1
    captions: tuple[str, ...] = ()
    again: Callable[[], Process] | None = None

    @classmethod
    def of(cls, begin: Callable[[], Process], **shown: Any) -> "Plan":
        """A plan whose process `begin` begins, now and again. shown: low, high, columns, captions."""
        return cls(begin(), again=begin, **shown)


TECHNIQUES: dict[str, Callable[[Recipe, House], Plan]] = {}


def technique(name: str):
    """Register a function under the name of its schema."""

    def register(function: Callable[[Recipe, House], Plan]):
        TECHNIQUES[name] = function
        return function

    return register


def plan(recipe: Recipe, house: House) -> Plan:
    """The one door: any recipe -> its plan. RecipeError if a picture in it cannot be read."""
    return TECHNIQUES[recipe.technique](recipe, house)
