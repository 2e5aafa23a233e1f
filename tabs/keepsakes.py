"""What stays of a run: its result on the server's shelf, and a link to it."""

import re
import threading
import uuid
from collections import OrderedDict

import gradio as gr

from diffusion_core.levels import CLEAN
from diffusion_core.recipes import Recipe
from diffusion_core.studio import Kept, Result

LONGEST_QUERY = 4000  # characters; servers refuse much longer addresses


class Shelf:
    """The latest results by id, up to `most`; the oldest make room."""

    def __init__(self, most: int = 100):
        self._results: OrderedDict[str, Result] = OrderedDict()
        self._most, self._lock = most, threading.Lock()

    def put(self, result: Result) -> str:
        key = uuid.uuid4().hex
        with self._lock:
            self._results[key] = result
            while len(self._results) > self._most:
                self._results.popitem(last=False)
        return key

    def get(self, key: str | None) -> Result | None:
        with self._lock:
            return self._results.get(key)


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
