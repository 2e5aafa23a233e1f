"""A recipe: plain data that says everything about a picture, and nothing about how it is drawn.

A tab makes one, a PNG carries one, a link carries one, the API takes one. It survives JSON, PNG and
link unchanged, and gives the same picture again. techniques/ fills SCHEMAS, and makes a process of a recipe.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from diffusion_core.recipes.errors import RecipeError, shown
from diffusion_core.recipes.schema import Field

VERSION = 1
LONGEST_JSON = 4_000_000  # characters

SCHEMAS: dict[str, tuple[Field, ...]] = {}
"""Technique -> its fields: the one place where bounds, defaults, units and messages stand."""


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
