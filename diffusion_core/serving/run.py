"""A run: one process being served, what it asks now, and the answers it has so far.

The engine's thread moves it on; whoever submitted it is handed its steps, waits for its picture, or cancels.
Its asks are cut into pieces that fit into one forward, and the answers are put together again in order.
"""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from diffusion_core.estimates import Answer, Ask
from diffusion_core.loop import Process, Step


class Run:
    """One process in the engine.

    hand  called with every step, on the engine's thread: it must be quick, and keep no more than tensors
    tick  of an engine without a thread: whoever waits for the picture calls it
    """

    def __init__(
        self,
        process: Process,
        owner: str,
        number: int,
        hand: Callable[[Step], object] | None = None,
        tick: Callable[[], object] | None = None,
    ):
        self.process, self.owner, self.number, self.hand, self.tick = process, owner, number, hand, tick
        self.asks: list[Ask] = []
        self.parts: list[list[Answer]] = []
        self.started = self.cancelled = False
        self._result: Tensor | None = None
        self._error: BaseException | None = None
        self._ended = threading.Event()

    def cancel(self) -> None:
        """Stop at the next tick. Safe from any thread, at any time, more than once."""
        self.cancelled = True

    @property
    def done(self) -> bool:
        return self._ended.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait so long for the end, or for one tick; True if it has come."""
        if self.tick is None:
            return self._ended.wait(seconds)
        if not self.done:
            self.tick()
        return self.done

    def result(self) -> Tensor:
        """The picture, once it is there. Raises Cancelled, or what went wrong with process or network."""
        while not self.wait(60.0):
            pass
        if self._error:
            raise self._error
        return self._result

    # what follows is for the engine's thread

    def advance(self) -> None:
        """Resume the process with its answers, up to the next step that asks something, or its end."""
        try:
            answers = [_joined(part) for part in self.parts]
            while True:
                step = self.process.send(answers if self.started else None)
                self.started, answers = True, []
                if self.hand:
                    self.hand(step)
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
        self._result, self._error = result, error
        self._ended.set()


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
