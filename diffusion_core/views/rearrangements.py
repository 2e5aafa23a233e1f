"""Views: signed rearrangements of pixels, for anagrams.

A picture of N = H W pixels is seen through a view as

    seen[k] = s x[index[k]]        s = +1 or -1,   index a permutation of 0..N-1

and turned back by x[k] = s seen[argsort(index)[k]]. Such a map is orthogonal, so noise seen through it
is still white noise of the same strength: that is why a diffusion model can be asked about the picture
as seen, and its answer turned back and averaged with the others.

Every index is made by rearranging an *index picture*, the picture whose pixel k holds the number k.
What the rearrangement does to that picture it does to all: flipping the index picture gives the flip.

The stages of a cascade must see one view. So what is drawn pixel by pixel (permutations, jigsaw,
hinge) is drawn at the size of the first stage, `base`, and at k times that size every pixel of the
drawing is a block of k x k.

Source: Geng, Park and Owens 2024, "Visual Anagrams", https://arxiv.org/abs/2311.17919, sections 3 and 4.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor

from diffusion_core.views import jigsaw
from diffusion_core.views.permutation import View

BASE = 64  # pixels along a side of DeepFloyd's first stage
PATCHES = 8  # the patch permutation moves 8 x 8 patches
HINGES = 3  # the square hinge has 3 x 3 squares
CIRCLE = 3 / 8  # radius of the inner circle, as a share of the side
SKEW = 1.5  # pixels that a column slides further than its left neighbour


@lru_cache(maxsize=64)
def view(name: str, seed: int = 0, base: int = BASE) -> View:
    """The view of that name. ValueError, naming all views, if there is none.

    seed  which permutation or jigsaw; one seed gives one view, on every machine
    base  side of the first stage in pixels: larger pictures see the same view, scaled
    """
    if name not in VIEWS:
        raise ValueError(f"there is no view {name!r}; the views are {', '.join(VIEWS)}")
    kind = VIEWS[name]
    return View(name, kind.says, partial(kind.rearrange, seed=seed, base=base), kind.sign)


# --- rearrangements: (index picture [H,W], seed, base) -> index picture [H,W] --------------------------


def _same(picture: Tensor, seed: int, base: int) -> Tensor:
    return picture


def _vertical_flip(picture: Tensor, seed: int, base: int) -> Tensor:
    return picture.flip(0)


def _horizontal_flip(picture: Tensor, seed: int, base: int) -> Tensor:
    return picture.flip(1)


def _half_turn(picture: Tensor, seed: int, base: int) -> Tensor:
    return picture.rot90(2)


def _quarter_turn_cw(picture: Tensor, seed: int, base: int) -> Tensor:
    _side(picture, "a quarter turn")
    return picture.rot90(-1)


def _quarter_turn_ccw(picture: Tensor, seed: int, base: int) -> Tensor:
    _side(picture, "a quarter turn")
    return picture.rot90(1)


def _skew(picture: Tensor, seed: int, base: int) -> Tensor:
    """Column j slides down by SKEW j pixels, and what leaves below comes back above."""
    columns = [picture[:, j].roll(round(SKEW * j)) for j in range(picture.shape[1])]
    return torch.stack(columns, dim=1)


def _inner_circle(picture: Tensor, seed: int, base: int) -> Tensor:
    """A disc in the middle makes half a turn, which maps the pixel grid onto itself; the rest stays."""
    side = _side(picture, "the inner circle")
    offset = torch.arange(side) - (side - 1) / 2
    inside = offset[:, None] ** 2 + offset**2 < (CIRCLE * side) ** 2
    return torch.where(inside, picture.rot90(2), picture)


def _square_hinge(picture: Tensor, seed: int, base: int) -> Tensor:
    """3 x 3 squares, hinged at their corners, make a quarter turn each, neighbours in opposite senses.

    Where 3 does not divide the side (64, say), the last rows and columns stay as they are.
    """
    drawn, scale = _drawn(picture, base, "the square hinge")
    if drawn < HINGES:
        raise ValueError(f"the square hinge needs at least {HINGES} pixels along a side, not {drawn}")
    edge, turned = drawn // HINGES * scale, picture.clone()
    for i in range(HINGES):
        for j in range(HINGES):
            square = (slice(i * edge, (i + 1) * edge), slice(j * edge, (j + 1) * edge))
            turned[square] = picture[square].rot90(-1 if (i + j) % 2 == 0 else 1)
    return turned


def _patch_permutation(picture: Tensor, seed: int, base: int) -> Tensor:
    """8 x 8 patches change places; within each, pixels keep their order."""
    side = _side(picture, "the patch permutation")
    if side % PATCHES:
        raise ValueError(f"the patch permutation needs a side divisible by {PATCHES}, not {side}")
    return _shuffled(picture, PATCHES, seed)


def _pixel_permutation(picture: Tensor, seed: int, base: int) -> Tensor:
    """All pixels of the first stage change places."""
    drawn, _ = _drawn(picture, base, "the pixel permutation")
    return _shuffled(picture, drawn, seed)


def _shuffled(picture: Tensor, blocks: int, seed: int) -> Tensor:
    """The square picture's blocks x blocks squares in an order drawn by the seed."""
    side = picture.shape[0]
    edge, order = side // blocks, list(range(blocks * blocks))
    Random(seed).shuffle(order)
    squares = picture.reshape(blocks, edge, blocks, edge).transpose(1, 2).flatten(0, 1)
    return squares[order].unflatten(0, (blocks, blocks)).transpose(1, 2).reshape(side, side)


