"""What a training needs that may be stopped at any moment: a lock, a stop, its progress, files written whole.

A training is a command, and the same command again resumes it. The convention of its folder RUNS/NAME, for
whoever starts trainings and looks after them (emoji_model/queue.py):

    lock            held (flock) by the process that trains
    progress.json   {"step", "steps", "samples", "seconds", "done"}, written after every save
    SIGTERM         save, stop, and leave with exit status 0

Nothing here knows torch, so that a program that only looks after trainings starts at once.
"""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there
    fcntl = None

LOCK, PROGRESS = "lock", "progress.json"
_held: set[int] = set()  # descriptors of locks; a forked child closes them, or the lock would outlive us


class AlreadyRunning(RuntimeError):
    """Another process does it already; the message says which."""


@contextmanager
def running(run: Path, lead: bool = True) -> Iterator["Stop"]:
    """Hold the lock of a run's folder; SIGTERM and Ctrl-C ask for a stop meanwhile. Else AlreadyRunning.

    lead: false for all processes of a training but the first, which holds the lock.
    """
    with Stop() as stop:
        if not lead:
            yield stop
            return
        with locked(run / LOCK, f"The training {run.name}"):
            yield stop


class Stop:
    """`asked` becomes true at SIGTERM or Ctrl-C; a second Ctrl-C ends the process as usual."""

    def __init__(self):
        self.asked = False
        self._before = {}

    def __enter__(self) -> "Stop":
        if threading.current_thread() is threading.main_thread():
            self._before = {n: signal.signal(n, self._ask) for n in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, _frame) -> None:
        self.asked = True
        if number == signal.SIGINT:
            signal.signal(number, self._before[number])

    def agreed(self, accelerator) -> bool:
        """Is any process of this training asked to stop? All must ask at the same step."""
        if accelerator.num_processes == 1:
            return self.asked
        if self.asked:
            accelerator.set_trigger()
        return accelerator.check_trigger()


@contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Hold a lock that ends with the process, however it ends. AlreadyRunning if another holds it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    if not _take(descriptor, tries=5):
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        os.close(descriptor)
        raise AlreadyRunning(f"{what} is already running: process {holder} holds {path}.")
    _held.add(descriptor)
    try:
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        if descriptor in _held:  # not so in a forked child
            _held.discard(descriptor)
            os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Does any process hold this lock now?"""
    if not path.exists():
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        return not _take(descriptor)
    finally:
        os.close(descriptor)


def _take(descriptor: int, tries: int = 1) -> bool:
    """More than one try, since is_locked takes a free lock for an instant."""
    for attempt in range(tries if fcntl else 0):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            if attempt + 1 < tries:
                time.sleep(0.05)
    return fcntl is None


def _let_go() -> None:
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)


def write_progress(
    run: Path, *, step: int, steps: int, samples: int, seconds: float, done: bool = False
) -> None:
    """To be called after a save, never before: a reader may trust that so much is safe.

    step of steps, samples seen, seconds trained over all starts; done once all is written that it makes.
    """
    facts = {"step": step, "steps": steps, "samples": samples, "seconds": round(seconds, 1), "done": done}
    write_whole(run / PROGRESS, json.dumps(facts) + "\n")


def read_progress(run: Path) -> dict:
    """What the run in this folder said last; zeros if it never did, or if the file is damaged."""
    nothing = {"step": 0, "steps": 0, "samples": 0, "seconds": 0.0, "done": False}
    try:
        said = json.loads((run / PROGRESS).read_text())
        return nothing | {key: type(value)(said[key]) for key, value in nothing.items()}
    except (OSError, KeyError, TypeError, ValueError):
        return nothing


def write_whole(path: Path, text: str) -> None:
    """Write beside, then swap: who reads, or is killed, meets the old text or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(text)
    fresh.replace(path)
