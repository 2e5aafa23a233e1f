"""Choosing a picture: examples by one click, or one's own by upload, drop or paste.

What was chosen is kept as a recipe keeps it, "example:NAME" or a data URI, so that a link stays short.
"""

from collections.abc import Callable, Sequence

import gradio as gr
from PIL import Image

from diffusion_core.images import convert
from diffusion_core.recipes import RecipeError
from diffusion_core.recipes.schema import Picture
from diffusion_core.serving.studio import Studio
from tabs import gradio_compat, static
from tabs.components import figures
from tabs.gradio_compat import QUIET
from tabs.session import messages

SIDE = 256  # pixels of a picture that is kept: stage II needs no more
THUMBNAIL = 128  # pixels
CLICKED = static.text("clicked.js")


class Chooser:
    """Examples to click above a place for one's own picture.

    value     holds the choice (see kept); listen to value.change, and use it as the recipe's control
    prepare   what an upload becomes before it is kept: smaller, square, a digit, ...; may raise RecipeError
    """

    def __init__(
        self,
        studio: Studio,
        field: Picture,
        names: Sequence[str],
        prepare: Callable[[Image.Image], Image.Image],
        *,
        columns: int = 4,
        label: str = "Examples, drawn by our own code",
        upload_label: str = "or your own picture",
    ):
        self.studio, self.default, self.prepare = studio, field.default, prepare
        self.label, self.columns = label, columns
        self.thumbnails = thumbnails(studio, names)
        self.values = [f"example:{name}" for name in self.thumbnails]
        self.value = kept(field.default)
        self.gallery = gr.HTML(self._gallery(field.default), js_on_load=CLICKED)
        self.upload = uploaded(
            gr.Image(
                label=upload_label,
                sources=["upload", "clipboard"],
                type="filepath",
                height=160,
                buttons=[],
                elem_classes=["crisp", "upload"],
            )
        )
        self.gallery.select(self._clicked, None, self.value, **QUIET)
        self.upload.input(self._brought, self.upload, [self.value, self.upload], **QUIET)
        self.value.change(self._shown, self.value, [self.gallery, self.upload], **QUIET)

    def _gallery(self, value: str) -> str:
        """The thumbnails as buttons; the one that `value` names is pressed."""
        chosen = self.values.index(value) if value in self.values else None
        return figures.buttons(self.thumbnails, chosen, self.label, self.columns)

    def _clicked(self, event: gr.EventData):
        index = getattr(event, "index", None)
        return self.values[index] if isinstance(index, int) and 0 <= index < len(self.values) else gr.skip()

    def _brought(self, path: str | None):
        if path is None:
            return self.default, gr.skip()
        try:
            return convert.to_uri(self.prepare(convert.as_rgb(convert.opened(path)))), gr.skip()
        except RecipeError as error:
            gr.Warning(str(error))
            return gr.skip(), None

    def _shown(self, value: str):
        """Mark the example, or show the picture as it is used; both when a link sets the value, too."""
        if not value.startswith(("example:", "data:")):  # not chosen here: a drawing, say
            return gr.skip(), gr.skip()
        own = None
        if value not in self.values:
            try:
                own = thumbnail(self.studio.picture(value))
            except messages.FRIENDLY as error:
                gr.Warning(str(error))
        return self._gallery(value), own


def square(picture: Image.Image) -> Image.Image:
    """What is kept of a picture: its middle square."""
    return convert.squared(picture, SIDE)


def kept(value: str | None) -> gr.Textbox:
    """A value that the page itself keeps, unseen: there it outlives the server, as drawings do."""
    return gr.Textbox(value, visible="hidden", container=False)


def uploaded(component: gr.Image) -> gr.Image:
    """Make a picture input hand over the path of an upload, unopened: convert.opened reads it, with a
    sentence for whatever is no picture. Gradio would open it first, and fail without one."""

    def path_of(payload) -> str | None:
        if payload is None:
            return None
        if not payload.path:
            raise gr.Error("This picture was not uploaded here. Upload it again.", print_exception=False)
        return payload.path

    return gradio_compat.safe(component, path_of)


def thumbnails(studio: Studio, names: Sequence[str]) -> dict[str, Image.Image]:
    """The examples that can be shown, by name. The log says why others cannot: a missing file, mostly."""
    shown, missing = {}, set()
    for name in names:
        try:
            shown[name] = thumbnail(studio.picture(f"example:{name}"))
        except messages.FRIENDLY as error:
            missing.add(str(error))
    print(*missing, sep="\n", end="\n" * bool(missing))
    return shown


def thumbnail(picture: Image.Image) -> Image.Image:
    """Small enough for a gallery, large enough to be seen: a digit's pixels stay crisp."""
    zoom = THUMBNAIL // max(picture.size)
    if zoom > 1:
        return picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)
    return convert.squared(picture, THUMBNAIL)
