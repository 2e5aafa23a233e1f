"""What a run gives: frames on the way, a film of its steps, a result at the end; and what it costs."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol

import torch
from PIL import Image
from torch import Tensor

from diffusion_core.images import convert, export, grid
from diffusion_core.levels import CLEAN, Level
from diffusion_core.loop import Step
from diffusion_core.recipes import Recipe

KEPT_STEPS = 24  # how many steps of a run are kept for the scrubber and the film strip
THUMBNAIL, THUMBNAILS = 144, 9  # pixels, and pictures on one of them

Blur = Callable[[Tensor | None], Tensor | None]
"""What may be shown of pictures that nobody has checked yet, see safety.py."""


class Cancelled(Exception):
    """The job was stopped before its picture was done."""


class Made(Protocol):
    """What a job ends with: a Result, say."""

    recipe: Recipe

    @property
    def nbytes(self) -> int: ...
    def thumbnail(self) -> str: ...


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

    @property
    def nbytes(self) -> int:
        return self.x.nbytes + (0 if self.x0 is None else self.x0.nbytes)

    def sheets(self, columns: int) -> tuple[Image.Image, Image.Image | None]:
        """x_t and x0^ on a sheet each, so many pictures in a row; x_t in the wider range that noise needs."""
        zoom = grid.zoom_for(columns, self.x.shape[-1])
        low, high = convert.noisy_range(self.low, self.high, self.level.sigma)
        x_t = grid.grid(self.x, columns, low, high, zoom=zoom)
        return x_t, None if self.x0 is None else grid.grid(self.x0, columns, self.low, self.high, zoom=zoom)


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

    @property
    def nbytes(self) -> int:
        """The bytes of its pictures and its steps."""
        kept = [each for step in self.film for each in (step.x, step.x0) if each is not None]
        return sum(each.nbytes for each in (self.pictures, *kept))

    def thumbnail(self) -> str:
        """Its first pictures on a small square, as a data URI: sent with every run of a visit."""
        few = self.pictures[:THUMBNAILS]
        columns = math.ceil(math.sqrt(len(few)))
        zoom = max(1, THUMBNAIL // (columns * few.shape[-1]))
        small = grid.grid(few, columns, self.low, self.high, zoom).convert("RGB")
        small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
        return export.source(small, lossy=True)


class Film:
    """The film of a run: about KEPT_STEPS of its steps, and its end.

    `hand` takes every step and is quick: it only says which are kept. `develop` makes bytes of them, on
    another thread; `ended` gives the film.

    low, high  the range of pictures, as in a Plan
    blur       what may be shown of them before they are checked
    """

    def __init__(self, low: float, high: float, blur: Blur | None = None):
        self.low, self.high, self.blur = low, high, blur
        self._count, self._side = 0, 0
        self._last: Step | None = None
        self._waiting: deque[tuple[int, Level, Tensor, Tensor | None]] = deque()
        self._kept: list[Kept] = []

    def hand(self, step: Step) -> None:
        """A step of the run, in order."""
        self._last, side = step, step.x.shape[-1]
        grew = self._count and self._side < side  # stage II begins: x0^ is the small one
        if grew or step.index == round(self._count * step.of / min(KEPT_STEPS, step.of)):
            self._waiting.append((step.index, step.level, step.x, step.x0))
            self._count, self._side = self._count + 1, side

    def develop(self) -> None:
        """Make bytes of what was handed in since."""
        while self._waiting:
            index, level, x, x0 = self._waiting.popleft()
            if self.blur:
                x, x0 = self.blur(x), self.blur(x0)
            x = _as_bytes(x, *convert.noisy_range(self.low, self.high, level.sigma))
            x0 = None if x0 is None else _as_bytes(x0, self.low, self.high)
            self._kept.append(Kept(index, level, x, x0))

    def ended(self, pictures: Tensor, checked: Tensor, withheld: Sequence[bool]) -> list[Kept]:
        """The film of pictures [B,C,H,W] that a guard has seen: its end is `checked`, what passed, and of a
        picture that was withheld nothing is left. A film of other pictures goes dark as a whole if one was.
        """
        self.develop()
        film = self._kept
        if any(withheld):
            dark = partial(_darkened, withheld)
            film = [kept._replace(x=dark(kept.x), x0=dark(kept.x0)) for kept in film]
        if self._last is not None and pictures.shape == self._last.x.shape:
            end = _as_bytes(checked, self.low, self.high)
            film = [*film, Kept(self._last.of, CLEAN, end, end)]
        return film


def _darkened(withheld: Sequence[bool], x: Tensor | None) -> Tensor | None:
    if x is None:
        return None
    dark = torch.tensor(withheld) if len(withheld) == len(x) else torch.ones(len(x), dtype=torch.bool)
    return x.masked_fill(dark.view(-1, 1, 1, 1), 0)


def _as_bytes(x: Tensor, low: float, high: float) -> Tensor:
    return (((x - low) / (high - low)).clamp(0, 1) * 255).round().to(torch.uint8).cpu()


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
