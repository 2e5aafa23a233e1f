"""A development: a run that goes on whether or not somebody watches, and that is found again by its id.

A phone that locks, or a page that reloads, loses its connection to the server; the picture should not be
lost with it. So a run of the page lives in a thread of its own, and tells its news through a mailbox. Nobody
computes for nobody, though: `grace` seconds after the last one looked, it is cancelled.

    made = Development(recipe)
    developments.start(made, lambda stop: studio.run(recipe, owner, stop))
    for event in made.news: ...             the newest Frame, then the Result; may be left and taken up again
    developments.get(made.id)               None once it has ended: then its result is where `keep` put it
"""

import contextlib
import contextvars
import threading
import time
import uuid
from collections.abc import Callable, Iterator

from diffusion_core.recipes import Recipe
from diffusion_core.serving.result import Frame, Result
from diffusion_core.serving.run import Cancelled, Mailbox, Stop

Events = Iterator[Frame | Result]
GRACE = 120.0  # seconds


class Development:
    """One run under way. stop.now() ends it, and then its readers get Cancelled."""

    def __init__(self, recipe: Recipe):
        self.id, self.recipe = uuid.uuid4().hex, recipe
        self.news: Mailbox[Frame | Result] = Mailbox()
        self.stop = Stop()


class Developments:
    """All that are under way, by id.

    grace  seconds after which one that nobody watches is cancelled
    keep   called with each that has ended, and its result or what went wrong, before readers hear of it
    """

    def __init__(self, keep: Callable[[Development, Result | BaseException], object], grace: float = GRACE):
        self.keep, self.grace = keep, grace
        self._under_way: dict[str, Development] = {}

    def start(self, made: Development, run: Callable[[Stop], Events]) -> None:
        """Begin `run(stop)` in a thread of its own, in the caller's context."""
        self._under_way[made.id] = made
        inside = contextvars.copy_context()
        name = f"development of {made.recipe.technique}"
        threading.Thread(target=inside.run, args=(self._go, made, run), name=name, daemon=True).start()

    def get(self, key: str | None) -> Development | None:
        return self._under_way.get(key)

    def __len__(self) -> int:
        return len(self._under_way)

    def _go(self, made: Development, run: Callable[[Stop], Events]) -> None:
        end: Result | BaseException = Cancelled()
        try:
            with contextlib.closing(run(made.stop)) as events:
                for event in events:
                    if isinstance(event, Result):
                        end = event
                        break
                    if time.monotonic() - made.news.last_read > self.grace:
                        break
                    made.news.put(event)
        except Exception as error:
            end = error
        finally:
            self._end(made, end)

    def _end(self, made: Development, end: Result | BaseException) -> None:
        try:
            self.keep(made, end)
        finally:
            del self._under_way[made.id]
            if isinstance(end, Result):
                made.news.put(end)
                made.news.end()
            else:
                made.news.end(error=end)
