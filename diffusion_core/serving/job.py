"""A job: one run, from the click to its picture, and the store of all jobs.

    job = jobs.start(recipe, owner, make)       make(job) works on a thread of the job's own
    for news in job.watch(): ...                the newest frame whenever there is one, then the result
    jobs.get(job.id)                            the same job, from another page of the same visitor

A phone that locks, or a page that reloads, loses its connection to the server, and the picture shall not be
lost with it: a job goes on without readers. Nobody computes for nobody, though: `grace` seconds after its
last reader has gone, it is cancelled.

Who makes the picture is no matter here: the engine of this process, a worker of ZeroGPU, a training.
"""

import atexit
import contextlib
import contextvars
import os
import threading
import time
import traceback
import uuid
import weakref
from collections.abc import Callable, Hashable, Iterator
from types import TracebackType
from typing import Any, Generic, Literal, TypeVar

from cachetools import LRUCache

from diffusion_core.recipes import Recipe
from diffusion_core.serving.result import Cancelled, Cost, Made

GRACE = 120.0  # seconds
ROOM = int(os.environ.get("DARKROOM_SHELF_MB") or 1000) * 1_000_000  # bytes of results, for all visitors
BARE = 8_000  # bytes of a job without its result: its recipe, its small picture

State = Literal["queued", "running", "done", "failed", "cancelled"]
News = TypeVar("News")


class Mailbox(Generic[News]):
    """Room for one piece of news: a worker puts the newest in, any number of readers take it out. A slow
    reader gets the newest, not a backlog; the last one is missed by nobody.

    newest     None before the first
    readers    how many watch now
    last_read  when somebody last looked or waited, by the clock (seconds)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.newest: News | None = None
        self.readers = 0
        self.ended = False
        self.last_read = clock()
        self._clock = clock
        self._error: BaseException | None = None
        self._raised_at: TracebackType | None = None
        self._changed = threading.Condition()

    def put(self, news: News) -> None:
        with self._changed:
            self.newest = news
            self._changed.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more will come. The error, if there is one, is raised where readers read."""
        with self._changed:
            self._error, self._raised_at = error, error and error.__traceback__
            self.ended = True
            self._changed.notify_all()

    def watched(self, seconds: float | None = None) -> Iterator[News | None]:
        """Each piece of news that is new to this reader, until the end; None whenever nothing came for so
        many seconds. Raises what went wrong."""
        seen, since = None, self._clock()
        self._enter(1)
        try:
            while True:
                with self._changed:
                    while self.newest is seen and not self.ended:
                        if seconds is not None and self._clock() - since >= seconds:
                            break
                        self.last_read = self._clock()
                        self._changed.wait(min(0.5, seconds or 0.5))
                    self.last_read = since = self._clock()
                    newest, ended = self.newest, self.ended
                if newest is not seen and newest is not None:
                    seen = newest
                    yield newest
                elif not ended:
                    yield None
                elif self._error:
                    raise self._error.with_traceback(self._raised_at)  # no reader's frames stay on it
                else:
                    return
        finally:
            self._enter(-1)

    def _enter(self, more: int) -> None:
        with self._changed:
            self.readers += more
            self.last_read = self._clock()


