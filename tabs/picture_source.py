"""A picture to start from: an example by one click, one's own, or a sketch.

source = Source(studio, "text-iterative", sketch_id="denoise-sketch")     # stands where it is made
text_page.page(..., own={"picture": source.own})                          # on as many pages as share it
"""

import gradio as gr

from diffusion_core import images
from diffusion_core.examples import EXAMPLES
from diffusion_core.fields import Field, RecipeError
from diffusion_core.recipes import field_of
from diffusion_core.studio import Studio
from tabs import widgets
from tabs.pictures import Chooser, kept
from tabs.text_page import Own
from tabs.widgets import QUIET

SIDE = 256  # pixels of what is kept: stage II needs no more
DRAWING = "drawing"  # what the choice holds while the sketch is meant
COLOURS = ["#1c1917", "#ffffff", "#d62828", "#f59e0b", "#2a9d3a", "#1d6fd6", "#8b5a2b", "#f7c9a9"]


class Source:
    """Examples and an upload on one tab, a sketchpad on the other; what is in view is what is taken. It
    stands across the page, so that the tabs within a tab can share it.

    value   holds the choice, as Chooser's
    sketch  the editor, read on Run only
    """

    def __init__(self, studio: Studio, technique: str, sketch_id: str, columns: int = 4):
        field = field_of(technique, "picture")
        with gr.Tabs(overflow_behavior="wrap") as self.ways:
            with gr.Tab("Choose a picture", id="choose") as choose, gr.Row(elem_classes="wide-chooser"):
                self.chooser = Chooser(studio, field, list(EXAMPLES), _prepared, columns=columns)
            with gr.Tab("Sketch one", id="draw") as draw:
                self.sketch = sketchpad(sketch_id)
        self.value = self.chooser.value
        chosen = kept(field.default)
        self.value.change(_remembered, [self.value, chosen], [chosen, self.ways], **QUIET)
        draw.select(None, None, self.value, js=f"() => '{DRAWING}'", **QUIET)
        choose.select(None, chosen, self.value, js="(chosen) => chosen", **QUIET)

    def own(self, _field: Field) -> Own:
        """For the argument `own` of text_page.page."""
        return Own(self.value, read=read, also=[self.sketch])


def sketchpad(elem_id: str) -> gr.ImageEditor:
    """A white page and a few colours."""
    sketch = gr.ImageEditor(
        label="Your sketch",
        type="pil",
        image_mode="RGB",
        sources=(),
        transforms=(),
        layers=False,
        canvas_size=(SIDE, SIDE),
        fixed_canvas=True,
        format="png",
        height=420,
        buttons=[],
        elem_classes="autobrush",
        elem_id=elem_id,
        brush=gr.Brush(default_size=14, colors=COLOURS, default_color=COLOURS[0]),
    )
    gr.Markdown(
        "No canvas here? Then this browser has no WebGL: upload a picture instead.", elem_classes="hint"
    )
    return widgets.safe(sketch)


def read(value: str, drawing: dict | None) -> str:
    """The recipe's picture: what was chosen, or the sketch. RecipeError if nothing is drawn."""
    if value != DRAWING:
        return value
    picture = (drawing or {}).get("composite")
    if picture is None:
        raise RecipeError("Nothing is drawn yet. Sketch something, or choose a picture.")
    return images.to_uri(images.squared(images.as_rgb(picture), SIDE))


def _prepared(picture):
    return images.squared(picture, SIDE)


def _remembered(value: str, chosen: str):
    """What to come back to after sketching; and the page that belongs to a choice, however it was made."""
    return (chosen, gr.skip()) if value == DRAWING else (value, gr.update(selected="choose"))
