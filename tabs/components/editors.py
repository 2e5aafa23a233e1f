"""Pictures that a person makes: a sketch, or paint on a photo; and a mask painted over a picture.

    picture = PictureTabs(studio, "text-sdedit", names)           # examples, one's own, a sketch
    mask = MaskEditor(studio, chooser, "text-inpaint", "example:Mask of the rocket")
    text_page.page(..., own={"picture": picture.own, "mask": mask.own})

Editors are read on Run only. A mask's editor shows whichever mask is meant, and touching it makes its paint
count; its picture is square, as techniques see it, so a pixel painted is a pixel new.
"""

from collections.abc import Sequence
from functools import partial

import gradio as gr
import numpy as np
from PIL import Image, ImageColor

from diffusion_core.images import convert
from diffusion_core.recipes import RecipeError
from diffusion_core.recipes.recipe import field_of
from diffusion_core.recipes.schema import Field
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques import inpaint
from tabs import gradio_compat, static
from tabs.components.form import Own
from tabs.components.pictures import SIDE, Chooser, kept, square, uploaded
from tabs.components.sketchpad import CANVAS, EDITOR, HERE, NO_CANVAS, NOTHING_DRAWN, Pad, drawn, sketchpad
from tabs.components.web_address import web_address
from tabs.gradio_compat import AT_ONCE, QUIET
from tabs.session import messages

PAINT = "#ff00aa"  # over what shall be new: no picture is of this pink
NOTHING_PAINTED = "Mask: nothing is painted yet. Paint over what shall be new, or upload a mask."


def own_here(chooser: Chooser, elem_id: str, cleared: Sequence[gr.components.Component] = ()) -> None:
    """The chooser's upload, moved here, and below it a line for an address on the web."""
    chooser.upload.unrender()
    chooser.upload.render()
    web_address(chooser.value, elem_id, tuple(cleared))


# --- a picture ----------------------------------------------------------------------------------------------


class PictureTabs:
    """Examples, one's own picture, a sketch: a tab each; what is in view is what is taken.

    value   holds the choice: HERE for the sketch, else as Chooser's, or "" for none yet
    """

    def __init__(self, studio: Studio, technique: str, names: Sequence[str]):
        field, self.studio = field_of(technique, "picture"), studio
        with gr.Tabs(overflow_behavior="wrap") as self.ways:
            with gr.Tab("Examples", id="examples") as examples:
                chooser = Chooser(studio, field, names, square, upload_label="Your own picture")
            with gr.Tab("Your own", id="own") as own:
                own_here(chooser, f"{technique}-address")
            with gr.Tab("Sketch", id="sketch") as sketch:
                self.pad = sketchpad(f"{technique}-sketch", "Your sketch")
                with gr.Row():
                    onto = gr.Button("Draw on the example", size="sm", min_width=100)
                    blank = gr.Button("Blank page", size="sm", min_width=100)
        self.value, example, mine = chooser.value, kept(field.default), kept("")
        self.value.change(_settled, self.value, [example, mine, self.ways], **QUIET)
        sketch.select(None, None, self.value, js=static.text("here.js"), **QUIET)
        examples.select(None, example, self.value, js=static.text("chosen.js"), **QUIET)
        own.select(None, mine, self.value, js=static.text("chosen.js"), **QUIET)
        onto.click(self._page_of, [mine, example], self.pad.editor, **QUIET)
        blank.click(lambda: None, None, self.pad.editor, **QUIET)

    def own(self, _field: Field) -> Own:
        """For the argument `own` of text_page.page."""
        read = partial(drawn, prepared=square, nothing=NOTHING_DRAWN)
        return Own(self.value, read=read, also=[self.pad])

    def _page_of(self, mine: str, example: str):
        try:
            return _sent(_page(self.studio.picture(mine or example)))
        except messages.FRIENDLY as error:
            gr.Warning(str(error))
            return gr.skip()


def _settled(value: str):
    """What to come back to, example and own; and the tab that belongs to a choice, however it was made."""
    if value == HERE:
        return gr.skip(), gr.skip(), gr.update(selected="sketch")
    if value.startswith("example:"):
        return value, gr.skip(), gr.update(selected="examples")
    return gr.skip(), value, gr.update(selected="own")


def _page(picture: Image.Image, *layers: Image.Image) -> dict:
    """A picture as an editor's value, to draw on."""
    page = convert.squared(convert.as_rgb(picture), CANVAS)
    return {"background": page, "layers": list(layers), "composite": page}


def _sent(page: dict) -> dict:
    """An editor's value in files of their own: pictures that are equal Gradio writes to one path, again and
    again, perhaps while a page is reading it."""
    background, *layers = (
        gradio_compat.file_of(convert.to_png(each), "page.png")
        for each in (page["background"], *page["layers"])
    )
    return {"background": background, "layers": layers, "composite": background}


# --- a mask -------------------------------------------------------------------------------------------------


