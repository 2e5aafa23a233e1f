"""How a picture gets from one view to another: cut into pieces that move as wholes.

A view says where every pixel ends, not how it gets there. For a viewer that turns, flips and takes apart,
the pixels are gathered into pieces with one rigid motion each. With p where a pixel is seen in the first view
and q where in the second, a piece is all pixels that agree on a rotation or reflection J and a shift b:

    q = J p + b,      J one of the 8 symmetries of the square

Every pixel joins the largest such group. So half a turn is one piece, a jigsaw has as many as move apart,
and only a permutation of pixels falls into single ones.

    between(view, other, side)     the pieces
    moved(picture, pieces, s)      the picture on its way, 0 <= s <= 1: a frame of a GIF
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from diffusion_core.views import BASE, View

SYMMETRIES = ((0, ""), (1, ""), (2, ""), (-1, ""), (0, "x"), (0, "y"), (1, "x"), (-1, "x"))
"""(quarter turns clockwise, mirrored before along x or y), the simplest first."""

PIECES_AT_MOST = 1024  # more fall apart into pixels
APART = 0.12  # pieces shrink so much half-way, so that one sees them
BACKGROUND = (28, 25, 23)


class Move(NamedTuple):
    """A piece's motion: its middle goes from x, y to to_x, to_y, in pixels from the upper left corner."""

    x: float
    y: float
    to_x: float
    to_y: float
    turns: int
    mirror: str


class Pieces(NamedTuple):
    """owner [S,S]: which piece each pixel of the first view belongs to; moves: of each piece; sign, to_sign:
    -1 where a view is a negative. slides: columns slide around, and what leaves below comes back above."""

    owner: np.ndarray
    moves: list[Move]
    sign: int = 1
    to_sign: int = 1
    slides: bool = False

    @property
    def apart(self) -> bool:
        """Do several pieces move, so that they must be seen apart?"""
        return sum(not stays(move) for move in self.moves) > 1


def stays(move: Move) -> bool:
    """True for a piece that is where it was."""
    return move[:2] == move[2:4] and not move.turns and not move.mirror


@lru_cache(maxsize=32)
def between(view: View, other: View, side: int, base: int = BASE) -> Pieces:
    """The pieces that lead from what one view shows to what another does, for pictures of side x side.

    base: the side at which the views are drawn, see rearrangements.py. Where a larger picture falls into
    pixels, its pieces are the blocks that a pixel of the drawing covers. (Two such views in a row may also
    turn what is inside a block; on the way, that is not shown.)
    """
    x, y, to_x, to_y = _places(view, other, side)
    signs = view.sign, other.sign
    shifts = ((to_y - y) % side).reshape(side, side)
    if np.array_equal(x, to_x) and shifts.any() and (shifts == shifts[0]).all():
        columns, half = np.arange(side), side / 2
        moves = [Move(k + 0.5, half, k + 0.5, half + int(shifts[0, k]), 0, "") for k in columns]
        return Pieces(np.tile(columns, (side, 1)), moves, *signs, slides=True)
    owner, kinds = _gathered(x, y, to_x, to_y, side)
    if len(kinds) <= PIECES_AT_MOST:
        moves = _moves(owner, kinds, (x, y), (to_x, to_y))
        return Pieces(owner.reshape(side, side), moves, *signs)
    if side > base:
        return between(view, other, base, base)
    pixels = zip(*((c + 0.5).tolist() for c in (x, y, to_x, to_y)))
    return Pieces(np.arange(side**2).reshape(side, side), [Move(*each, 0, "") for each in pixels], *signs)


def _places(view: View, other: View, side: int) -> tuple[np.ndarray, ...]:
    """Of every place in the first view, by rows: its x and y, and x and y of its pixel in the second."""
    picture = torch.empty(1, side, side)
    ends = other.order(picture).back[view.order(picture).index].numpy()
    y, x = np.divmod(np.arange(side * side), side)
    to_y, to_x = np.divmod(ends, side)
    return x, y, to_x, to_y


