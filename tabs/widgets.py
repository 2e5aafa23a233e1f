"""What every tab is made of: controls from fields, safe pictures, status, and friendly failure."""

import contextlib
import html
import os
import tempfile
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

FRIENDLY = (RecipeError, ModelError, Busy, OutOfMemory)
"""What carries a sentence for a person. Anything else is a fault of ours, and is logged as one."""

PREVIEW_SECONDS = 0.25  # between two live previews
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


def safe(component):
    """Let a picture input read uploads only. Gradio would read any image file the server can see, if a
    forged request named its path; the server's own files are nobody's upload."""
    preprocess = component.preprocess

    def guarded(payload):
        for data in _files_in(payload):
            path = getattr(data, "path", None)
            if path and not Path(os.path.realpath(path)).is_relative_to(
                os.path.realpath(get_upload_folder())
            ):
                raise gr.Error("This picture was not uploaded here. Upload it again.", print_exception=False)
        return preprocess(payload)

    component.preprocess = guarded
    return component


def _files_in(payload) -> list:
    """The files a payload names: an image, or an editor's background, layers and composite."""
    if payload is None:
        return []
    parts = [payload, *(getattr(payload, name, None) for name in ("background", "composite"))]
    return [part for part in (*parts, *(getattr(payload, "layers", None) or [])) if hasattr(part, "path")]


def pane(label: str, height: int = 360, **options) -> gr.Image:
    """A place for live pictures: JPEG, quick to encode, never jumping."""
    return gr.Image(
        label=label,
        format="jpeg",
        height=height,
        interactive=False,
        buttons=["fullscreen"],
        elem_classes=["crisp", "pane"],
        show_label=True,
        **options,
    )


def final(label: str, height: int = 360, **options) -> gr.Image:
    """A place for a finished picture: PNG, exact."""
    return gr.Image(
        label=label,
        format="png",
        height=height,
        interactive=False,
        buttons=["download", "fullscreen"],
        elem_classes=["crisp", "pane"],
        **options,
    )


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
    """The line under the buttons: what is going on, and how far it is (share in 0..1)."""
    line = f'<div class="{"wrong" if wrong else "line"}" role="status">{html.escape(text)}</div>'
    bar = "" if share is None else f'<div class="bar"><div style="width:{100 * share:.0f}%"></div></div>'
    return line + bar


def status_of(frame: Frame) -> str:
    left = "" if frame.eta is None else f", {duration(frame.eta)} to go"
    return status(f"Step {frame.index + 1} of {frame.of}{left}", frame.index / frame.of)


def done(result: Result) -> str:
    seconds = f"{result.seconds:.1f} s"
    return status(f"Done in {seconds}. Seed {result.recipe.values.get('seed', '-')}.", 1.0)


def cost_line(cost: Callable[[], object]) -> str:
    """The line above Run, as Markdown: what `cost()` says, or in bold what is wrong with the settings."""
    try:
        return f"Cost: {cost()}."
    except FRIENDLY as error:
        return f"**{html.escape(str(error))}**"


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
        """For the button's click: the status line and the button."""
        stop = self._running.get(request.session_hash)
        if stop is None:
            return status("Nothing is running."), gr.update(interactive=False)
        stop.now()
        return status("Stopping…"), gr.update(interactive=False)


def sentence(error: BaseException) -> str:
    """What to tell a person. Our own faults carry no sentence: they are raised again, and logged."""
    if isinstance(error, FRIENDLY):
        return str(error)
    raise error


def ended_by(error: BaseException) -> str:
    """The status line of a run that was stopped, or that failed (then with a toast too)."""
    if isinstance(error, Cancelled):
        return status("Stopped. The settings are as they were.")
    text = sentence(error)
    gr.Warning(text)
    return status(text, wrong=True)


def file_of(data: bytes, name: str) -> str:
    """Bytes as a file that Gradio may serve and will delete; the name is what the browser saves it as."""
    folder = Path(tempfile.mkdtemp(dir=_served()))
    path = folder / name
    path.write_bytes(data)
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
        show_progress="hidden",
        trigger_mode="always_last",
        queue=False,
        api_visibility="private",
    )
