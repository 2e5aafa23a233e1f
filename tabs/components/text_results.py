"""Results of text techniques, laid out: a table with heads, pictures with captions, small beside large.

The table stands on the page as HTML, which wraps and stays crisp, and is downloaded as one sheet:

    text_page.page(..., middle=partial(table_here, above=columns, beside=seeds), result=False)

where `columns` and `seeds` give, from a recipe, what stands above the columns and beside the rows. Pictures
without such an order, a seed each, and what stage I made beside what stage II did: middle=pictures_here.
"""

from collections.abc import Callable, Sequence
from functools import partial

import gradio as gr
from PIL import Image

from diffusion_core.images import convert
from diffusion_core.images.grid import captioned, zoom_for
from diffusion_core.recipes import Recipe
from diffusion_core.serving.result import Result
from diffusion_core.serving.strips import sheet
from tabs.components import figures
from tabs.components.text_page import TextBench

PER_SHEET = 960  # pixels: about as wide as a sheet with captions becomes

Heads = Callable[[Recipe], Sequence[str]]
"""What stands above the columns of a table, or beside its rows; the latter may be empty for one row."""


def table_here(bench: TextBench, above: Heads, beside: Heads, notes: Callable | None = None) -> None:
    """A table of the result's pictures, for `middle` with result=False; and the same for the download.

    notes   from a Result: a text (HTML) under each picture, in the order of the pictures
    """
    first = bench.opens
    waiting = [[None] * len(beside(first)) for _ in above(first)]
    here = gr.HTML(figures.table(waiting, above(first), beside(first)), elem_id=f"{bench.technique}-table")

    def shown(result: Result) -> str:
        pictures, words = pictures_of(result), notes(result) if notes else ()
        columns, rows = above(result.recipe), beside(result.recipe)
        parts = [pictures[k :: len(columns)] for k in range(len(columns))]
        said_under = [words[k :: len(columns)] for k in range(len(columns))] if words else ()
        return figures.table(parts, columns, rows, said_under)

    bench.after.append((shown, here))
    bench.sheet = partial(captioned_sheet, above=above, beside=beside)


def captioned_sheet(result: Result, above: Heads, beside: Heads) -> Image.Image:
    """The pictures of a result with heads, to keep; in words that Pillow's font has (Latin)."""
    columns, pictures = above(result.recipe), result.pictures
    zoom = zoom_for(len(columns), pictures.shape[-1], PER_SHEET)
    made = [convert.to_picture(x, result.low, result.high, zoom) for x in pictures]
    rows = [made[k : k + len(columns)] for k in range(0, len(made), len(columns))]
    return captioned(rows, columns, [head for head in beside(result.recipe) if head])


def seeds(recipe: Recipe) -> list[str]:
    """What stands beside the rows of a table: the seed of each, if there are several."""
    count, seed = recipe.values.get("count", 1), recipe["seed"]
    return [f"seed {seed + k}" for k in range(count)] if count > 1 else [""]


def pictures_of(result: Result) -> list[Image.Image]:
    """All pictures of a result, pixel for pixel."""
    return [convert.to_picture(x, result.low, result.high) for x in result.pictures]


def small_of(result: Result) -> list[Image.Image] | None:
    """What stage I made, if stage II went on with it: the film holds it as the first x0^ of stage II."""
    large = result.pictures.shape[-1]
    sides = [kept.x.shape[-1] for kept in result.film]
    if not sides or sides[0] == large or large not in sides:
        return None
    first, step = result.film[sides.index(large)], large // sides[0]
    return [convert.to_picture(x.float(), 0, 255) for x in first.x0[..., ::step, ::step]]


def pictures_here(bench: TextBench) -> None:
    """All pictures of a result, each over its seed, for `middle` with result=False; of a cascade each pair,
    small beside large. The same for the download."""
    here = gr.HTML(figures.empty(["the result"]), elem_id=f"{bench.technique}-pictures")
    bench.after.append((laid_out, here))
    bench.sheet = small_and_large


def laid_out(result: Result) -> str:
    """Pictures and captions as HTML; of a cascade in pairs."""
    small, large = small_of(result), pictures_of(result)
    captions = result.captions or [""] * len(large)
    if small is None:
        shown = [figures.figure(one, text, text or "the picture") for one, text in zip(large, captions)]
        return figures.side_by_side(shown, "even")
    return "".join(
        figures.side_by_side([_sized(one, "stage I", text), _sized(two, "stage II", text)], "even")
        for one, two, text in zip(small, large, captions)
    )


def _sized(picture: Image.Image, stage: str, caption: str) -> str:
    size = f"{picture.width} × {picture.height}"
    return figures.figure(picture, f"{caption}, {size}".removeprefix(", "), f"{stage}, {caption}", stage)


def small_and_large(result: Result) -> Image.Image:
    """The sheet of a result; of a cascade, a row per picture: what stage I made, and what stage II did."""
    small, large = small_of(result), pictures_of(result)
    if small is None:
        return sheet(result)
    crisp = [each.resize(large[0].size, Image.Resampling.NEAREST) for each in small]
    sizes = [f"stage I, {small[0].width} px", f"stage II, {large[0].width} px"]
    return captioned(list(zip(crisp, large)), sizes, result.captions)