def _gathered(x, y, to_x, to_y, side: int) -> tuple[np.ndarray, list[tuple[int, str]]]:
    """Which piece each pixel belongs to, the largest that it may join; and the symmetry of each piece."""
    sizes, groups = [], []
    for turns, mirror in SYMMETRIES:
        jx, jy = applied(x, y, turns, mirror)
        shift = (to_x - jx) * 8 * side + (to_y - jy)
        _, group, count = np.unique(shift, return_inverse=True, return_counts=True)
        sizes.append(count[group])
        groups.append(group)
    best = np.argmax(sizes, axis=0)
    chosen = np.stack(groups)[best, np.arange(len(best))]
    names, owner = np.unique(best * side**2 + chosen, return_inverse=True)
    return owner, [SYMMETRIES[name // side**2] for name in names]


def _moves(owner, kinds, here, there) -> list[Move]:
    """Of every piece, the middle of its box and where it goes."""
    order = np.argsort(owner, kind="stable")
    first = np.searchsorted(owner[order], np.arange(len(kinds)))
    boxes = [(np.minimum.reduceat(c[order], first), np.maximum.reduceat(c[order], first)) for c in here]
    moves = []
    for piece, (turns, mirror) in enumerate(kinds):
        middle = [(low[piece] + high[piece]) / 2 for low, high in boxes]
        pixel = order[first[piece]]
        off = applied(here[0][pixel] - middle[0], here[1][pixel] - middle[1], turns, mirror)
        end = there[0][pixel] - off[0], there[1][pixel] - off[1]
        moves.append(Move(*(float(v) + 0.5 for v in (*middle, *end)), turns, mirror))
    return moves


def applied(x, y, turns: int, mirror: str):
    """A symmetry of the square about the origin; y points down, so turns go clockwise."""
    x, y = (-x if mirror == "x" else x), (-y if mirror == "y" else y)
    for _ in range(turns % 4):
        x, y = -y, x
    return x, y


def _scale(pieces: Pieces, move: Move, s: float, apart: bool) -> float:
    """How large a piece is drawn on its way: pieces come apart, and a whole picture that turns fits in."""
    if pieces.slides or stays(move):
        return 1.0
    if len(pieces.moves) > 1:
        return 1 - APART * math.sin(math.pi * s) if apart else 1.0
    angle = move.turns * s * math.pi / 2
    return 1 / (abs(math.cos(angle)) + abs(math.sin(angle)))


def moved(picture: Image.Image, pieces: Pieces, s: float, size: int = 256) -> Image.Image:
    """The first view's picture on its way to the second, size x size: s = 0 is the first, 1 the second.

    The picture is scattered in points, finer than the pixels of the result; later pieces lie on top.
    """
    side, source = len(pieces.owner), np.asarray(picture.convert("RGB"), dtype=np.float32)
    if pieces.sign != pieces.to_sign:
        source = source + s * (255 - 2 * source)
    step = min(1.0, 0.6 * side / size)
    at = np.arange(0.5, side / step) * step
    on, of = at.astype(int), (at * len(source) / side).astype(int)  # pixels of pieces, of the picture
    apart = pieces.apart
    poses = np.array([_pose(pieces, move, s, apart) for move in pieces.moves], dtype=np.float32)
    x0, y0, to_x, to_y, xx, xy, yx, yy = np.moveaxis(poses[pieces.owner[np.ix_(on, on)]], -1, 0)
    dx, dy = at.astype(np.float32) - x0, at.astype(np.float32)[:, None] - y0
    to_x, to_y = to_x + xx * dx + xy * dy, to_y + yx * dx + yy * dy
    if pieces.slides:
        to_y = to_y % side
    column, row = (np.floor(c * (size / side) + 1e-3).astype(int) for c in (to_x, to_y))
    inside = (column >= 0) & (row >= 0) & (column < size) & (row < size)
    canvas = np.full((size, size, 3), BACKGROUND, dtype=np.float32)
    canvas[row[inside], column[inside]] = source[np.ix_(of, of)][inside]
    return Image.fromarray(canvas.round().clip(0, 255).astype(np.uint8))


def _pose(pieces: Pieces, move: Move, s: float, apart: bool) -> tuple[float, ...]:
    """x, y, to_x, to_y and the matrix of a piece at s: to + matrix (p - from)."""
    angle, flip, size = move.turns * s * math.pi / 2, math.cos(math.pi * s), _scale(pieces, move, s, apart)
    along = size * (flip if move.mirror == "x" else 1.0)
    down = size * (flip if move.mirror == "y" else 1.0)
    cos, sin = math.cos(angle), math.sin(angle)
    middle = move.x + s * (move.to_x - move.x), move.y + s * (move.to_y - move.y)
    return move.x, move.y, *middle, along * cos, -down * sin, along * sin, down * cos
