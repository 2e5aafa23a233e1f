"""A page to draw on, and how a run takes what is drawn.

    pad = sketchpad("denoise-sketch", "Your sketch")
    Bench(..., read={"picture": read}, also={"picture": [pad]})      # read(value, drawing)

Gradio's page asks everything that ever was an input of an event for its value, at each word of each run from
then on, and an editor answers by sending its pictures to the server anew. So no event that runs has an editor
among its inputs: the page's own script writes where the pictures lie into a line of text, just before a run.
"""

import json
from collections.abc import Callable

import gradio as gr
import numpy as np
from gradio.components.image_editor import EditorData
from PIL import Image

from diffusion_core.images import convert
from diffusion_core.recipes import RecipeError
from tabs import static
from tabs.gradio_compat import AT_ONCE, safe

CANVAS = 320  # pixels of an editor: large enough to paint, small enough for a phone
HERE = "here"  # what a choice holds while what is in the editor is meant; here.js says it too
NOTHING_DRAWN = "Nothing is drawn yet. Sketch something, or choose a picture."
COLOURS = ["#1c1917", "#ffffff", "#d62828", "#f59e0b", "#2a9d3a", "#1d6fd6", "#8b5a2b", "#f7c9a9"]
NO_CANVAS = "No canvas here? Then this browser has no WebGL: upload {} instead."
CUT_SHORT = "The drawing did not arrive here whole. Press Run again."
EDITOR = {
    "type": "pil",
    "sources": (),
    "transforms": (),
    "layers": False,
    "canvas_size": (CANVAS, CANVAS),
    "fixed_canvas": True,
    "format": "png",
    "height": CANVAS + 110,  # with less, the tools are cut off
    "buttons": [],
    "elem_classes": "autobrush",
}


class Pad:
    """An editor, and the line of text by which its drawing is handed over.

    editor  guarded, as every picture input
    handed  what stands among the inputs of a run
    """

    def __init__(self, editor: gr.ImageEditor):
        self.editor = safe(editor)
        self.handed = gr.Textbox(visible="hidden", container=False)

    def before(self, trigger: Callable) -> Callable:
        """A trigger like button.click -> the one that comes after it, when the drawing is handed over."""
        return trigger(None, self.editor, self.handed, js=static.text("handed.js"), **AT_ONCE).then

    def drawing(self, handed: str) -> dict | None:
        """{"background", "layers", "composite"} as the editor hands them over; None before it was there."""
        try:
            told = json.loads(handed or "null")
            payload = None if told is None else EditorData(**told)
        except (TypeError, ValueError):
            raise RecipeError(CUT_SHORT) from None
        try:
            return None if payload is None else self.editor.preprocess(payload)
        except OSError:
            raise RecipeError(CUT_SHORT) from None


def sketchpad(elem_id: str, label: str, instead: str = "a picture", brush: gr.Brush | None = None) -> Pad:
    """A white page and a few colours. instead: what to upload where there is no canvas."""
    brush = brush or gr.Brush(default_size=16, colors=COLOURS, default_color=COLOURS[0])
    pad = Pad(gr.ImageEditor(label=label, elem_id=elem_id, image_mode="RGB", brush=brush, **EDITOR))
    gr.Markdown(NO_CANVAS.format(instead), elem_classes="hint")
    return pad


def drawn(
    value: str, drawing: dict | None, prepared: Callable[[Image.Image], Image.Image], nothing: str
) -> str:
    """The recipe's picture: the choice `value`, or the drawing as `prepared` makes it, if that is meant.

    RecipeError with the sentence `nothing` if the page was never touched, or is empty again.
    """
    if value != HERE:
        return value
    picture = (drawing or {}).get("composite")
    if picture is None or np.ptp(np.asarray(picture := convert.as_rgb(picture))) == 0:
        raise RecipeError(nothing)
    return convert.to_uri(prepared(picture))
