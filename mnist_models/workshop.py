"""Where visitors of a server train: aside, on one core at low priority, and only a few at a time.

Workshop().serve(studio)
job = studio.start(Settings.of(objective="flow").recipe, owner)     tells its Progress, ends with Trained
"""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator
from typing import NamedTuple

import torch

from diffusion_core.recipes import Recipe
from diffusion_core.serving.engine import Busy
from diffusion_core.serving.job import Job
from diffusion_core.serving.result import Result, duration
from diffusion_core.serving.studio import Studio
from mnist_models.live import SECONDS_AT_MOST, TRAINING, Progress, Settings, training

LOW_PRIORITY = 10  # of 0..19, as `nice` counts


class Trained(NamedTuple):
    """What a training ends with: its last Progress, which has all losses and drawings."""

    recipe: Recipe
    progress: Progress

    @property
    def nbytes(self) -> int:
        """The bytes of its drawings, and of its losses, 32 each as Python keeps them."""
        return sum(each.pictures.nbytes for each in self.progress.drawings) + 32 * len(self.progress.losses)

    def thumbnail(self) -> str:
        """Its last drawing on a small square, as a data URI."""
        pictures = self.progress.drawings[-1].pictures
        return Result(self.recipe, pictures, 0.0, 1.0, len(pictures), (), [], 0.0).thumbnail()


class Workshop:
    """Room for `places` trainings at a time; whoever comes next hears how long to wait."""

    def __init__(self, places: int = 1):
        self.places = places
        self._pace: dict[tuple[str, int], float] = {}  # (objective, width) -> seconds per digit, last seen
        self._jobs: list[Job] = []
        self._lock = threading.Lock()

    def serve(self, studio: Studio) -> None:
        """Make the studio's jobs that are trainings."""
        studio.makers[TRAINING] = self.train

    def train(self, job: Job) -> Trained:
        """Train on the thread of this job: a Progress after every step. Ends after the step under way where
        the job is cancelled.

        Busy if every place is taken; otherwise what `training` raises.
        """
        settings = Settings.of(**job.recipe.values)
        with self._admitted(job):
            step_back()
            for progress in training(settings):
                if progress.step:
                    each = progress.seconds / (progress.step * settings.batch)
                    self._pace[settings.objective, settings.width] = each
                job.put(progress)
                job.check()
        return Trained(job.recipe, progress)

    def cost(self, settings: Settings) -> str:
        """What a run takes: digits, and seconds if such a one was run before."""
        digits = settings.steps * settings.batch
        text = f"{settings.steps:,} steps of {settings.batch} digits, {digits:,} in all"
        pace = self._pace.get((settings.objective, settings.width))
        if pace is None:
            return (
                f"{text}; how long that takes shows once it runs, {SECONDS_AT_MOST / 60:.0f} minutes at most"
            )
        return f"{text}, about {duration(min(pace * digits, SECONDS_AT_MOST))}"

    @property
    def running(self) -> int:
        """How many train right now."""
        return len(self._jobs)

    @contextlib.contextmanager
    def _admitted(self, job: Job) -> Iterator[None]:
        with self._lock:
            if len(self._jobs) >= self.places:
                newest = [each.latest for each in self._jobs]
                waits = [each.to_go for each in newest if each and each.to_go is not None]
                when = f"in about {duration(min(waits))}" if waits else "in a few minutes"
                raise Busy(
                    "Somebody else is training a model here, and there is room for "
                    f"{self.places} at a time. Try again {when}."
                )
            self._jobs.append(job)
        try:
            yield
        finally:
            with self._lock:
                self._jobs.remove(job)


def step_back() -> None:
    """Let this thread compute on one core at low priority, so that other visitors' pictures go first."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1)  # for this thread and, unless taken back elsewhere, all that start later
    elsewhere = threading.Thread(target=torch.set_num_threads, args=(usual,))
    elsewhere.start()
    elsewhere.join()
    if sys.platform == "linux":  # where a thread has a priority of its own
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOW_PRIORITY)
