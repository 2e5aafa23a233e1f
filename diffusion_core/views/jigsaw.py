"""A jigsaw whose pieces fit each other's places: the index picture behind the jigsaw view.

The picture is cut into 4 x 4 pieces with round tabs. The tabs follow a chessboard,

    white: tabs left and right, holes above and below        black: the reverse,

so a black piece is a white one after a quarter turn, and all pieces of a kind (corners, two kinds of
edges, inner ones) have one outline up to quarter turns. They are shuffled within their kind, each
turned as it must be to fit. A quarter turn maps the pixel grid onto itself, so nothing is
interpolated, and every pixel is used once.

Source of the idea: Geng et al. 2024, "Visual Anagrams", figure 1; the drawing is our own.
"""

from random import Random

import torch
from torch import Tensor

PIECES = 4  # along a side
TAB_RADIUS, TAB_REACH = 0.2, 0.14  # of the disc that makes a tab, and of its centre beyond the edge, in cells
SMALLEST = 16  # pixels along a side: below, no tab would be left


def reassembled(picture: Tensor, scale: int, seed: int) -> Tensor:
    """The square index picture [S,S] with its pieces in other places, [S,S].

    scale  the pieces are drawn at S / scale pixels; each pixel of the drawing is scale x scale
    seed   which piece goes where

    ValueError if S / scale is no multiple of 4 or below 16.

    A pixel at d from the middle of its place comes from R^-turns d, seen from the middle of the place
    where its piece was taken. Middles lie between pixels, so all coordinates here are doubled.
    """
    side = picture.shape[0]
    drawn = side // scale
    if drawn % PIECES or drawn < SMALLEST:
        raise ValueError(
            f"the jigsaw needs a side of at least {SMALLEST} pixels and divisible by {PIECES}, not {drawn}"
        )
    owner = drawing(drawn).repeat_interleave(scale, 0).repeat_interleave(scale, 1)
    middle = [2 * k * (side // PIECES) + side // PIECES - 1 for k in range(PIECES)]
    result, rng = torch.empty_like(picture), Random(seed)
    for places in _kinds():
        for place, source in zip(places, rng.sample(places, len(places))):
            fitting = [r for r in range(4) if _turned(_outline(source), r) == _outline(place)]
            row, column = (owner == place).nonzero(as_tuple=True)
            down, right = 2 * row - middle[place // PIECES], 2 * column - middle[place % PIECES]
            for _ in range(rng.choice(fitting)):
                down, right = -right, down
            from_row, from_column = down + middle[source // PIECES], right + middle[source % PIECES]
            result[row, column] = picture[from_row // 2, from_column // 2]
    return result


def drawing(side: int) -> Tensor:
    """Which piece, 0..15 by rows, each pixel belongs to: [side,side] int64."""
    cell = side // PIECES
    number = torch.arange(side) // cell
    owner = number[:, None] * PIECES + number
    along, beyond = torch.arange(cell) - (cell - 1) / 2, torch.arange(cell) + 0.5
    tab = along[:, None] ** 2 + (beyond - TAB_REACH * cell) ** 2 <= (TAB_RADIUS * cell) ** 2  # to the right
    towards = ((-1, 0, tab.T.flip(0)), (0, 1, tab), (1, 0, tab.T), (0, -1, tab.flip(1)))
    for piece in range(PIECES * PIECES):
        for edge, (down, right, shape) in zip(_outline(piece), towards):
            if edge > 0:
                row, column = (piece // PIECES + down) * cell, (piece % PIECES + right) * cell
                owner[row : row + cell, column : column + cell][shape] = piece
    return owner


def _outline(piece: int) -> tuple[int, ...]:
    """Top, right, bottom and left edge of a piece: +1 a tab, -1 a hole for one, 0 straight (the border)."""
    row, column = divmod(piece, PIECES)
    across, last = (1 if (row + column) % 2 == 0 else -1), PIECES - 1
    return (-across * (row > 0), across * (column < last), -across * (row < last), across * (column > 0))


def _turned(outline: tuple[int, ...], turns: int) -> tuple[int, ...]:
    """The outline after quarter turns clockwise: what was left is now on top."""
    return tuple(outline[(edge - turns) % 4] for edge in range(4))


def _kinds() -> list[list[int]]:
    """The pieces, gathered by outline up to quarter turns."""
    kinds: dict[tuple[int, ...], list[int]] = {}
    for piece in range(PIECES * PIECES):
        kinds.setdefault(max(_turned(_outline(piece), r) for r in range(4)), []).append(piece)
    return list(kinds.values())
