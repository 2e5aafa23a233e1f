"""A house of text models whose networks are a plain function of x, t, prompt and the small picture.

So every expectation of a technique can be computed beside it, without weights.
"""

import contextlib
from collections.abc import Iterator

import pytest
import torch
from fakes import drawing, played
from PIL import Image

from diffusion_core.estimates import Answer, Ask, Card
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.techniques import contact_sheet, text
from diffusion_core.techniques.registry import TECHNIQUES, plan
from diffusion_core.techniques.text import TEXT_SCHEMAS

CARDS = {
    "tiny/I": Card("tiny/I", "eps", (3, 16, 16), "if-cosine", spread=True, threshold=(0.95, 1.5)),
    "tiny/II": Card("tiny/II", "eps", (3, 64, 64), "if-cosine", spread=True, threshold=(0.95, 1.0)),
}
PHOTO, OTHER = drawing(64), drawing(48)
HALF = Image.fromarray((torch.arange(64) >= 32).to(torch.uint8).mul(255).expand(64, 64).numpy())


class House:
    """The cards above, and a few pictures by name."""

    pictures = {
        "photo": PHOTO,
        "other": OTHER,
        "half": HALF,
        "black": Image.new("L", (64, 64)),
        "grey": PHOTO,
    }

    def card(self, name: str) -> Card:
        return CARDS[name]

    def picture(self, value: str) -> Image.Image:
        return self.pictures[value.removeprefix("example:")]


@contextlib.contextmanager
def tables_as_they_were() -> Iterator[None]:
    """Techniques that are added meanwhile leave the house again."""
    tables = [(table, dict(table)) for table in (SCHEMAS, TECHNIQUES)]
    yield
    for table, before in tables:
        table.clear()
        table.update(before)


@pytest.fixture
def text_techniques_installed():
    """The text techniques are in the house for one test, and leave it as it was."""
    with tables_as_they_were():
        text.install()
        yield


@pytest.fixture
def sheets_installed():
    """The sheets are in the house for one test, and leave it as it was."""
    with tables_as_they_were():
        contact_sheet.install()
        yield


def both_ways(model):
    """For a fixture: benchmarks.parity.Both of a model, with the text techniques, which leave again."""
    from benchmarks import parity  # here, since it imports diffusers

    with tables_as_they_were():
        both = parity.Both(model)
        yield both
        both.close()


def recipe(technique: str, **values) -> Recipe:
    names = {field.name for field in TEXT_SCHEMAS[technique]}
    usual = {
        "model": "tiny",
        "picture": "example:photo",
        "mask": "example:half",
        "steps": "8",
        "steps_2": "4",
    }
    return Recipe.of(technique, **{k: v for k, v in (usual | values).items() if k in names or k in values})


def eps_of(x, t: float, label: str, beside=None):
    """A prediction that minds everything it is told."""
    told = 0.1 * len(label)
    out = torch.tanh(0.6 * x + 0.3 * x.roll(1, -1) - 0.2 * x.roll(1, -2) + told) * (0.5 + t / 2000)
    return out if beside is None else out + 0.3 * beside.roll(2, -1)


def spread_of(x, label: str):
    return torch.tanh(x.roll(1, -1) + 0.05 * len(label))


def answer(ask: Ask) -> Answer:
    labels, beside = ask.cond.labels, ask.cond.beside
    rows = [
        eps_of(ask.x[k], ask.level.t, label, None if beside is None else beside[k])
        for k, label in enumerate(labels)
    ]
    return Answer(torch.stack(rows), torch.stack([spread_of(x, label) for x, label in zip(ask.x, labels)]))


def made(technique: str, **values):
    """The steps of a recipe and its pictures, answered by the function above."""
    return played(plan(recipe(technique, **values), House()).process, answer)
