"""What every tab is made of: controls from fields, safe pictures, status, and friendly failure."""

import contextlib
import errno
import html
import os
import tempfile
import traceback
from abc import ABCMeta
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder
from PIL import Image

from diffusion_core import images
from diffusion_core.engine import Busy, Cancelled, OutOfMemory
from diffusion_core.faults import ModelError
from diffusion_core.fields import Choice, Field, Number, Numbers, RecipeError, Seed, Text
from diffusion_core.runs import Stop
from diffusion_core.strips import zoom_for
from diffusion_core.studio import Frame, Result, duration
from tabs import figures


class DiskFull(RuntimeError):
    """A file could not be written; the message says so to a person."""


FRIENDLY = (RecipeError, ModelError, Busy, OutOfMemory, DiskFull)
"""What carries a sentence for a person. Anything else is a fault of ours, and is logged as one."""

STOPPED = "Stopped. The settings are as they were."
NOT_KEPT = (
    "This run is no longer kept here. Press Run to make it again: the same seed gives the same picture."
)
GONE = "This picture is no longer kept here: later ones took its room. A PNG of it brings its settings back."
OUR_FAULT = "Something went wrong here, and the fault is ours; the server's log says what. The settings stay."
QUIET = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
"""For every event of the page. It shows no progress of Gradio's, and on nothing: else Gradio's script tells
every output of every event so far of each word of a run, and looks each up among all parts of the page."""
AT_ONCE = QUIET | {"queue": False}
"""The same for what neither waits in line nor raises a toast."""
PREVIEW_SECONDS = 0.25  # between two live previews
MANY = 50  # runs at a time, from which on previews come half as often
LATEX = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]


def control(field: Field, names: dict[str, str] | None = None, **options) -> gr.components.Component:
    """The widget for a field, with its bounds, default, label and help. names: what choices are called."""
    label = f"{field.label} ({field.unit})" if field.unit else field.label
    common = {"label": label, "info": field.help or None} | options
    if isinstance(field, Number):
        return gr.Slider(field.low, field.high, field.default, step=field.step, **common)
    if isinstance(field, Choice):
        choices = [((names or {}).get(each, each), each) for each in field.choices]
        return gr.Radio(choices, value=field.default, **common)
    if isinstance(field, Seed):
        return gr.Number(field.default, precision=0, minimum=0, maximum=2**31 - 1, **common)
    if isinstance(field, Numbers):
        return gr.Textbox(", ".join(f"{each:g}" for each in field.default), **common)
    if isinstance(field, Text):
        return gr.Textbox(field.default, max_length=field.most, **common)
    raise TypeError(f"no widget for {type(field).__name__}")


def shown_value(field: Field, value):
    """A recipe's value as its widget takes it."""
    return ", ".join(f"{each:g}" for each in value) if isinstance(field, Numbers) else value


def lead(title: str, text: str, equation: str) -> None:
    """A tab's head: its name, a short text a teacher can read out, and the equation."""
    with gr.Row(elem_classes="tab-head", equal_height=True):
        with gr.Column(scale=3, min_width=320):
            gr.Markdown(f"## {title}\n{text}", elem_classes="lead")
        with gr.Column(scale=2, min_width=320):
            gr.Markdown(f"$${equation}$$", latex_delimiters=LATEX, elem_classes="equation")


def safe(component, read: Callable | None = None):
    """Let a picture input read uploads only. Gradio would read any image file the server can see, if a
    forged request named its path; the server's own files are nobody's upload.

    It becomes of a class of its own, as Gradio makes a visitor a new component of the same class wherever an
    event updates one, were it only with gr.skip(): what hung on the first alone would be lost.

    read   what the input hands over, made from the payload; else what Gradio makes of it
    """
    kind = type(component)
    names = component.get_block_name(), component.get_block_class()

    def preprocess(self, payload):
        for data in _files_in(payload):
            path = getattr(data, "path", None)
            if path and not Path(os.path.realpath(path)).is_relative_to(
                os.path.realpath(get_upload_folder())
            ):
                raise gr.Error("This picture was not uploaded here. Upload it again.", print_exception=False)
        return read(payload) if read else kind.preprocess(self, payload)

    own = {
        "preprocess": preprocess,
        "get_block_name": lambda self: names[0],
        "get_block_class": lambda self: names[1],
        "__module__": kind.__module__,
    }
    component.__class__ = ABCMeta.__new__(type(kind), kind.__name__, (kind,), own)
    return component


