"""What a tab talks to: recipes in, frames out. Networks stay warm behind it, and serve everybody.

studio = Studio()
studio.register(card, load)                    who there is, and how it is loaded when first needed
job = studio.start(recipe, owner)              a run, found again by its id: studio.jobs.get(job.id)
for frame in studio.run(recipe, owner): ...    the same in one go: live frames, then a Result
studio.cost(recipe)                            network calls, rows, seconds: before anything runs
studio.notices(recipe)                         what to know of it: a licence, a prompt that was cut

How networks are kept stands in pool.py, what a job is in job.py.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from functools import lru_cache, partial
from typing import NamedTuple

import torch
from cachetools import LRUCache
from PIL import Image

from diffusion_core import processes
from diffusion_core.estimates import Condition, given
from diffusion_core.images import convert
from diffusion_core.levels import Level
from diffusion_core.loop import Step, ask_once
from diffusion_core.models.deepfloyd.safety import Guard, with_captions
from diffusion_core.models.faults import ModelError
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.serving.engine import Engine
from diffusion_core.serving.job import GRACE, Job, Jobs
from diffusion_core.serving.pool import Keeper
from diffusion_core.serving.result import Cost, Film, Frame, Made, Result
from diffusion_core.techniques import registry
from diffusion_core.techniques.registry import Plan

LOOK = 0.5  # seconds after which a job under way looks whether it is still wanted


class Studio(Keeper):
    """Networks and who keeps them, example pictures, the engine that serves all runs, and their jobs.

    makers  technique -> what makes its jobs, on their own threads; `make` for all that are not named, which
            have a plan and ask the engine
    """

    def __init__(self, engine: Engine | None = None, **engine_options):
        super().__init__()
        self.examples: dict[str, Callable[[], Image.Image]] = {}
        self.engine = engine or Engine(self.network, **engine_options)
        self.jobs = Jobs()
        self.makers: dict[str, Callable[[Job], Made]] = {}
        self._counts = LRUCache(32)  # few: a recipe may hold a picture
        self._counting = threading.Lock()

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
        return convert.from_uri(value)

    def plan(self, recipe: Recipe) -> Plan:
        return registry.plan(recipe, _OnceRead(self))

    def at_once(self, recipe: Recipe) -> Result:
        """The result of a recipe that asks no network, on the caller's thread."""
        plan = self.plan(recipe)
        return Result(recipe, processes.drained(plan.process), *plan[1:5], film=[], seconds=0.0)

    def start(self, recipe: Recipe, owner: str = "", *, grace: float = GRACE, keep: bool = True) -> Job:
        """A job for this recipe, under way at once; see job.py. keep: can others find it by its id later?"""
        make = self.makers.get(recipe.technique, self.make)
        return self.jobs.start(recipe, owner, make, grace, keep)

    def run(self, recipe: Recipe, owner: str = "") -> Iterator[Frame | Result]:
        """Frames as they come (the newest, if the reader is slow), and a Result at the end; for who reads it
        in one go. Closing the generator cancels the run.

        RecipeError, ModelError and Busy carry a sentence.
        """
        job = self.start(recipe, owner, keep=False)
        try:
            yield from job.watch()
        finally:
            job.cancel()

    def make(self, job: Job) -> Result:
        """The picture of a job, on the job's own thread.

        Where the recipe's model cannot be opened, the built-in one takes over; notices say so.
        """
        arrived = time.perf_counter()
        with contextlib.ExitStack() as held:
            recipe, plan, count, notices = self._made_ready(job.recipe, held)
            job.check()
            job.cost, notices = self._cost(count), notices + self.words_on(count.told)
            guard = next(iter(self.guards_of(count.told)), None)
            if guard:
                job.look = partial(_blurred, guard)
            film, pace = Film(plan.low, plan.high, guard and guard.preview), _Pace()

            def hand(step: Step) -> None:
                film.hand(step)
                shown = (plan.low, plan.high, plan.columns, notices)
                job.put(Frame(step.index, step.of, step.level, step.x, step.x0, pace.left(step), *shown))

            run = self.engine.submit(plan.process, job.owner, hand)
            job.attach(run.cancel, lambda: self.engine.place_of(run))
            try:
                while not run.wait(LOOK):
                    job.check()
                    film.develop()
                made = run.result()
            finally:
                run.cancel()
        pictures, withheld = guard.check(made) if guard else (made, ())
        captions = with_captions(plan.captions, withheld) if withheld else plan.captions
        shown = (plan.low, plan.high, plan.columns, tuple(captions))
        seconds = time.perf_counter() - arrived
        return Result(recipe, pictures, *shown, film.ended(made, pictures, withheld), seconds, notices)

    def ready(self, recipe: Recipe) -> None:
        """Read a recipe's prompts and load its networks, ahead of a run. ModelError."""
        self.prepare(self.told(recipe))

    def told(self, recipe: Recipe) -> dict[str, set[Hashable]]:
        """Which networks a recipe asks, and with which labels."""
        return self._count(recipe).told

    def notices(self, recipe: Recipe) -> tuple[str, ...]:
        """What a person should know before running a recipe, as sentences; see Frame. Loads nothing, so it
        knows what was cut off a prompt only if that was read before, or its encoder is there."""
        return self.words_on(self.told(recipe))

    def cost(self, recipe: Recipe) -> Cost:
        """What running the recipe takes, counted by walking its process without answers."""
        return self._cost(self._count(recipe))

    def _made_ready(
        self, recipe: Recipe, held: contextlib.ExitStack
    ) -> tuple[Recipe, Plan, "_Count", tuple[str, ...]]:
        """The recipe planned, with its networks loaded and held; or, with a word on it, the same recipe on
        the model to fall back on. RecipeError, ModelError."""
        try:
            return recipe, *self._planned(recipe, held), ()
        except ModelError as error:
            held.close()
            other = self._instead(recipe)
            if other is None:
                raise
            try:
                planned = self._planned(other, held)
            except (ModelError, RecipeError) as second:
                raise ModelError(f"{error} Nor can the built-in model take its place: {second}") from error
            return other, *planned, (f"{error} This picture is made by the built-in model instead.",)

    def _instead(self, recipe: Recipe) -> Recipe | None:
        """The recipe on the model to fall back on, if it is not that already, and one for such models."""
        if not self.fallback or recipe.values.get("model") in (None, self.fallback):
            return None
        try:
            return recipe.changed(model=self.fallback)
        except RecipeError:
            return None

    def _planned(self, recipe: Recipe, held: contextlib.ExitStack) -> tuple[Plan, "_Count"]:
        """A plan whose process has not begun, and what it asks; its networks are loaded and held."""
        plan = self.plan(recipe)
        with self._counting:
            count, counted = self._counts.get(recipe), None
        if count is None:
            count = counted = self._counted(recipe, plan)
        cards = [self.card(name) for name in count.told]
        held.enter_context(self.holding(count.told))
        self.prepare(count.told)
        if counted or cards != [self.card(name) for name in count.told]:  # loaded, a network knows better
            plan = plan._replace(process=plan.again()) if plan.again else self.plan(recipe)
        return plan, count

    def _count(self, recipe: Recipe) -> "_Count":
        with self._counting:
            count = self._counts.get(recipe)
        return count or self._counted(recipe, self.plan(recipe))

    def _counted(self, recipe: Recipe, plan: Plan) -> "_Count":
        """Walk the process of a plan, which is over then."""
        calls, rows, told = 0, {}, {}
        for step in plan.process:
            calls += bool(step.asks)
            for ask in step.asks:
                rows[ask.network] = rows.get(ask.network, 0) + ask.rows
                told.setdefault(ask.network, set()).update(ask.cond.labels)
        with self._counting:
            self._counts[recipe] = count = _Count(calls, rows, told)
        return count

    def _cost(self, count: "_Count") -> Cost:
        known, rows = self.engine.row_seconds, count.rows
        if any(name not in known for name in rows):
            return Cost(count.calls, sum(rows.values()), None)
        return Cost(count.calls, sum(rows.values()), sum(n * known[name] for name, n in rows.items()))


class _Count(NamedTuple):
    """How many steps of a recipe ask, how many rows each network is asked, and told which labels."""

    calls: int
    rows: dict[str, int]
    told: dict[str, set[Hashable]]


class _OnceRead:
    """What a technique may ask for, its pictures decoded once however often its process begins."""

    def __init__(self, studio: Studio):
        self.card, self.picture = studio.card, lru_cache(8)(studio.picture)


def _blurred(guard: Guard, frame: Frame) -> Frame:
    """A frame as it may be shown before its pictures are checked."""
    return frame._replace(x=guard.preview(frame.x), x0=guard.preview(frame.x0))


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
