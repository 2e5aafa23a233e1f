"""Places for pictures on the page: live ones and finished ones."""

import html

import gradio as gr
from PIL import Image

from diffusion_core.images import export


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
                f'<img src="{export.source(value, self.lossy)}" alt="{name}"></button>'
            )
        style = f"--height: {self.height}px"
        return f'<figure style="{style}"><figcaption>{name}</figcaption>{inside}</figure>'


def pane(label: str, height: int = 360, **options) -> Shown:
    """A place for live pictures: JPEG, quick to encode."""
    return Shown(label, height, True, **options)


def final(label: str, height: int = 360, **options) -> Shown:
    """A place for a finished picture: PNG, exact."""
    return Shown(label, height, False, **options)
