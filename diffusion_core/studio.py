"""What a tab talks to: recipes in, frames out. Networks stay warm behind it, and serve everybody.

studio = Studio()
studio.register(card, load)                    who there is, and how it is loaded when first needed
for frame in studio.run(recipe, owner): ...    live frames, then a Result
studio.cost(recipe)                            network calls, rows, seconds: before anything runs
studio.notices(recipe)                         what to know of it: a licence, a prompt that was cut

How networks are kept stands in keeper.py.
"""

import contextlib
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from diffusion_core import images, techniques
from diffusion_core.engine import Engine
from diffusion_core.estimates import Condition, given
from diffusion_core.faults import ModelError
from diffusion_core.fields import RecipeError
from diffusion_core.keeper import Keeper
from diffusion_core.levels import CLEAN, Level
from diffusion_core.recipes import Recipe
from diffusion_core.runs import Stop
from diffusion_core.safety import UNGUARDED, Guard, with_captions
from diffusion_core.sampling import Process, Step, ask_once
from diffusion_core.techniques import Plan

KEPT_STEPS = 24  # how many steps of a run are kept for the scrubber and the film strip


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


class Studio(Keeper):
    """Networks and who keeps them, example pictures, and the engine that serves all runs."""

    def __init__(self, engine: Engine | None = None, **engine_options):
        super().__init__()
        self.examples: dict[str, Callable[[], Image.Image]] = {}
        self.engine = engine or Engine(self.network, **engine_options)
        self._count = lru_cache(32)(self._counted)  # few: a recipe may hold a picture

    def warm(self, name: str, rows: int = 8) -> None:
        """Load a network ahead of its first visitor, and learn what a row costs on this machine."""
        nobody = (None,) * rows
        with self.holding([name]):
            self.prepare({name: nobody})
            card = self.card(name)
            x = torch.zeros(rows, *card.shape)
            beside, noise = (torch.zeros_like(x), 0) if card.beside else (None, None)
            probe = given(card, Condition(nobody, beside, noise))
            for _ in range(2):  # the first forward also pays for what is set up once
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

        Where the recipe's model cannot be opened, the built-in one takes over; notices say so. Closing the
        generator cancels the run; so does stop.now(), from any thread, and then this raises Cancelled.
        RecipeError, ModelError and Busy carry a sentence.
        """
        arrived = time.perf_counter()
        with contextlib.ExitStack() as held:
            recipe, notices = self._made_ready(recipe, held)
            plan = self.plan(recipe)
            told = self.told(recipe)
            notices += self.words_on(told)
            guard = next(iter(self.guards_of(told)), UNGUARDED)
            film: list[Kept] = []
            run = self.engine.submit(_kept(plan, film, guard), owner)
            pace = _Pace()
            if stop:
                stop.attach(run.cancel)
            try:
                for step in run:
                    x, x0 = guard.preview(step.x), guard.preview(step.x0)
                    shown = (plan.low, plan.high, plan.columns, notices)
                    yield Frame(step.index, step.of, step.level, x, x0, pace.left(step), *shown)
                pictures, withheld = guard.check(run.result())
            finally:
                run.cancel()
        film = _checked(film, pictures, withheld, plan)
        plan = plan._replace(captions=with_captions(plan.captions, withheld))
        seconds = time.perf_counter() - arrived
        yield Result(recipe, pictures, *plan[1:], film=film, seconds=seconds, notices=notices)

    def ready(self, recipe: Recipe) -> None:
        """Read a recipe's prompts and load its networks, ahead of a run. ModelError."""
        self.prepare(self.told(recipe))

    def told(self, recipe: Recipe) -> dict[str, set[Hashable]]:
        """Which networks a recipe asks, and with which labels."""
        return self._count(recipe)[2]

    def notices(self, recipe: Recipe) -> tuple[str, ...]:
        """What a person should know before running a recipe, as sentences; see Frame. Loads nothing, so it
        knows what was cut off a prompt only if that was read before, or its encoder is there."""
        return self.words_on(self.told(recipe))

    def _made_ready(self, recipe: Recipe, held: contextlib.ExitStack) -> tuple[Recipe, tuple[str, ...]]:
        """The recipe with its networks loaded and held; or, with a word on it, the same recipe on the model
        to fall back on. RecipeError, ModelError."""
        try:
            held.enter_context(self.holding(self.told(recipe)))
            self.ready(recipe)
            return recipe, ()
        except ModelError as error:
            held.close()
            other = self._instead(recipe)
            if other is None:
                raise
            try:
                held.enter_context(self.holding(self.told(other)))
                self.ready(other)
            except (ModelError, RecipeError) as second:
                raise ModelError(f"{error} Nor can the built-in model take its place: {second}") from error
            return other, (f"{error} This picture is made by the built-in model instead.",)

    def _instead(self, recipe: Recipe) -> Recipe | None:
        """The recipe on the model to fall back on, if it is not that already, and one for such models."""
        if not self.fallback or recipe.values.get("model") in (None, self.fallback):
            return None
        try:
            return recipe.changed(model=self.fallback)
        except RecipeError:
            return None

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


class _Pace:
    """How fast a run's steps come, from the first one that was seen: what was waited before, for weights or
    for one's turn, is no part of it."""

    def __init__(self):
        self._submitted, self._began = time.perf_counter(), None

    def left(self, step: Step) -> float | None:
        """Seconds until the last step, None before that can be told."""
        now = time.perf_counter()
        if self._began is None:  # a reader who missed the first steps counts from when they were asked for
            self._began = self._submitted if step.index else now
        return (now - self._began) / step.index * (step.of - step.index) if step.index else None


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
            grew = film and film[-1].x.shape[-1] < step.x.shape[-1]  # stage II begins: x0^ is the small one
            if grew or step.index == round(len(film) * step.of / min(KEPT_STEPS, step.of)):
                put_aside(step.index, step.level, step.x, step.x0)
            answers = yield step
    except StopIteration as end:
        if step is not None and end.value.shape == step.x.shape:
            put_aside(step.of, CLEAN, end.value, end.value)
        return end.value
    finally:
        process.close()


def _checked(film: list[Kept], pictures: Tensor, withheld: Sequence[bool], plan: Plan) -> list[Kept]:
    """The film of pictures [B,C,H,W] that a guard has seen: its end is what passed, and of a picture that
    was withheld nothing is left. A film of other pictures goes dark as a whole if one was withheld."""

    def darkened(x: Tensor | None) -> Tensor | None:
        if x is None or not any(withheld):
            return x
        dark = torch.tensor(withheld) if len(withheld) == len(x) else torch.ones(len(x), dtype=torch.bool)
        return x.masked_fill(dark.view(-1, 1, 1, 1), 0)

    film = [kept._replace(x=darkened(kept.x), x0=darkened(kept.x0)) for kept in film]
    if film and film[-1].level == CLEAN:
        end = _as_bytes(pictures, plan.low, plan.high)
        film[-1] = film[-1]._replace(x=end, x0=end)
    return film


def _as_bytes(x: Tensor, low: float, high: float) -> Tensor:
    return (((x - low) / (high - low)).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
