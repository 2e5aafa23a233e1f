"""Digits: as a person asks for them, and a drawing of one as the models know it."""

import re

import numpy as np
from PIL import Image
from torch import Tensor

from diffusion_core.images import convert
from diffusion_core.recipes import RecipeError
from diffusion_core.recipes.errors import shown
from diffusion_core.techniques.registry import House

DIGITS_AT_MOST = 100
SIDE_BY_SIDE = 10  # pictures in a row of a grid, unless asked otherwise


def digits(text: str, most: int = DIGITS_AT_MOST) -> list[int]:
    """The digits asked for: "3141592653", "0-9", or a grid "4x10" (rows x columns, columns 0, 1, 2, ...).

    RecipeError if the text is empty, holds anything but digits, or asks for more than `most`.
    """
    text = re.sub(r"[\s,;]+", "", text.lower().replace("×", "x").replace("–", "-"))
    example = f"Ask for digits like 3141592653, a range like 0-9, or a grid like {min(4, most // 10)}x10."
    if not text:
        raise RecipeError(f"Digits: nothing is asked for. {example}")
    if grid := re.fullmatch(r"([0-9]{1,4})x([0-9]{1,4})", text):
        rows, columns = map(int, grid.groups())
        if rows * columns > most:
            raise RecipeError(f"Digits: {rows} x {columns} is more than {most} pictures. {example}")
        if not 1 <= columns <= 10 or rows < 1:
            raise RecipeError(f"Digits: a grid has at least 1 row and 1 to 10 columns. {example}")
        return [column for _ in range(rows) for column in range(columns)]
    if span := re.fullmatch(r"([0-9])-([0-9])", text):
        first, last = map(int, span.groups())
        return list(range(first, last + 1)) if first <= last else list(range(first, last - 1, -1))
    if not (text.isascii() and text.isdigit()):
        raise RecipeError(f"Digits: {shown(text)} is not a number I can draw. {example}")
    if len(text) > most:
        raise RecipeError(f"Digits: {len(text)} are more than {most}. {example}")
    return [int(each) for each in text]


def columns(text: str) -> int:
    """How many pictures stand in a row of the grid: as asked for in "4x10", else at most ten."""
    grid = re.fullmatch(r"\s*[0-9]+\s*[x×]\s*([0-9]+)\s*", text.lower())
    return int(grid[1]) if grid else min(SIDE_BY_SIDE, len(digits(text)))


def digit(value: str, house: House) -> Tensor:
    """A drawn or chosen digit as the models know digits: [1,1,28,28] in [0, 1], ink 1, centred."""
    return convert.to_tensor(as_digit(house.picture(value)), 0.0, 1.0)[None]


def as_digit(picture: Image.Image) -> Image.Image:
    """Any drawing of a digit -> 28 x 28 grey, light ink on black, laid out as MNIST is.

    The ink is what differs from the border; it is scaled to fit 20 x 20 and placed so that its centre of
    mass lies in the middle (LeCun et al. 1998). A picture of 28 x 28 on black is taken as it is.
    RecipeError if nothing is drawn.
    """
    grey = np.asarray(convert.as_rgb(picture).convert("L"), dtype=np.float32)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    if ink.max() < 32:
        raise RecipeError("There is no digit in this picture yet. Draw one, or choose an example.")
    if grey.shape == (28, 28) and np.median(border) < 16:
        return Image.fromarray(grey.round().astype(np.uint8))
    rows, columns = np.nonzero(ink > ink.max() / 4)
    cut = Image.fromarray(ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    scale = 20 / max(cut.size)
    cut = cut.resize([max(1, round(side * scale)) for side in cut.size], Image.Resampling.BOX)
    weights = np.asarray(cut)
    weights = weights * (255 / weights.max())  # thin lines of a large drawing faded as it shrank
    y, x = (np.indices(weights.shape) * weights).sum((1, 2)) / weights.sum()
    left = int(np.clip(round(13.5 - x), 0, 28 - cut.width))
    top = int(np.clip(round(13.5 - y), 0, 28 - cut.height))
    page = np.zeros((28, 28), dtype=np.uint8)
    page[top : top + cut.height, left : left + cut.width] = weights.round()
    return Image.fromarray(page)
