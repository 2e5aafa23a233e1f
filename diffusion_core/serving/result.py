"""What a run gives: frames on the way, a result at the end; and what it costs."""

from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image
from torch import Tensor

from diffusion_core.images import grid
from diffusion_core.levels import Level
from diffusion_core.recipes import Recipe


class Frame(NamedTuple):
    """A run under way: x [B,C,H,W] before evaluation `index` of `of`, the last x0^, seconds to go.

    low, high and columns say how it is shown, as in a Plan. notices: sentences for people, the same in every
    frame of a run: another model took over, a licence, what was cut off a prompt.
    """

    index: int
    of: int
    level: Level
    x: Tensor
    x0: Tensor | None
    eta: float | None
    low: float
    high: float
    columns: int
    notices: tuple[str, ...] = ()


class Kept(NamedTuple):
    """A step kept for the scrubber: uint8 [B,C,H,W] of x and x0^ (None before the first answer)."""

    index: int
    level: Level
    x: Tensor
    x0: Tensor | None


class Result(NamedTuple):
    """A finished run: pictures [B,C,H,W] in [low, high], and the steps that led there.

    recipe is what was really made: where another model took over, it names that one. notices: see Frame.
    """

    recipe: Recipe
    pictures: Tensor
    low: float
    high: float
    columns: int
    captions: tuple[str, ...]
    film: list[Kept]
    seconds: float
    notices: tuple[str, ...] = ()

    def grid(self, zoom: int = 1) -> Image.Image:
        """All pictures on one sheet."""
        return grid.grid(self.pictures, self.columns, self.low, self.high, zoom)


@dataclass(frozen=True)
class Cost:
    """calls: steps that ask something. rows: network evaluations of one picture. seconds: None if unknown."""

    calls: int
    rows: int
    seconds: float | None

    def __str__(self) -> str:
        if not self.calls:
            return "no network is asked"
        calls = f"{self.calls} step{'s' * (self.calls > 1)}, {self.rows:,} network evaluations"
        if self.seconds is None:
            return calls
        return f"{calls}, {'about ' if self.seconds >= 1 else ''}{duration(self.seconds)}"


def duration(seconds: float) -> str:
    """3.2 -> "3 s", 75 -> "1 min 15 s"."""
    if seconds < 1:
        return "under 1 s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60:02d} s"
