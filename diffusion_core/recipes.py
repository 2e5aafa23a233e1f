"""A recipe: plain data that says everything about a picture, and nothing about how it is drawn.

A tab makes one, a PNG carries one, a link carries one, the API takes one. It survives JSON, PNG and
link unchanged, and gives the same picture again. `SCHEMAS` is the one place where bounds, defaults,
units and messages stand; techniques.py turns a recipe into a process.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from diffusion_core.fields import (
    Choice,
    Field,
    Number,
    Numbers,
    Picture,
    RecipeError,
    Seed,
    Text,
    digits,
    shown,
)

VERSION = 1
LONGEST_JSON = 4_000_000  # characters

SEED = Seed("seed", "Seed", 0, "the same seed gives the same picture")

MNIST_MODEL = (
    Choice("model", "Model", "flow", choices=("flow", "ddpm")),
    Choice("conditioning", "Conditioned on", "class", choices=("class", "time")),
)
MNIST_SAMPLER = (
    Number("steps", "Steps", 50, "network evaluations", low=1, high=300, step=1, whole=True),
    Choice(
        "solver",
        "Solver",
        "as trained",
        "as trained is Euler for flow and ancestral for DDPM",
        choices=("as trained", "ddim", "dpm++ 2m", "ancestral"),
    ),
    Choice("snapshot", "Trained", "last", choices=("early", "last")),
    SEED,
)

SCHEMAS: dict[str, tuple[Field, ...]] = {
    "forward-noise": (
        Picture("picture", "Picture", "example:Rocket"),
        Choice("schedule", "Schedule", "if-cosine", choices=("if-cosine", "ddpm-linear", "rectified")),
        Number("t", "t", 500, "0 is the picture, 999 is noise", low=0, high=999, step=1, whole=True),
        Choice("form", "x_t is", "scaled", choices=("scaled", "only added noise")),
        Numbers("strip", "Strip at t", [250, 500, 750], low=0, high=999, whole=True),
        SEED,
    ),
    "mnist-denoise": (
        Picture("picture", "Digit", "example:Digit 3"),
        Number(
            "sigma", "sigma", 0.5, "how much noise; the model was trained at 0.5", low=0, high=1.5, step=0.05
        ),
        SEED,
    ),
    "mnist-pure-noise": (
        Number(
            "count", "Draws", 64, "how many times pure noise goes in", low=1, high=100, step=1, whole=True
        ),
        Choice("snapshot", "Trained", "last", choices=("early", "last")),
        SEED,
    ),
    "mnist-sample": (
        *MNIST_MODEL,
        Number(
            "gamma", "gamma", 5.0, "guidance scale: 0 ignores the digit, 1 is plain", low=0, high=20, step=0.5
        ),
        Text("digits", "Digits", "0-9", "like 0-9, 3141592653, or a grid 4x10", parse=digits),
        *MNIST_SAMPLER,
    ),
    "mnist-gamma-sweep": (
        *MNIST_MODEL[:1],
        Numbers("gammas", "gamma", [0, 1, 2, 5, 10, 20], "guidance scales, a row each", low=0, high=20),
        Text("digits", "Digits", "0-9", "the columns, at most ten", parse=partial(digits, most=10)),
        *MNIST_SAMPLER,
    ),
}


@dataclass(frozen=True)
class Recipe:
    """technique, and a clean value for each of its fields. Make one with Recipe.of, which checks."""

    technique: str
    values: Mapping[str, Any]

    @classmethod
    def of(cls, technique: str, /, **values: Any) -> "Recipe":
        """A checked recipe; what is not given takes its default. RecipeError with a sentence otherwise."""
        if technique not in SCHEMAS:
            raise RecipeError(f"The technique {shown(technique)} is unknown; there are {', '.join(SCHEMAS)}.")
        schema = SCHEMAS[technique]
        strange = sorted(set(values) - {field.name for field in schema})
        if strange:
            raise RecipeError(f"{technique} has no setting {shown(strange[0])}.")
        clean = {field.name: field.read(values.get(field.name, field.default)) for field in schema}
        return cls(technique, MappingProxyType(clean))

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.to_json())

    def __reduce__(self):
        """Pickled as plain data, on its way to a worker and back."""
        return Recipe.from_dict, (self.to_dict(),)

    def changed(self, **values: Any) -> "Recipe":
        """The same recipe with some values changed, checked again."""
        return Recipe.of(self.technique, **{**self.values, **values})

    def to_dict(self) -> dict[str, Any]:
        return {"darkroom": VERSION, "technique": self.technique, **self.values}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "Recipe":
        """RecipeError if the text is no JSON, not Darkroom's, or holds values out of bounds."""
        if len(text) > LONGEST_JSON:
            raise RecipeError("This recipe is too long to be one of ours.")
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            raise RecipeError("This is not a Darkroom recipe: it is no JSON.") from None
        return cls.from_dict(data)

    @classmethod
    def from_dict(cls, data: Any) -> "Recipe":
        if not isinstance(data, dict) or "darkroom" not in data or not isinstance(data.get("technique"), str):
            raise RecipeError("This is not a Darkroom recipe.")
        if data["darkroom"] != VERSION:
            found = shown(data["darkroom"])
            raise RecipeError(f"This recipe is of version {found}; this Darkroom reads version {VERSION}.")
        values = {k: v for k, v in data.items() if k not in ("darkroom", "technique")}
        return cls.of(data["technique"], **values)

    def to_link(self) -> str:
        """The recipe as a word for a link, without "?": letters, digits, - and _ only."""
        return base64.urlsafe_b64encode(zlib.compress(self.to_json().encode(), 9)).decode().rstrip("=")

    @classmethod
    def from_link(cls, word: str) -> "Recipe":
        """What to_link made. RecipeError if the word was cut or is not ours."""
        broken = RecipeError("This link holds no recipe that I can read; perhaps it was cut short.")
        try:
            packed = base64.urlsafe_b64decode(word.encode("ascii") + b"=" * (-len(word) % 4))
            unpacker = zlib.decompressobj()
            text = unpacker.decompress(packed, LONGEST_JSON).decode()
        except (ValueError, binascii.Error, zlib.error):
            raise broken from None
        if not unpacker.eof:
            raise broken
        return cls.from_json(text)


def field_of(technique: str, name: str) -> Field:
    """The field `name` of a technique: the widgets take bounds, label and default from it."""
    return next(field for field in SCHEMAS[technique] if field.name == name)
