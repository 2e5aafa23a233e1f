"""One owner of the networks. Runs ask, the engine answers, and nobody else touches a network.

A tick: admit new runs, drop those that were cancelled; gather the asks of all runs, fairly among their
owners; one forward per network; hand the answers back, which moves each run one step. There is no waiting for
a batch to fill: whoever is there rides along.

Fair means: every owner has a clock that advances by the rows answered for them, and the owner whose clock
is furthest behind is served first. A newcomer starts at the earliest clock among those being served. Where
more come than are served side by side, they wait their turn, everybody's first run before anybody's second.

An engine without a thread is drained: whoever waits for a run does the work meanwhile. So the same
engine serves where no thread may own the GPU for long, see zerogpu.py.
"""

import atexit
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable

import torch

from diffusion_core.loop import Process, Step
from diffusion_core.models.network import Network
from diffusion_core.serving.result import Cancelled
from diffusion_core.serving.run import Piece, Run, pieces

CALM = 100  # forwards without trouble after which twice as many rows are tried again


class Busy(RuntimeError):
    """The engine has as many runs as it takes; the message says so to a person."""


class OutOfMemory(RuntimeError):
    """Not even one row fits; the message says so to a person."""


class Engine:
    """networks: name -> Network, called on the engine's thread (a Studio loads before it submits).

    runs_at_most    more are refused with Busy
    served_at_most  so many are served side by side, the others wait; place_of(run) tells their place
    thread          False: drained by its readers, or by whoever calls tick()
    """

    def __init__(
        self,
        networks: Callable[[str], Network],
        *,
        runs_at_most: int = 200,
        served_at_most: int = 48,
        thread: bool = True,
    ):
        self.networks = networks
        self.runs_at_most, self.served_at_most = runs_at_most, served_at_most
        self.ticks = self.rows = 0
        self.row_seconds: dict[str, float] = {}
        self._numbers = itertools.count()
        self._runs: list[Run] = []
        self._clock: dict[str, float] = {}
        self._limit: dict[str, int] = {}
        self._calm: dict[str, int] = {}
        self._wake, self._draining = threading.Condition(), threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._loop, name="engine", daemon=True) if thread else None
        if self._thread:
            self._thread.start()
            atexit.register(self.close)  # a thread inside a network while Python ends would abort it

    def submit(self, process: Process, owner: str = "", hand: Callable[[Step], object] | None = None) -> Run:
        """Take a process in; it starts at the next tick. Busy if too many are being served, or if closed.

        hand  is called with every step on the engine's thread, see Run
        """
        with self._wake:
            if self._closed:
                raise Busy("Darkroom is closing. Open it again in a moment.")
            if len(self._runs) >= self.runs_at_most:
                raise Busy(f"{len(self._runs)} pictures are being made right now. Try again in a moment.")
            run = Run(process, owner, next(self._numbers), hand, None if self._thread else self._drain)
            clocks = [self._clock[r.owner] for r in self._runs]
            self._clock[owner] = max(self._clock.get(owner, 0.0), min(clocks, default=0.0))
            self._runs.append(run)
            self._wake.notify()
        return run

    @property
    def running(self) -> int:
        """How many runs are being served, or wait for that."""
        return len(self._runs)

    def place_of(self, run: Run) -> int:
        """The place of a run in the line of those that wait; 0 if it does not wait."""
        return next((k for k, other in enumerate(self._line(), 1) if other is run), 0)

    def close(self) -> None:
        """Cancel everything and end the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        if self._thread:
            atexit.unregister(self.close)
            self._thread.join()
        for run in self._runs:
            run.finish(error=Cancelled())
        self._runs.clear()

    def tick(self) -> bool:
        """One round for everybody; False if there is nothing to do. For the engine's thread, or for a
        caller that owns the networks for a while (an engine made with thread=False)."""
        self._admit_and_drop()
        chosen = self._gather()
        for name, batch in chosen.items():
            self._answer(name, batch)
        for run in list(self._runs):
            if run.asks and run.answered:
                run.advance()
        self.ticks += bool(chosen)
        with self._wake:
            self._forget_done()
            return bool(self._runs)

    def _loop(self) -> None:
        with torch.inference_mode():
            while True:
                with self._wake:
                    while not self._runs and not self._closed:
                        self._wake.wait()
                    if self._closed:
                        return
                try:
                    self.tick()
                except Exception as error:  # a fault of ours: who waits hears of it, and the engine goes on
                    for run in list(self._runs):
                        run.finish(error=error)

    def _drain(self) -> None:
        with self._draining, torch.inference_mode():
            self.tick()

    def _admit_and_drop(self) -> None:
        with self._wake:
            runs = list(self._runs)
        for run in runs:
            if run.cancelled:
                run.finish(error=Cancelled())
        with self._wake:
            self._forget_done()
            room = self.served_at_most - sum(run.started for run in self._runs)
        for run in self._line()[: max(0, room)]:
            run.advance()
        with self._wake:
            self._forget_done()

    def _line(self) -> list[Run]:
        """Who waits to be served: first those whose owner has the fewest runs before."""
        before: Counter[str] = Counter()
        waiting = []
        for run in sorted(self._runs, key=lambda run: (not run.started, run.number)):
            if not run.started:
                waiting.append((before[run.owner], run.number, run))
            before[run.owner] += 1
        return [run for *_, run in sorted(waiting, key=lambda each: each[:2])]

    def _forget_done(self) -> None:
        self._runs = [run for run in self._runs if not run.done]
        owners = {run.owner for run in self._runs}
        self._clock = {owner: clock for owner, clock in self._clock.items() if owner in owners}

    def _gather(self) -> dict[str, list[Piece]]:
        """The pieces of this tick by network: owners who are behind first, each forward within its limit."""
        chosen: dict[str, list[Piece]] = {}
        room: dict[str, int] = {}
        clock = dict(self._clock)
        waiting = {run: cut for run in self._runs if (cut := pieces(run, self._limit_of))}
        while waiting:
            run = min(waiting, key=lambda r: (clock[r.owner], r.number))
            piece = waiting[run].pop(0)
            name, rows = piece.ask.network, piece.ask.rows
            fits = rows <= room.setdefault(name, self._limit_of(name))
            if fits:
                room[name] -= rows
                chosen.setdefault(name, []).append(piece)
                clock[run.owner] += rows
            if not fits or not waiting[run]:  # what does not fit waits for the next tick, in order
                del waiting[run]
        self._clock |= {o: c for o, c in clock.items() if o in self._clock}
        return chosen

    def _limit_of(self, name: str) -> int:
        if name not in self._limit:
            try:
                self._limit[name] = self.networks(name).rows_at_most
            except Exception:  # it cannot be loaded: its runs will hear so when they are answered
                return 1
        return self._limit[name]

    def _answer(self, name: str, batch: list[Piece]) -> None:
        """One forward. Out of memory: half as many rows from now on, and the rest rides the next tick.
        Any other failure: each piece alone, so that only the run at fault fails."""
        try:
            network = self.networks(name)
            began = time.perf_counter()
            answers = network.answer([piece.ask for piece in batch])
            self._learn(name, sum(p.ask.rows for p in batch), time.perf_counter() - began)
        except torch.OutOfMemoryError:
            self._shrink(name, batch)
        except Exception as error:
            if len({piece.run for piece in batch}) == 1:
                batch[0].run.finish(error=error)
            else:
                for run in {piece.run for piece in batch}:
                    self._answer(name, [piece for piece in batch if piece.run is run])
        else:
            for piece, answer in zip(batch, answers):
                piece.answered(answer)
            self._grow(name, network.rows_at_most)

    def _shrink(self, name: str, batch: list[Piece]) -> None:
        torch.cuda.empty_cache()
        rows = sum(piece.ask.rows for piece in batch)
        if rows > 1:
            self._limit[name], self._calm[name] = rows // 2, 0
        else:
            batch[0].run.finish(
                error=OutOfMemory(
                    "The memory is full: not even one picture fits. "
                    "Choose a smaller model, or close what else uses it."
                )
            )

    def _grow(self, name: str, most: int) -> None:
        """What was halved for want of memory is tried again later: others may have left."""
        limit, self._calm[name] = self._limit_of(name), self._calm.get(name, 0) + 1
        if limit < most and self._calm[name] >= CALM:
            self._limit[name], self._calm[name] = min(most, 2 * limit), 0

    def _learn(self, name: str, rows: int, seconds: float) -> None:
        """A running mean of seconds per row, for honest estimates."""
        self.rows += rows
        each = seconds / rows
        old = self.row_seconds.get(name, each)
        self.row_seconds[name] = old + 0.2 * (each - old)
