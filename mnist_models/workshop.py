"""Where visitors of a server train: aside, on one core at low priority, and only a few at a time.

workshop = Workshop()
for progress in workshop.train(Settings.of(objective="flow")): ...      closing the iterator stops it
"""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator

import torch

from diffusion_core.serving.engine import Busy
from diffusion_core.serving.result import duration
from diffusion_core.serving.run import Cancelled, Mailbox, Stop
from mnist_models.live import SECONDS_AT_MOST, Progress, Settings, training

LOW_PRIORITY = 10  # of 0..19, as `nice` counts


class Workshop:
    """Room for `places` trainings at a time; whoever comes next hears how long to wait.

    patience  seconds after which a run whose reader is gone stops by itself
    """

    def __init__(self, places: int = 1, patience: float = 60.0):
        self.places, self.patience = places, patience
        self._pace: dict[tuple[str, int], float] = {}  # (objective, width) -> seconds per digit, last seen
        self._runs: list[_Run] = []
        self._lock = threading.Lock()

    def train(self, settings: Settings, stop: Stop | None = None) -> Iterator[Progress]:
        """The newest Progress whenever there is one, to the last. Closing the iterator stops the run; so
        does stop.now(), and then this raises Cancelled.

        Busy if every place is taken; otherwise what `training` raises.
        """
        run = self._admitted(settings)
        if stop:
            stop.attach(run.halt)
        try:
            for progress in run.news:
                if progress.step:
                    self._pace[settings.objective, settings.width] = progress.seconds / (
                        progress.step * settings.batch
                    )
                yield progress
            if stop and stop.asked:
                raise Cancelled
        finally:
            run.stop()

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
        return len(self._runs)

    def _admitted(self, settings: Settings) -> "_Run":
        with self._lock:
            if len(self._runs) >= self.places:
                newest = [run.news.newest for run in self._runs]
                waits = [each.to_go for each in newest if each and each.to_go is not None]
                when = f"in about {duration(min(waits))}" if waits else "in a few minutes"
                raise Busy(
                    "Somebody else is training a model here, and there is room for "
                    f"{self.places} at a time. Try again {when}."
                )
            run = _Run(settings, self.patience, self._left)
            run.start()
            self._runs.append(run)
        return run

    def _left(self, run: "_Run") -> None:
        with self._lock:
            self._runs.remove(run)


class _Run(threading.Thread):
    """A training in a thread of its own; `left` is called with it when it ends, however it ends."""

    def __init__(self, settings: Settings, patience: float, left: Callable):
        super().__init__(name="training", daemon=True)
        self.settings, self.patience, self.left = settings, patience, left
        self.news: Mailbox[Progress] = Mailbox()
        self._stopping = False

    def run(self) -> None:
        wrong = None
        try:
            step_back()
            for progress in training(self.settings):
                self.news.put(progress)
                if self._stopping or time.monotonic() - self.news.last_read > self.patience:
                    break
        except Exception as error:
            wrong = error
        finally:
            self.left(self)
            self.news.end(error=wrong)

    def halt(self) -> None:
        """End after the step under way."""
        self._stopping = True

    def stop(self) -> None:
        """The same, and wait for it."""
        self.halt()
        self.join()


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
