"""What a tab talks to: recipes in, frames out. Networks stay warm behind it, and serve everybody.

studio = Studio()
studio.register(card, load)                    who there is, and how it is loaded when first needed
for frame in studio.run(recipe, owner): ...    live frames, then a Result
studio.cost(recipe)                            network calls, rows, seconds: before anything runs
"""

import threading
import time
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from diffusion_core import images, techniques
from diffusion_core.engine import Engine
from diffusion_core.estimates import Card, Condition, given
from diffusion_core.fields import RecipeError
from diffusion_core.levels import CLEAN, Level
from diffusion_core.networks import Network
from diffusion_core.recipes import Recipe
from diffusion_core.runs import Stop
from diffusion_core.safety import UNGUARDED, Guard, with_captions
from diffusion_core.sampling import Process, Step, ask_once
from diffusion_core.techniques import Plan

KEPT_STEPS = 24  # how many steps of a run are kept for the scrubber and the film strip


class Frame(NamedTuple):
    """A run under way: x [B,C,H,W] before evaluation `index` of `of`, the last x0^, seconds to go.

    low, high and columns say how it is shown, as in a Plan.
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


class Kept(NamedTuple):
    """A step kept for the scrubber: uint8 [B,C,H,W] of x and x0^ (None before the first answer)."""

    index: int
    level: Level
    x: Tensor
    x0: Tensor | None


class Result(NamedTuple):
    """A finished run: pictures [B,C,H,W] in [low, high], and the steps that led there."""

    recipe: Recipe
    pictures: Tensor
    low: float
    high: float
    columns: int
    captions: tuple[str, ...]
    film: list[Kept]
    seconds: float

    def grid(self, zoom: int = 1) -> Image.Image:
        """All pictures on one sheet."""
        return images.grid(self.pictures, self.columns, self.low, self.high, zoom)


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


class Studio:
    """Cards, loaders, warm networks, example pictures, and the engine that serves all runs."""

    def __init__(self, engine: Engine | None = None, **engine_options):
        self._cards: dict[str, Card] = {}
        self._loaders: dict[str, Callable[[], Network]] = {}
        self._warm: dict[str, Network] = {}
        self._loading: dict[str, threading.Lock] = {}
        self._guards: dict[str, Guard] = {}
        self.examples: dict[str, Callable[[], Image.Image]] = {}
        self.engine = engine or Engine(self.network, **engine_options)
        self._count = lru_cache(32)(self._counted)  # few: a recipe may hold a picture

    def register(self, card: Card, load: Callable[[], Network]) -> None:
        """Tell the studio of a network; `load` is called once, when it is first needed."""
        self._cards[card.name] = card
        self._loaders[card.name] = load
        self._loading[card.name] = threading.Lock()

    def guard(self, name: str, guard: Guard) -> None:
        """Show nothing that this network made unless it has passed the guard, see safety.py."""
        self._guards[name] = guard

    def card(self, name: str) -> Card:
        """RecipeError if no such network is there."""
        if name not in self._cards:
            raise RecipeError(f"The model {name} is not here. Its weights may be missing from checkpoints/.")
        return self._cards[name]

    def network(self, name: str) -> Network:
        """The network, loaded by whoever comes first; others wait. Raises what the loader raises."""
        if name not in self._warm:
            with self._loading[self.card(name).name]:
                if name not in self._warm:
                    self._warm[name] = self._loaders[name]()
        return self._warm[name]

    def warm(self, name: str, rows: int = 8) -> None:
        """Load a network ahead of its first visitor, and learn what a row costs on this machine."""
        self.network(name)
        card = self.card(name)
        probe = given(card, Condition((None,) * rows))
        for _ in range(2):  # the first forward also pays for what is set up once
            x = torch.zeros(rows, *card.shape)
            self.engine.submit(ask_once(x, Level(0.0, 1.0, 1.0), probe), owner="warm").result()

    def picture(self, value: str) -> Image.Image:
        """The picture a recipe names: an example, or the data it carries."""
        if value.startswith("example:"):
            name = value.removeprefix("example:")
            if name not in self.examples:
                raise RecipeError(
                    f"There is no example called {name!r}; there are {', '.join(self.examples)}."
                )
            return self.examples[name]()
        return images.from_uri(value)

    def plan(self, recipe: Recipe) -> Plan:
        return techniques.plan(recipe, self)

    def at_once(self, recipe: Recipe) -> Result:
        """The result of a recipe that asks no network, on the caller's thread."""
        plan = self.plan(recipe)
        return Result(recipe, techniques.drained(plan.process), *plan[1:], film=[], seconds=0.0)

    def run(self, recipe: Recipe, owner: str = "", stop: Stop | None = None) -> Iterator[Frame | Result]:
        """Frames as they come (the newest, if the reader is slow), and a Result at the end.

        Closing the generator cancels the run; so does stop.now(), from any thread, and then this raises
        Cancelled. RecipeError, CheckpointError and Busy carry a sentence.
        """
        began = time.perf_counter()
        plan = self.plan(recipe)
        told = self._count(recipe)[2]
        for name, labels in told.items():
            self.network(name).prepare(labels)
        guard = next((self._guards[name] for name in told if name in self._guards), UNGUARDED)
        film: list[Kept] = []
        run = self.engine.submit(_kept(plan, film, guard), owner)
        if stop:
            stop.attach(run.cancel)
        try:
            for step in run:
                x, x0 = guard.preview(step.x), guard.preview(step.x0)
                shown = (plan.low, plan.high, plan.columns)
                yield Frame(step.index, step.of, step.level, x, x0, _eta(step, began), *shown)
            pictures, withheld = guard.check(run.result())
        finally:
            run.cancel()
        plan = plan._replace(captions=with_captions(plan.captions, withheld))
        yield Result(recipe, pictures, *plan[1:], film=film, seconds=time.perf_counter() - began)

    def cost(self, recipe: Recipe) -> Cost:
        """What running the recipe takes, counted by walking its process without answers."""
        calls, rows, _ = self._count(recipe)
        known = self.engine.row_seconds
        if any(name not in known for name in rows):
            return Cost(calls, sum(rows.values()), None)
        return Cost(calls, sum(rows.values()), sum(n * known[name] for name, n in rows.items()))

    def _counted(self, recipe: Recipe) -> tuple[int, dict[str, int], dict[str, set[Hashable]]]:
        """How many steps ask, how many rows each network is asked, and told which labels."""
        calls, rows, told = 0, {}, {}
        for step in self.plan(recipe).process:
            calls += bool(step.asks)
            for ask in step.asks:
                rows[ask.network] = rows.get(ask.network, 0) + ask.rows
                told.setdefault(ask.network, set()).update(ask.cond.labels)
        return calls, rows, told


