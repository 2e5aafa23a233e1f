"""What the page says of a run: its status line, its cost, a link, and a sentence for whatever went wrong."""

import html
import re
import traceback
from collections.abc import Callable, Sequence

import gradio as gr

from diffusion_core.levels import CLEAN
from diffusion_core.models.faults import ModelError
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.serving.engine import Busy, OutOfMemory
from diffusion_core.serving.result import Cancelled, Frame, Kept, Result, duration
from tabs.gradio_compat import DiskFull

FRIENDLY = (RecipeError, ModelError, Busy, OutOfMemory, DiskFull)
"""What carries a sentence for a person. Anything else is a fault of ours, and is logged as one."""

STOPPED = "Stopped. The settings are as they were."

NOT_KEPT = (
    "This run is no longer kept here. Press Run to make it again: the same seed gives the same picture."
)

GONE = "This picture is no longer kept here: later ones took its room. A PNG of it brings its settings back."
OUR_FAULT = "Something went wrong here, and the fault is ours; the server's log says what. The settings stay."
PREVIEW_SECONDS = 0.25  # between two live previews
LONGEST_QUERY = 4000  # characters; servers refuse much longer addresses
MANY = 50  # runs at a time, from which on previews come half as often


def status(text: str = "", share: float | None = None, wrong: bool = False) -> str:
    """The line under the buttons: what is going on, and how far it is (share in 0..1). The page's script
    knows by "going" that a run is under way here."""
    kind = "wrong" if wrong else "line"
    going = " going" if share is not None and share < 1 else ""
    line = f'<div class="{kind}{going}" role="status">{html.escape(text)}</div>'
    bar = "" if share is None else f'<div class="bar"><div style="width:{100 * share:.0f}%"></div></div>'
    return line + bar


def status_of(frame: Frame) -> str:
    left = "" if frame.eta is None else f", {duration(frame.eta)} to go"
    return status(f"Step {frame.index + 1} of {frame.of}{left}", frame.index / frame.of)


def in_line(place: int) -> str:
    """The status of a run that waits for its turn."""
    return status(f"Many are here. Number {place} in line; it begins by itself.", 0.0)


def done(result: Result, trouble: str = "") -> str:
    """The status of a finished run; trouble: what could not be kept of it."""
    text = f"Done in {result.seconds:.1f} s. Seed {result.recipe.values.get('seed', '-')}. {trouble}"
    return status(text.strip(), 1.0, wrong=bool(trouble))


def preview_seconds(running: int) -> float:
    """How long to wait between two previews, with so many runs under way."""
    return PREVIEW_SECONDS if running <= MANY else 2 * PREVIEW_SECONDS


def cost_line(cost: Callable[[], object]) -> str:
    """The line above Run, as Markdown: what `cost()` says, or in bold what is wrong with the settings."""
    try:
        return f"Cost: {cost()}."
    except FRIENDLY as error:
        return f"**{html.escape(str(error))}**"


def notes(notices: Sequence[str]) -> str:
    """Notices as HTML."""
    return "".join(f'<p role="note">{html.escape(each)}</p>' for each in notices)


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


def sentence(error: BaseException) -> str:
    """What to tell a person. Our own faults carry no sentence: they are raised again, and logged."""
    text = word_on(error)
    if text == OUR_FAULT:
        raise error
    return text


def ended_by(error: BaseException) -> str:
    """The status line of a run that was stopped, or that failed (then with a toast too). A fault of ours is
    logged, and the page says whose fault it is."""
    text = word_on(error)
    if isinstance(error, Cancelled):
        return status(text)
    if text == OUR_FAULT:
        traceback.print_exception(error)
    gr.Warning(text)
    return status(text, wrong=True)


def word_on(error: BaseException) -> str:
    """What to say of a run that ended so."""
    if isinstance(error, Cancelled):
        return STOPPED
    if isinstance(error, gr.Error):  # of ZeroGPU: its seconds are used up, say
        return str(error.message)
    return str(error) if isinstance(error, FRIENDLY) else OUR_FAULT
