"""What a recipe may hold: each field with its bounds, default, unit, and the sentence for a bad value.

A field reads whatever a person, a link, a PNG or the API hands it, and answers with a clean value or
with a RecipeError whose message says what is wrong and what to do. Nothing is configured twice: the
widgets of the tabs take their bounds and labels from here.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from diffusion_core.recipes.errors import RecipeError, shown


@dataclass(frozen=True)
class Field:
    """name in the recipe, label for people, default, and how to read a value.

    help is a half-sentence for the tooltip; unit stands behind the label.
    """

    name: str
    label: str
    default: Any
    help: str = ""
    unit: str = ""

    def read(self, value: Any) -> Any:
        raise NotImplementedError

    def fail(self, wrong: str) -> RecipeError:
        return RecipeError(f"{self.label}: {wrong}")


@dataclass(frozen=True)
class Number(Field):
    """A number in low..high; whole numbers only if whole."""

    low: float = 0.0
    high: float = 1.0
    step: float = 0.01
    whole: bool = False

    def read(self, value: Any) -> float | int:
        kind = "a whole number" if self.whole else "a number"
        ask = f"give {kind} from {self.low:g} to {self.high:g}"
        try:
            number = float(value) if not isinstance(value, bool) else math.nan
        except (TypeError, ValueError, OverflowError):
            raise self.fail(f"{ask}, not {shown(value)}.") from None
        if not math.isfinite(number) or (self.whole and number != int(number)):
            raise self.fail(f"{ask}, not {shown(value)}.")
        if not self.low <= number <= self.high:
            raise self.fail(f"{shown(value)} is out of range; {ask}.")
        return int(number) if self.whole else number + 0.0  # -0.0 becomes 0.0


@dataclass(frozen=True)
class Numbers(Field):
    """A short list of numbers, each in low..high: [250, 500] or "250, 500"."""

    low: float = 0.0
    high: float = 1.0
    whole: bool = False
    most: int = 12

    def read(self, value: Any) -> list:
        if isinstance(value, str):
            value = [part for part in re.split(r"[,;\s]+", value) if part]
        elif isinstance(value, (int, float)):
            value = [value]
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= self.most:
            raise self.fail(f"give 1 to {self.most} numbers with commas between, not {shown(value)}.")
        one = Number(self.name, self.label, 0, low=self.low, high=self.high, whole=self.whole)
        return [one.read(each) for each in value]


@dataclass(frozen=True)
class Choice(Field):
    """One of a few words."""

    choices: tuple[str, ...] = ()

    def read(self, value: Any) -> str:
        if value not in self.choices:
            raise self.fail(f"choose one of {', '.join(self.choices)}, not {shown(value)}.")
        return value


@dataclass(frozen=True)
class Seed(Field):
    """What the noise is drawn from; the same seed gives the same picture."""

    def read(self, value: Any) -> int:
        return Number(self.name, self.label, 0, low=0, high=2**31 - 1, whole=True).read(value)


@dataclass(frozen=True)
class Text(Field):
    """A text of at most `most` characters, checked further by `parse`, which raises RecipeError.

    lines: how many lines the box on the page has.
    """

    most: int = 200
    parse: Callable[[str], Any] | None = None
    lines: int = 1

    def read(self, value: Any) -> str:
        if not isinstance(value, (str, int)) or isinstance(value, bool):
            raise self.fail(f"give a text, not {shown(value)}.")
        value = str(value).strip().encode(errors="replace").decode()  # half a surrogate fits into no file
        if len(value) > self.most:
            raise self.fail(f"{len(value)} characters are too many; {self.most} fit.")
        if self.parse:
            self.parse(value)
        return value


@dataclass(frozen=True)
class Picture(Field):
    """A picture, as "example:NAME" or as a PNG in a data URI; kept inside the recipe, so nothing is lost."""

    most: int = 3_000_000  # characters of a data URI
    optional: bool = False

    def read(self, value: Any) -> str | None:
        if value in (None, ""):
            if self.optional:
                return None
            raise self.fail("there is no picture yet. Upload one, draw one, or choose an example.")
        if not isinstance(value, str) or not re.match(r"example:[\w -]+$|data:image/png;base64,", value):
            raise self.fail(f'give "example:NAME" or a PNG as a data URI, not {shown(value)}.')
        if len(value) > self.most:
            raise self.fail("the picture is too large to be kept in a recipe.")
        return value