class Job(Generic[News]):
    """One run: what a visitor asked for, how far it is, and what came of it.

    id, recipe, owner   whose turn it counts as, and what is made
    cost                as soon as it is known
    ended               is there a result, or an error?
    result, error       once it has ended; the result goes when later ones need its room
    grace               seconds after which a job that nobody reads is cancelled
    look                news as readers may see it, from what was put: safety.py blurs some
    """

    def __init__(
        self,
        recipe: Recipe,
        owner: str = "",
        grace: float = GRACE,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.id = uuid.uuid4().hex
        self.recipe, self.owner, self.grace = recipe, owner, grace
        self.cost: Cost | None = None
        self.result: Any = None
        self.error: BaseException | None = None
        self._thumbnail = ""
        self.look: Callable[[News], News] | None = None
        self._clock, self._news = clock, Mailbox(clock)
        self._cancelled = threading.Event()
        self._cancels: list[Callable[[], object]] = []
        self._place: Callable[[], int] | None = None
        self.ended = False

    # for readers

    @property
    def state(self) -> State:
        if not self.ended:
            return "queued" if self._news.newest is None else "running"
        if self.error is None:
            return "done"
        return "cancelled" if isinstance(self.error, Cancelled) else "failed"

    @property
    def latest(self) -> News | None:
        """The newest frame, None before the first."""
        return self._seen(self._news.newest)

    @property
    def thumbnail(self) -> str:
        """A data URI of the result, made when it is first asked for, and kept for longer than the result."""
        result = self.result
        if not self._thumbnail and result is not None:
            self._thumbnail = result.thumbnail()
        return self._thumbnail

    @property
    def place(self) -> int:
        """The place in the queue of those who wait to be served; 0 for who does not wait there."""
        place = self._place
        return place() if place and self.state == "queued" else 0

    @property
    def readers(self) -> int:
        """How many watch it now."""
        return self._news.readers

    @property
    def last_read(self) -> float:
        """When somebody last looked, by its clock."""
        return self._news.last_read

    def watch(self, seconds: float | None = None) -> Iterator[Any]:
        """The newest frame whenever there is one that is new to this reader, and the result at the end; None
        whenever nothing came for so many seconds. Raises Cancelled, or what went wrong."""
        for news in self._news.watched(seconds):
            yield self._seen(news)
        if self.result is not None:
            yield self.result

    def wait(self) -> Any:
        """The result, once it is there. Raises Cancelled, or what went wrong."""
        for _ in self._news.watched():
            pass
        return self.result

    def cancel(self) -> None:
        """Stop, and end with Cancelled. From any thread, at any time, more than once; a result stays."""
        self._cancelled.set()
        for cancel in self._cancels:
            cancel()

    # for who makes it

    def put(self, news: News) -> None:
        """Tell the newest of it."""
        self._news.put(news)

    def attach(self, cancel: Callable[[], object], place: Callable[[], int] | None = None) -> None:
        """How it is cancelled from now on, at once if that was asked before; and its place in the queue."""
        self._place = place
        self._cancels.append(cancel)
        if self._cancelled.is_set():
            cancel()

    def check(self) -> None:
        """Raise Cancelled if it was cancelled, or if nobody has read it for `grace` seconds."""
        if self._clock() - self.last_read > self.grace:
            self.cancel()
        if self._cancelled.is_set():
            raise Cancelled

    # for the store

    def finish(self, result: Any = None, error: BaseException | None = None) -> None:
        """It has ended: with this result, or this error. Its readers hear of it by `announce`."""
        self.result, self.error = result, error
        self._cancels, self._place = [], None
        if error is not None:
            traceback.clear_frames(error.__traceback__)  # what it held is not kept for the sake of its words
        self.ended = True

    def announce(self) -> None:
        """Tell its readers."""
        self._news.end(self.error)

    @property
    def nbytes(self) -> int:
        """What is kept of it, about, in bytes; 0 until it has ended, for it is not in question then."""
        if not self.ended:
            return 0
        asked = sum(len(value) for value in self.recipe.values.values() if isinstance(value, str))
        return BARE + asked + sum(getattr(each, "nbytes", 0) for each in (self.result, self._news.newest))

    def shed(self) -> bool:
        """Let go of what is heavy: its result. False if there is nothing any more to let go of."""
        with contextlib.suppress(Exception):  # without its small picture, then
            _ = self.thumbnail
        held = self.result is not None or self._news.newest is not None
        self.result = self._news.newest = None
        return held

    def _seen(self, news: News | None) -> News | None:
        return news if news is None or self.look is None else self.look(news)


class _Latest(LRUCache):
    """Jobs by id, those used last. Where they need more bytes than there is room, the pictures of those used
    longest ago go first, then the jobs themselves; a job under way takes no room, and stays."""

    def popitem(self) -> tuple[Hashable, Job]:
        key, job = super().popitem()
        if not job.ended or job.shed():
            self[key] = job
        return key, job


class Jobs:
    """All jobs, under way or done, by id; one store for every visitor of a studio.

    room  bytes for what jobs leave behind
    """

    def __init__(self, room: int = ROOM, clock: Callable[[], float] = time.monotonic):
        self._all = _Latest(room, getsizeof=lambda job: min(job.nbytes, room))
        self._threads: dict[str, threading.Thread] = {}
        self._clock, self._lock = clock, threading.RLock()
        # A thread inside a network while Python ends would abort it.
        atexit.register(lambda here=weakref.ref(self): here() and here().close())

    def start(
        self, recipe: Recipe, owner: str, make: Callable[[Job], Made], grace: float = GRACE, keep: bool = True
    ) -> Job:
        """A new job: make(job) gives its result, on a thread of its own and in the caller's context.

        keep  False: it is forgotten as soon as it has ended, by all but who holds it
        """
        job: Job = Job(recipe, owner, grace=grace, clock=self._clock)
        inside = contextvars.copy_context()
        work, name = (self._work, job, make, keep), f"job {recipe.technique}"
        thread = threading.Thread(target=inside.run, args=work, name=name, daemon=True)
        with self._lock:
            self._all[job.id], self._threads[job.id] = job, thread
        thread.start()
        return job

    def get(self, key: str | None) -> Job | None:
        """The job of this id, None if it is not known (any more)."""
        with self._lock:
            return self._all.get(key)

    def __len__(self) -> int:
        """How many are under way."""
        return len(self._threads)

    def close(self, seconds: float = 10.0) -> None:
        """Cancel all that are under way, and give them so many seconds to end."""
        with self._lock:
            under_way = [(self._all[key], thread) for key, thread in self._threads.items()]
        for job, _ in under_way:
            job.cancel()
        until = time.monotonic() + seconds
        for _, thread in under_way:
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self, job: Job, make: Callable[[Job], Made], keep: bool) -> None:
        try:
            job.check()
            job.finish(make(job))
        except BaseException as error:  # whatever it was: its readers hear of it
            job.finish(error=error)
        try:
            with self._lock:
                del self._threads[job.id]
                self._all.pop(job.id, None)  # before it comes back with its size: it is the newest then
                if keep:
                    self._all[job.id] = job
        finally:
            job.announce()
