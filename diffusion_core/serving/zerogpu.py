"""ZeroGPU, the free GPUs of Hugging Face Spaces: a process has one only while a decorated function runs, and
that runs in a forked worker.

What follows from it: `spaces` is imported before anything touches CUDA, so import this module first; the
models are moved to the GPU when the app starts, and `spaces` hands them to each worker; what goes in and
comes out is pickled; what a worker changes in memory stays there. No thread may own the GPU for long, so the
engine of a worker has none: its job drains it (engine.py).

    take_over(studio)      before the page is launched; does nothing anywhere else

The recipes of text models are made in workers; the small MNIST models stay on the CPU, as everywhere.
"""

import contextlib
import copy
import importlib
import os
import pickle
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import torch

from diffusion_core.models.catalog import BUILT_IN, STAGES
from diffusion_core.models.faults import ModelError
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.serving.engine import Busy, Engine, OutOfMemory
from diffusion_core.serving.job import Job, Jobs
from diffusion_core.serving.result import Frame, Result
from diffusion_core.serving.studio import Studio

FRIENDLY = {error.__name__: error for error in (RecipeError, ModelError, Busy, OutOfMemory)}

PREVIEW_SECONDS = 0.25  # between two frames that a worker sends
START = 15.0  # seconds that a worker takes to begin: it is forked, and gets the weights
ROW = {"I": 0.02, "II": 0.05}  # seconds per network evaluation, until a worker has told better
MARGIN = 1.5
LONGEST = 120.0  # seconds that may be asked for


def is_wanted(environment: Mapping[str, str] = os.environ) -> bool:
    """Is this a Space with ZeroGPU?"""
    return environment.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


spaces = importlib.import_module("spaces") if is_wanted() else None


class Learned(NamedTuple):
    """What a worker knows better now: seconds per row of each network."""

    row_seconds: dict[str, float]


class Wrong(NamedTuple):
    """What ended a run, with its sentence: an exception itself would reach us as its name only."""

    kind: str
    sentence: str


def take_over(studio: Studio, gpu: Callable | None = None, models: str | None = None) -> None:
    """Let the text models of a studio compute in ZeroGPU workers.

    gpu     the decorator, spaces.GPU unless said
    models  which are moved to the GPU now, by name and with commas; DARKROOM_ZERO_MODELS unless said
    """
    gpu = gpu or (spaces and spaces.GPU)
    if gpu is None:
        return
    wished = models or os.environ.get("DARKROOM_ZERO_MODELS", BUILT_IN)
    for model in filter(None, map(str.strip, wished.split(","))):
        for stage in STAGES:
            try:
                studio.network(f"{model}/{stage}")
            except (ModelError, RecipeError) as error:
                print(error)
    here, inside = studio.make, drained(studio)

    @gpu(duration=lambda values, owner: seconds_for(studio, Recipe.from_dict(values)))
    def developed(values: dict[str, Any], owner: str) -> Iterator[bytes]:
        for event in told(inside, Recipe.from_dict(values), owner):
            yield pickle.dumps(
                event
            )  # by us: torch would pass handles of its memory, and the worker may be gone

    def make(job: Job) -> Result:
        if not needs_gpu(studio, job.recipe):
            return here(job)
        job.cost = studio.cost(job.recipe)
        return heard(studio, developed(job.recipe.to_dict(), job.owner), job)

    def warm(name: str, rows: int = 8) -> None:
        if not of_text(name):  # here is no GPU to try it on
            warm_here(name, rows)

    warm_here = studio.warm
    studio.make, studio.warm = make, warm


def of_text(name: str) -> bool:
    """Is this the network of a text model?"""
    return name.rpartition("/")[2] in STAGES


def needs_gpu(studio: Studio, recipe: Recipe) -> bool:
    """Does it ask a text model?"""
    return any(map(of_text, studio.told(recipe)))


def seconds_for(studio: Studio, recipe: Recipe) -> int:
    """How long the GPU is asked for: by what the recipe costs, as far as that is known."""
    cost = studio.cost(recipe)
    seconds = cost.seconds
    if seconds is None:
        seconds = cost.rows * max(ROW[name.rpartition("/")[2]] for name in studio.told(recipe))
    return round(min(LONGEST, START + MARGIN * seconds))


def drained(studio: Studio) -> Studio:
    """The same studio for a worker: its engine has no thread, and no lock that somebody may hold while the
    process forks."""
    inside = copy.copy(studio)
    inside.engine, inside._changing = Engine(inside.network, thread=False), threading.RLock()
    inside.jobs = Jobs()
    return inside


def told(inside: Studio, recipe: Recipe, owner: str) -> Iterator[Frame | Result | Learned | Wrong]:
    """A run as it leaves a worker: in pieces that can be pickled, no more than a page can show."""
    torch.set_num_threads(1)  # a fork has none of its parent's threads, and would wait for them
    last = 0.0
    try:
        with contextlib.closing(inside.run(recipe, owner)) as events:
            for event in events:
                if isinstance(event, Result):
                    yield Learned(dict(inside.engine.row_seconds))
                    yield portable(event)
                elif time.monotonic() - last >= PREVIEW_SECONDS:
                    last = time.monotonic()
                    yield portable(event)
    except tuple(FRIENDLY.values()) as error:
        kind = next(name for name, each in FRIENDLY.items() if isinstance(error, each))
        yield Wrong(kind, str(error))


def heard(studio: Studio, events: Iterator[bytes], job: Job) -> Result:
    """What a worker made of a job. Its frames are put into the job as they come."""
    with contextlib.closing(events):
        for data in events:
            job.check()
            event = pickle.loads(data)
            if isinstance(event, Wrong):
                raise FRIENDLY[event.kind](event.sentence)
            if isinstance(event, Learned):
                studio.engine.row_seconds.update(event.row_seconds)
            elif isinstance(event, Result):
                return event
            else:
                job.put(event)
    raise RuntimeError("a worker ended without a picture")


def portable(event: Frame | Result) -> Frame | Result:
    """The same with all tensors on the CPU, and of the plain kind."""
    own = {name: value for name, value in event._asdict().items() if isinstance(value, torch.Tensor)}
    return event._replace(**{name: value.detach().cpu().clone() for name, value in own.items()})