def _eta(step: Step, began: float) -> float | None:
    if not step.index:
        return None
    return (time.perf_counter() - began) / step.index * (step.of - step.index)


def _kept(plan: Plan, film: list[Kept], guard: Guard) -> Process:
    """The plan's process, with about KEPT_STEPS of its steps put aside on the way, and the end."""

    def put_aside(index: int, level: Level, x: Tensor, x0: Tensor | None) -> None:
        x, x0 = guard.preview(x), guard.preview(x0)
        x = _as_bytes(x, *images.noisy_range(plan.low, plan.high, level.sigma))
        film.append(Kept(index, level, x, None if x0 is None else _as_bytes(x0, plan.low, plan.high)))

    process, answers, step = plan.process, None, None
    try:
        while True:
            step = next(process) if answers is None else process.send(answers)
            if step.index == round(len(film) * step.of / min(KEPT_STEPS, step.of)):
                put_aside(step.index, step.level, step.x, step.x0)
            answers = yield step
    except StopIteration as end:
        if step is not None and end.value.shape == step.x.shape:
            put_aside(step.of, CLEAN, end.value, end.value)
        return end.value
    finally:
        process.close()


def _as_bytes(x: Tensor, low: float, high: float) -> Tensor:
    return (((x - low) / (high - low)).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