def _jigsaw(picture: Tensor, seed: int, base: int) -> Tensor:
    _, scale = _drawn(picture, base, "the jigsaw")
    return jigsaw.reassembled(picture, scale, seed)


# --- sizes -------------------------------------------------------------------------------------------


def _side(picture: Tensor, what: str) -> int:
    height, width = picture.shape
    if height != width:
        raise ValueError(f"{what} needs a square picture, not {height} x {width} pixels")
    return height


def _drawn(picture: Tensor, base: int, what: str) -> tuple[int, int]:
    """(pixels along a side of the drawing, how many pixels of the picture each of them covers)."""
    side = _side(picture, what)
    if side <= base:
        return side, 1
    if side % base:
        raise ValueError(f"{what} is drawn at {base} pixels and fits multiples of that, not {side}")
    return base, side // base


# --- the registry ------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """What a view of this name does; seeded: whether its seed matters."""

    says: str
    rearrange: Callable[[Tensor, int, int], Tensor]
    sign: int = 1
    seeded: bool = False


VIEWS: dict[str, Kind] = {
    "identity": Kind("as it is", _same),
    "vertical_flip": Kind("mirrored top to bottom", _vertical_flip),
    "horizontal_flip": Kind("mirrored left to right", _horizontal_flip),
    "quarter_turn_cw": Kind("a quarter turn clockwise", _quarter_turn_cw),
    "quarter_turn_ccw": Kind("a quarter turn counter-clockwise", _quarter_turn_ccw),
    "half_turn": Kind("turned upside down", _half_turn),
    "negate": Kind("as a negative: light is dark and dark is light", _same, sign=-1),
    "skew": Kind("columns slid down, each further than the one before", _skew),
    "patch_permutation": Kind("8 x 8 patches shuffled", _patch_permutation, seeded=True),
    "pixel_permutation": Kind("every pixel shuffled", _pixel_permutation, seeded=True),
    "jigsaw": Kind("the pieces of a jigsaw put together another way", _jigsaw, seeded=True),
    "inner_circle": Kind("a disc in the middle turned upside down", _inner_circle),
    "square_hinge": Kind("nine hinged squares, a quarter turn each", _square_hinge),
}
