"""Pictures in rows: grids and strips, on paper with captions, as large as fits."""

import math
from collections.abc import Sequence

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from diffusion_core.images.convert import to_picture


def zoom_for(columns: int, side: int, width: int = 720) -> int:
    """How many screen pixels a pixel gets, so that `columns` pictures of `side` fill about `width`."""
    return max(1, min(12, width // max(1, columns * (side + 2))))


def in_two_rows(count: int, columns: int) -> int:
    """Pictures in a row of a live pane, which is about square: a single long row is broken in two."""
    return (count + 1) // 2 if count == columns and count > 5 else columns


def squarish(count: int, columns: int) -> int:
    """The same for large pictures: a single long row becomes about a square."""
    return math.ceil(math.sqrt(count)) if count == columns and count > 3 else columns


def kept_sheet(kept: Tensor, columns: int) -> Image.Image:
    """uint8 [B,C,H,W] on one sheet, as wide as the pictures that are there."""
    columns = min(columns, len(kept))
    return grid(kept.float(), columns, 0, 255, zoom_for(columns, kept.shape[-1]))


PAPER, INK = "#ffffff", "#1c1917"
GAP = 8  # pixels between pictures


def captioned(
    rows: Sequence[Sequence[Image.Image]],
    above: Sequence[str] = (),
    beside: Sequence[str] = (),
    size: int = 18,
) -> Image.Image:
    """Rows of pictures on white, a text above each column and to the left of each row; size in pixels.

    A column is as wide as its widest picture or text. The font is Pillow's own: Latin letters only.
    """
    font = ImageFont.load_default(size)
    columns = max(map(len, rows))
    texts = [*above, *[""] * (columns - len(above))]
    widths = [
        max([font.getlength(texts[c]), *(row[c].width for row in rows if c < len(row))])
        for c in range(columns)
    ]
    heights = [max(picture.height for picture in row) for row in rows]
    left = GAP + (max(map(font.getlength, beside)) + GAP if beside else 0)
    top = GAP + (size + GAP if above else 0)
    page = Image.new(
        "RGB", (round(left + sum(widths) + GAP * columns), top + sum(heights) + GAP * len(rows)), PAPER
    )
    pen = ImageDraw.Draw(page)
    y = top
    for r, row in enumerate(rows):
        if beside:
            pen.text((left - GAP, y + heights[r] / 2), beside[r], INK, font, anchor="rm")
        x = left
        for c, picture in enumerate(row):
            page.paste(picture.convert("RGB"), (round(x + (widths[c] - picture.width) / 2), y))
            if r == 0 and texts[c]:
                pen.text((x + widths[c] / 2, GAP + size / 2), texts[c], INK, font, anchor="mm")
            x += widths[c] + GAP
        y += heights[r] + GAP
    return page


def grid(
    x: Tensor, columns: int, low: float = -1.0, high: float = 1.0, zoom: int = 1, gap: int = 2
) -> Image.Image:
    """[B,C,H,W] -> one picture, `columns` to a row, `gap` grey pixels (before zoom) between."""
    batch, channels, height, width = x.shape
    columns = max(1, min(columns, batch))
    rows = math.ceil(batch / columns)
    sheet = torch.full(
        (channels, rows * (height + gap) - gap, columns * (width + gap) - gap), (low + high) / 2
    )
    for b in range(batch):
        r, c = divmod(b, columns)
        top, left = r * (height + gap), c * (width + gap)
        sheet[:, top : top + height, left : left + width] = x[b].detach().float().cpu()
    return to_picture(sheet, low, high, zoom)


def strip(pictures: Sequence[Image.Image], gap: int = 6, background: str = "#808080") -> Image.Image:
    """Pictures of one height side by side, left to right."""
    width = sum(p.width for p in pictures) + gap * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, max(p.height for p in pictures)), background)
    left = 0
    for picture in pictures:
        sheet.paste(picture.convert("RGB"), (left, 0))
        left += picture.width + gap
    return sheet
