"""What came out, to click, and before and after under one slider.

shown = BeforeAfter(bench, above, beside, known)      # in page's `middle`, with result=False
bench.wire()
shown.wire()                                          # after the bench
"""

import html
from collections.abc import Callable, Sequence
from typing import NamedTuple

import gradio as gr
from PIL import Image

from diffusion_core.images import export
from diffusion_core.serving.result import Result
from tabs.components.pictures import CLICKED
from tabs.components.run_panel import Bench
from tabs.components.text_page import TextBench
from tabs.components.text_results import Heads, captioned_sheet, pictures_of
from tabs.gradio_compat import AT_ONCE

SHARP = 512  # pixels of each side of the slider: small pictures get whole pixels, no blur


class EditBench(TextBench):
    """A TextBench whose Run stays in view: where pictures are made, the way down to it is long."""

    def buttons(self, *args, **options) -> None:
        with gr.Column(elem_classes="run-bar"):
            super().buttons(*args, **options)


class Known(NamedTuple):
    """A picture that was there before, and its caption; at the end of the first row, or at its beginning?"""

    caption: str
    picture: Image.Image | None
    last: bool = False


class BeforeAfter:
    """All pictures of a result in rows, to click; the clicked one beside what it was made from.

    above, beside  heads of columns and rows from a recipe, as for text_results.table_here
    known          pictures to show with them, from a result; the first is the "before"
    """

    def __init__(
        self, bench: Bench, above: Heads, beside: Heads, known: Callable[[Result], Sequence[Known]], waiting
    ):
        self.bench, self.above, self.beside, self.known = bench, above, beside, known
        self.strip = gr.HTML(waiting, elem_id=f"{bench.technique}-strip", js_on_load=CLICKED)
        self.slider = gr.ImageSlider(
            label="Before and after: move the line",
            format="png",
            type="pil",
            interactive=False,
            buttons=["fullscreen"],
            height=430,
            max_height=430,
            elem_id=f"{bench.technique}-slider",
            elem_classes="slider",
        )
        bench.after += [(self._rows, self.strip), (self._pair, self.slider)]
        bench.sheet = lambda result: captioned_sheet(result, above, beside)

    def wire(self) -> None:
        """Let clicks choose; after the bench is wired."""
        self.strip.select(self._clicked, self.bench.run_id, [self.strip, self.slider], **AT_ONCE)

    def _first(self, result: Result) -> int:
        """Which picture is shown first: the middle of the last row, with a prompt if there is one without."""
        columns = len(self.above(result.recipe))
        return len(result.pictures) - columns + columns // 2

    def _rows(self, result: Result, chosen: int | None = None) -> str:
        chosen = self._first(result) if chosen is None else chosen
        heads, sides = self.above(result.recipe), self.beside(result.recipe)
        pictures, known = pictures_of(result), self.known(result)
        rows = []
        for k, side in enumerate(sides):
            first = k * len(heads)
            made = [
                picked(pictures[i], head, i, i == chosen, side) for i, head in enumerate(heads, start=first)
            ]
            begin, end = ([_figure(e) for e in known if e.last is last and not k] for last in (False, True))
            rows.append(row([*begin, *made, *end], side, len(heads) + len(known)))
        return "".join(rows)

    def _pair(self, result: Result, chosen: int | None = None) -> dict:
        chosen = self._first(result) if chosen is None else chosen
        before, heads = self.known(result)[0], self.above(result.recipe)
        side = self.beside(result.recipe)[chosen // len(heads)]
        after = pictures_of(result)[chosen]
        words = ", ".join(filter(None, (side, heads[chosen % len(heads)])))
        return gr.update(
            value=(sharp(before.picture), sharp(after)), label=f"Left: {before.caption}. Right: {words}."
        )

    def _clicked(self, run_id: str, event: gr.EventData):
        result, index = self.bench.result_of(run_id), getattr(event, "index", None)
        if result is None:
            gr.Warning("This run is no longer kept; run it again.")
            return gr.skip(), gr.skip()
        if not isinstance(index, int) or not 0 <= index < len(result.pictures):
            return gr.skip(), gr.skip()
        return self._rows(result, index), self._pair(result, index)


def picked(picture: Image.Image, caption: str, index: int, chosen: bool, side: str) -> str:
    """A picture to click, over its caption."""
    alt = html.escape(", ".join(filter(None, (side, caption))))
    return (
        f'<figure><button type="button" data-index="{index}" aria-pressed="{"true" if chosen else "false"}">'
        f'<img src="{export.source(picture)}" alt="{alt}"></button>'
        f"<figcaption>{html.escape(caption)}</figcaption></figure>"
    )


def _figure(known: Known) -> str:
    image = '<div class="waiting"></div>'
    if known.picture:
        image = f'<img src="{export.source(known.picture)}" alt="{html.escape(known.caption)}">'
    return f"<figure>{image}<figcaption>{html.escape(known.caption)}</figcaption></figure>"


def row(cells: Sequence[str], side: str = "", columns: int = 0) -> str:
    head = f"<p>{html.escape(side)}</p>" if side else ""
    columns = max(4, columns or len(cells))
    return f'<div class="picks" style="--columns: {columns}">{head}{"".join(cells)}</div>'


def waiting(captions: Sequence[str]) -> str:
    """A row of frames that wait for their pictures."""
    return row([_figure(Known(caption, None)) for caption in captions])


def sharp(picture: Image.Image) -> Image.Image:
    """A small picture with every pixel repeated, large enough for the slider."""
    zoom = max(1, SHARP // picture.width)
    return picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)