def _files_in(payload) -> list:
    """The files a payload names: an image, a list of files, or an editor's background, layers, composite."""
    if payload is None:
        return []
    parts = [payload, *(getattr(payload, name, None) for name in ("background", "composite"))]
    parts += [*(getattr(payload, "layers", None) or []), *(getattr(payload, "root", None) or [])]
    return [part for part in parts if hasattr(part, "path")]


class Shown(gr.HTML):
    """A place for a picture, of a height that never changes. The picture travels inside the page: a live one
    needs one answer of the server, not two, and no room on its disk. A click shows it as large as the screen.

    label  stands above the picture, and is what a screen reader says of it
    lossy  JPEG, for live previews; else PNG, exact
    """

    def __init__(self, label: str, height: int, lossy: bool, **options):
        self.said, self.height, self.lossy = label, height, lossy
        classes = options.pop("elem_classes", None) or []
        classes = ["crisp", "pane", *([classes] if isinstance(classes, str) else classes)]
        super().__init__(None, elem_classes=classes, **options)

    def postprocess(self, value: Image.Image | str | None) -> str:
        if isinstance(value, str):
            return value
        name = html.escape(self.said)
        inside = '<span class="waiting" aria-hidden="true"></span>'
        if value is not None:
            inside = (
                f'<button type="button" class="enlarge" aria-label="{name}: enlarge">'
                f'<img src="{figures.source(value, self.lossy)}" alt="{name}"></button>'
            )
        style = f"--height: {self.height}px"
        return f'<figure style="{style}"><figcaption>{name}</figcaption>{inside}</figure>'


def pane(label: str, height: int = 360, **options) -> Shown:
    """A place for live pictures: JPEG, quick to encode."""
    return Shown(label, height, True, **options)


def final(label: str, height: int = 360, **options) -> Shown:
    """A place for a finished picture: PNG, exact."""
    return Shown(label, height, False, **options)


def pane_columns(count: int, columns: int) -> int:
    """Pictures in a row of a live pane, which is about square: a single long row is broken in two."""
    return (count + 1) // 2 if count == columns and count > 5 else columns


def frame_grids(frame: Frame) -> tuple[Image.Image, Image.Image | None]:
    """x_t and x0^ of a frame as sheets; x_t in the wider range that noise needs."""
    low, high, columns = frame.low, frame.high, pane_columns(len(frame.x), frame.columns)
    zoom = zoom_for(columns, frame.x.shape[-1])
    x_t = images.grid(frame.x, columns, *images.noisy_range(low, high, frame.level.sigma), zoom=zoom)
    x0 = None if frame.x0 is None else images.grid(frame.x0, columns, low, high, zoom=zoom)
    return x_t, x0


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


STOPS = {"interactive": True, "__type__": "update"}
"""Of a Stop button while something runs. Every word of a run says it again, so that a page which missed one
can stop it all the same."""


class Stops:
    """The Stop button of one page for all its visitors: session -> what runs there.

    A run that is stopped ends by itself, with Cancelled, and so has the last word on the page. Gradio's own
    `cancels=` may be overtaken by a late update, or take the next run with it.
    """

    def __init__(self):
        self._running: dict[str, Stop] = {}

    @contextlib.contextmanager
    def running(self, session: str) -> Iterator[Stop]:
        """While this lasts, the visitor's Stop button stops what was given the Stop."""
        stop = self._running[session] = Stop()
        try:
            yield stop
        finally:
            if self._running.get(session) is stop:
                del self._running[session]

    def press(self, request: gr.Request):
        """For the button's click: the status line. It is the run that says it was stopped: a word from here
        might come later than that one."""
        stop = self._running.get(request.session_hash)
        if stop is None:
            return status("Nothing is running.")
        stop.now()
        return gr.skip()


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


def file_of(data: bytes, name: str) -> str:
    """Bytes as a file that Gradio may serve and will delete; the name is what the browser saves it as.
    DiskFull if there is no room for it."""
    try:
        folder = Path(tempfile.mkdtemp(dir=_served()))
        path = folder / name
        path.write_bytes(data)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            "The server's disk is full: there is nothing to download. The picture and the settings stay on "
            "this page. Make room there, or tell who runs it, and press Run again."
        ) from error
    return str(path)


def _served() -> Path:
    folder = Path(get_upload_folder()) / "made-here"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def on_change(components: Sequence, fn: Callable, inputs: Sequence, outputs) -> None:
    """Call fn quietly whenever one of the components changes; the last change wins."""
    gr.on(
        [component.change for component in components],
        fn,
        inputs,
        outputs,
        trigger_mode="always_last",
        **AT_ONCE,
    )
