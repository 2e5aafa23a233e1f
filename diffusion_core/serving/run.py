"""A run: one process being served, what it asks now, and the answers it has so far.

The engine's thread moves it on; whoever submitted it reads its steps, waits for its picture, or cancels.
Its asks are cut into pieces that fit into one forward, and the answers are put together again in order.

Whoever works in a thread of their own tells others through a Mailbox: the engine its steps, a training its
progress, a development its frames.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import torch

from diffusion_core.estimates import Answer, Ask
from diffusion_core.loop import Process, Step

News = TypeVar("News")


class Cancelled(Exception):
    """The run was stopped before its picture was done."""


class Mailbox(Generic[News]):
    """Room for one piece of news: a worker puts the newest in, any number of readers take it out. A slow
    reader gets the newest, not a backlog; the last one is missed by nobody.

    last_read  time.monotonic() when somebody last looked or waited
    newest     None before the first
    """

    def __init__(self):
        self.last_read = time.monotonic()
        self.newest: News | None = None
        self._changed = threading.Condition()
        self._result: Any = None
        self._error: BaseException | None = None
        self._ended = False

    def put(self, news: News) -> None:
        with self._changed:
            self.newest = news
            self._changed.notify_all()

    def end(self, result: Any = None, error: BaseException | None = None) -> None:
        """Nothing more will come. Readers get the result, or the error is raised where they read."""
        with self._changed:
            self._result, self._error, self._ended = result, error, True
            self._changed.notify_all()

    @property
    def ended(self) -> bool:
        return self._ended

    def __iter__(self) -> Iterator[News]:
        """Each piece of news that is new to this reader, until the end. Raises what went wrong."""
        return (news for news in self.watched() if news is not None)

    def watched(self, seconds: float | None = None) -> Iterator[News | None]:
        """The same, with a None whenever nothing came for so many seconds."""
        seen, since = None, time.monotonic()
        while True:
            with self._changed:
                while self.newest is seen and not self._ended:
                    if seconds is not None and time.monotonic() - since >= seconds:
                        break
                    self._wait()
                self.last_read = since = time.monotonic()
                newest, ended = self.newest, self._ended
            if newest is not seen:
                seen = newest
                yield newest
            elif ended:
                if self._error:
                    raise self._error
                return
            else:
                yield None

    def result(self) -> Any:
        """Wait for the end. Raises what went wrong."""
        with self._changed:
            while not self._ended:
                self._wait()
        if self._error:
            raise self._error
        return self._result

    def _wait(self) -> None:
        """A moment at most; called with the lock held."""
        self.last_read = time.monotonic()
        self._changed.wait(0.5)


class Stop:
    """A Stop button's end of a run, or of several. now() may be called at any time, before they exist too."""

    def __init__(self):
        self.asked = False
        self._cancels: list[Callable[[], None]] = []

    def attach(self, cancel: Callable[[], None]) -> None:
        """How a run is cancelled, now that there is one; at once if that was asked before."""
        self._cancels.append(cancel)
        if self.asked:
            cancel()

    def now(self) -> None:
        """Stop what runs; it ends with Cancelled."""
        self.asked = True
        for cancel in self._cancels:
            cancel()


class Run(Mailbox[Step]):
    """One process in the engine. Iterate for its steps (always the newest), or wait for result(), a tensor;
    both raise Cancelled, or what went wrong in the process or its network.

    tick  of an engine without a thread: whoever waits for news calls it
    """

    def __init__(self, process: Process, owner: str, number: int, tick: Callable[[], object] | None = None):
        super().__init__()
        self.process, self.owner, self.number, self.tick = process, owner, number, tick
        self.asks: list[Ask] = []
        self.parts: list[list[Answer]] = []
        self.started = False
        self._cancelled = False

    def cancel(self) -> None:
        """Stop at the next tick. Safe from any thread, at any time, more than once."""
        self._cancelled = True

    @property
    def cancelled(self) -> bool:
        return self._cancelled

    @property
    def done(self) -> bool:
        return self.ended

    def _wait(self) -> None:
        if self.tick is None:
            return super()._wait()
        self.last_read = time.monotonic()
        self.tick()

    # what follows is for the engine's thread

    def advance(self) -> None:
        """Resume the process with its answers, up to the next step that asks something, or its end."""
        try:
            answers = [_joined(part) for part in self.parts]
            while True:
                step = self.process.send(answers if self.started else None)
                self.started, answers = True, []
                self.put(step)
                if step.asks:
                    self.asks, self.parts = step.asks, [[] for _ in step.asks]
                    return
        except StopIteration as end:
            self.finish(result=end.value)
        except Exception as error:  # a run's failure is its own
            self.finish(error=error)

    @property
    def answered(self) -> bool:
        """True when every row of every ask has its answer."""
        given = [sum(len(answer.prediction) for answer in part) for part in self.parts]
        return given == [ask.rows for ask in self.asks]

    def finish(self, result: torch.Tensor | None = None, error: BaseException | None = None) -> None:
        self.asks, self.parts = [], []
        with contextlib.suppress(Exception):  # the run is over, whatever its process says to that
            self.process.close()
        self.end(result, error)


@dataclass(eq=False)
class Piece:
    """Rows start.. of ask number `place` of a run: what fits into one forward."""

    run: Run
    place: int
    start: int
    ask: Ask

    def answered(self, answer: Answer) -> None:
        """Hand the run its answer; a run that has ended meanwhile needs none."""
        if not self.run.done:
            self.run.parts[self.place].append(answer)


def pieces(run: Run, limit_of: Callable[[str], int]) -> list[Piece]:
    """What is still unanswered of a run's asks, cut so that the asks about one x fit side by side.

    limit_of: a network's name -> how many rows one forward of it takes.
    """
    cut = []
    for place, (ask, part) in enumerate(zip(run.asks, run.parts)):
        siblings = sum(other.network == ask.network for other in run.asks)
        most = max(1, limit_of(ask.network) // siblings)
        start = sum(len(answer.prediction) for answer in part)
        for first in range(start, ask.rows, most):
            cut.append(Piece(run, place, first, _rows(ask, first, min(first + most, ask.rows))))
    return sorted(cut, key=lambda piece: (piece.start, piece.place))


def _rows(ask: Ask, start: int, stop: int) -> Ask:
    if start == 0 and stop == ask.rows:
        return ask
    beside = ask.cond.beside
    cond = replace(
        ask.cond,
        labels=ask.cond.labels[start:stop],
        beside=None if beside is None else beside[start:stop],
    )
    return replace(ask, x=ask.x[start:stop], cond=cond)


def _joined(part: list[Answer]) -> Answer:
    if len(part) == 1:
        return part[0]
    spreads = [answer.spread for answer in part]
    return Answer(
        torch.cat([answer.prediction for answer in part]), None if spreads[0] is None else torch.cat(spreads)
    )
