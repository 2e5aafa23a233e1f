"""A picture to start from: an example by one click, one's own, or a sketch.

source = Source(studio, "text-iterative", list(EXAMPLES), square, pad)    # stands where it is made
text_page.page(..., own={"picture": source.own})                          # on as many pages as share it
"""

import contextlib
from collections.abc import Callable, Sequence
from functools import partial

import gradio as gr
from PIL import Image

from diffusion_core.recipes.recipe import field_of
from diffusion_core.recipes.schema import Field
from diffusion_core.serving.studio import Studio
from tabs import static
from tabs.components.form import Own
from tabs.components.pictures import Chooser, kept
from tabs.components.sketchpad import HERE, NOTHING_DRAWN, Pad, drawn
from tabs.gradio_compat import QUIET


class Source:
    """Examples and an upload on one tab, a page to draw on upon the other; what is in view is what is taken.

    prepared  what an upload or a drawing becomes before it is kept
    pad       makes the page to draw on, in its place
    wide      it stands across the page: one's own picture beside the examples, not below them
    heads     what the two tabs are called; nothing: what to say when nothing is drawn; more for Chooser

    value     holds the choice: HERE for what is drawn, else as Chooser's
    """

    def __init__(
        self,
        studio: Studio,
        technique: str,
        names: Sequence[str],
        prepared: Callable[[Image.Image], Image.Image],
        pad: Callable[[], Pad],
        *,
        wide: bool = False,
        heads: tuple[str, str] = ("Choose a picture", "Sketch one"),
        nothing: str = NOTHING_DRAWN,
        **more,
    ):
        self.prepared, self.nothing = prepared, nothing
        field = field_of(technique, "picture")
        with gr.Tabs(overflow_behavior="wrap") as self.ways:
            row = partial(gr.Row, elem_classes="wide-chooser") if wide else contextlib.nullcontext
            with gr.Tab(heads[0], id="choose") as choose, row():
                chooser = Chooser(studio, field, names, prepared, **more)
            with gr.Tab(heads[1], id="draw") as draw:
                self.pad = pad()
        self.value, chosen = chooser.value, kept(field.default)
        self.value.change(_settled, [self.value, chosen], [chosen, self.ways], **QUIET)
        draw.select(None, None, self.value, js=static.text("here.js"), **QUIET)
        choose.select(None, chosen, self.value, js=static.text("chosen.js"), **QUIET)

    def own(self, _field: Field) -> Own:
        """For the argument `own` of text_page.page."""
        return Own(self.value, read=self.read, also=[self.pad])

    def read(self, value: str, drawing: dict | None) -> str:
        """The recipe's picture: what was chosen, or what is drawn. RecipeError if nothing is."""
        return drawn(value, drawing, self.prepared, self.nothing)


def _settled(value: str, chosen: str):
    """What to come back to after drawing; and the tab that belongs to a choice, however it was made."""
    return (chosen, gr.skip()) if value == HERE else (value, gr.update(selected="choose"))