class MaskEditor:
    """The chosen picture, to paint on; a mask may be uploaded too, where there is no editor (no WebGL).

    value    holds the choice: HERE for what is painted, else as a recipe holds it, or None
    cleared  what becomes None when somebody chooses another picture; a link or an example brings both
    """

    def __init__(self, studio: Studio, chooser: Chooser, technique: str, default: str | None = None):
        self.studio, self.picture = studio, chooser.value
        self.value, brought, shown = kept(default), gr.State(None), gr.State(None)
        self.cleared = [self.value, brought]
        elem_id, colour = f"{technique}-paint", (PAINT, 0.5)
        with gr.Accordion("Your own picture", open=False):
            own_here(chooser, f"{technique}-address", self.cleared)
        brush = gr.Brush(default_size=24, colors=[colour], default_color=colour, color_mode="fixed")
        onto = _page(studio.picture(chooser.default))
        self.pad = Pad(gr.ImageMask(onto, label="Mask", elem_id=elem_id, brush=brush, **EDITOR))
        hint = "Paint over what shall be new. The eraser takes paint away, the bin all of it."
        said = f'<p data-editor="#{elem_id}">{hint}</p>'
        touch = gr.HTML(said, elem_classes="hint", js_on_load=static.text("touched.js"))
        with gr.Accordion("Upload a mask instead", open=False):
            file = uploaded(
                gr.Image(
                    label="white is new, black is kept",
                    sources=["upload", "clipboard"],
                    type="filepath",
                    height=160,
                    buttons=[],
                    elem_classes=["crisp", "mask-upload"],
                )
            )
            gr.Markdown(NO_CANVAS.format("a mask"), elem_classes="hint")
        touch.select(lambda: (HERE, []), None, [self.value, shown], **AT_ONCE)
        follow = {"fn": self._follow, "inputs": [shown, self.picture, self.value]}
        follow |= {"outputs": [shown, self.pad.editor], "trigger_mode": "always_last", "concurrency_limit": 1}
        touch.submit(lambda: [], None, shown, **QUIET).then(**follow, **QUIET)
        gr.on([self.picture.change, self.value.change], **follow, **QUIET)
        file.input(self._brought, [file, self.picture, brought], [self.value, file], **QUIET)
        chooser.gallery.select(lambda: (None, None), None, self.cleared, **QUIET)
        chooser.upload.input(_size_of, chooser.upload, self.cleared, **QUIET)

    def own(self, _field: Field) -> Own:
        """For the argument `own` of text_page.page."""
        return Own(self.value, read=self.read, also=[self.pad, self.picture])

    def read(self, value: str | None, painting: dict | None, picture: str) -> str:
        """The recipe's mask. RecipeError if there is none."""
        if value == HERE:
            return convert.to_uri(painted(painting, self.studio.picture(picture).size))
        if not value:
            raise RecipeError(NOTHING_PAINTED)
        return value

    def _brought(self, path: str | None, picture: str, brought: tuple[int, int] | None):
        """An upload as the recipe's mask. brought: the size in which the picture came, if it was another."""
        if path is None:
            return None, gr.skip()
        try:
            mask, onto = convert.opened(path), self.studio.picture(picture)
            kept = fitted(mask, onto.size, brought)
            inpaint.mask_of(kept, onto, SIDE)
            return convert.to_uri(kept), gr.skip()
        except messages.FRIENDLY as error:
            gr.Warning(str(error))
            return gr.skip(), None

    def _follow(self, shown: list | None, picture: str, mask: str | None):
        """Let the editor show the picture under the mask that is meant; what is being painted stays.

        shown   what it shows: [picture, mask], or [] if nobody knows, or None before it is there at all. It
                must be told once, not twice at a time, or it loses the layer that one paints on.
        """
        if shown is None or mask == HERE or shown == [picture, mask]:
            return gr.skip(), gr.skip()
        try:
            paint = [_paint(self.studio.picture(mask))] if mask else []
            return [picture, mask], _sent(_page(self.studio.picture(picture), *paint))
        except messages.FRIENDLY as error:
            gr.Warning(str(error))
            return gr.skip(), gr.skip()


def _paint(mask: Image.Image) -> Image.Image:
    """A mask as the editor's layer: half transparent paint where it is white."""
    new = convert.squared(convert.as_rgb(mask).convert("L"), CANVAS).point(lambda value: 127 * (value >= 128))
    layer = Image.new("RGBA", new.size, (*ImageColor.getrgb(PAINT), 0))
    layer.putalpha(new)
    return layer


def painted(painting: dict | None, size: tuple[int, int]) -> Image.Image:
    """The editor's strokes as a mask for a picture of this size. RecipeError if there are none."""
    layers = (painting or {}).get("layers") or []
    if not layers or not (strokes := np.asarray(layers[0].convert("RGBA"))[..., 3] > 0).any():
        raise RecipeError(NOTHING_PAINTED)
    return _unsquared(Image.fromarray(strokes.astype(np.uint8) * 255), size)


def fitted(mask: Image.Image, size: tuple[int, int], brought: tuple[int, int] | None = None) -> Image.Image:
    """An uploaded mask for a picture of this size, which was brought in another. It may be larger or
    smaller than either, but must have the proportions of one. RecipeError."""
    grey = inpaint.black_and_white(mask)
    for width, height in (size, brought or size):
        if abs(mask.width / mask.height - width / height) < 0.02 * width / height:
            return _unsquared(convert.squared(grey, SIDE), size)
    width, height = brought or size
    raise RecipeError(
        f"Mask: it has {mask.width} x {mask.height} pixels and the picture {width} x {height}, so they do "
        "not lie on each other. Take a mask of the picture's size, or paint on the picture itself."
    )


def _unsquared(square: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle square of a mask of this size, black around it: what convert.squared undoes."""
    side = min(size)
    middle = square.resize((side, side), Image.Resampling.BOX).point(lambda value: 255 * (value >= 128))
    mask = Image.new("L", size)
    mask.paste(middle, ((size[0] - side) // 2, (size[1] - side) // 2))
    return mask


def _size_of(path: str | None):
    """No mask yet, and the size of the picture that was brought."""
    try:
        return None, convert.opened(path).size if path else None
    except RecipeError:  # Chooser says so
        return gr.skip(), gr.skip()
