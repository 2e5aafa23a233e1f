"""What stays of a run: its result on the server's shelf, and a link to it."""

import os
import re
import threading
import uuid
from collections import OrderedDict

import gradio as gr

from diffusion_core.levels import CLEAN
from diffusion_core.recipes import Recipe
from diffusion_core.serving.result import Kept, Result

ROOM = int(os.environ.get("DARKROOM_SHELF_MB") or 1000) * 1_000_000  # bytes, for all visitors together
LONGEST_QUERY = 4000  # characters; servers refuse much longer addresses


class Shelf:
    """The latest results by id, as many as `room` bytes hold: the oldest make room for the newest."""

    def __init__(self, room: int = ROOM):
        self._results: OrderedDict[str, Result] = OrderedDict()
        self._room, self._taken, self._lock = room, 0, threading.Lock()

    def put(self, result: Result, key: str | None = None) -> str:
        """Keep a result, under an id of its own unless one is given."""
        key = key or uuid.uuid4().hex
        with self._lock:
            self._results[key] = result
            self._taken += size_of(result)
            while self._taken > self._room and len(self._results) > 1:
                self._taken -= size_of(self._results.popitem(last=False)[1])
        return key

    def get(self, key: str | None) -> Result | None:
        with self._lock:
            return self._results.get(key)


def size_of(result: Result) -> int:
    """The bytes of a result: its pictures, its steps, and the pictures in its recipe."""
    kept = [each for step in result.film for each in (step.x, step.x0) if each is not None]
    carried = sum(len(value) for value in result.recipe.values.values() if isinstance(value, str))
    return carried + sum(each.nbytes for each in (result.pictures, *kept))


def about(kept: Kept) -> str:
    """Where a kept step stands: how noisy it is."""
    if kept.level == CLEAN:
        return f"The end, after step {kept.index}."
    return f"Before step {kept.index + 1}: t = {kept.level.t:g}, signal to noise {kept.level.snr_db:+.1f} dB."


def link_to(recipe: Recipe, request: gr.Request) -> str:
    """A link that opens the page with these settings. A large picture goes behind #, which is not sent."""
    word = recipe.to_link()
    page = request.headers.get("referer") or request.headers.get("origin", "") + "/"
    return f"{re.split('[?#]', page)[0]}{'?' if len(word) < LONGEST_QUERY else '#'}recipe={word}"
