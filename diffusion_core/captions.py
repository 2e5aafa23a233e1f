"""Pictures with words: a table of pictures with a caption above each column and beside each row."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

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
