"""Pieces: however a picture gets from view to view, it begins as the one and ends as the other."""

import itertools

import numpy as np
import pytest
import torch
from fakes import noise
from PIL import Image

from diffusion_core.images import convert
from diffusion_core.views import VIEWS, view
from diffusion_core.views.pieces import PIECES_AT_MOST, Move, applied, between, moved

AS_IT_IS = view("identity")


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB")).astype(int)


def ends(first, second, side: int):
    """What both views show of a picture of noise, and what the pieces make of the first at s = 0 and 1."""
    x = convert.to_tensor(noise(side))
    here, there = (convert.to_picture(each(x)) for each in (first, second))
    pieces = between(first, second, side)
    size = 4 * side if side <= 64 else side
    zoomed = [each.resize((size, size), Image.Resampling.NEAREST) for each in (here, there)]
    return zoomed, [moved(here, pieces, s, size) for s in (0.0, 1.0)]


@pytest.mark.parametrize("side", [64, 256])
@pytest.mark.parametrize("name", VIEWS)
def test_it_begins_as_it_is_and_ends_as_the_view(name, side):
    wanted, drawn = ends(AS_IT_IS, view(name, seed=3), side)
    for want, got in zip(wanted, drawn):
        assert np.abs(pixels(want) - pixels(got)).max() <= 1


@pytest.mark.parametrize(
    "first, second", itertools.permutations(["half_turn", "negate", "jigsaw", "skew"], 2)
)
def test_it_goes_from_any_view_to_any_other(first, second):
    wanted, drawn = ends(view(first), view(second), 64)
    for want, got in zip(wanted, drawn):
        assert np.abs(pixels(want) - pixels(got)).max() <= 1


WHOLE = {
    "half_turn": (2, ""),
    "quarter_turn_cw": (1, ""),
    "quarter_turn_ccw": (-1, ""),
    "vertical_flip": (0, "y"),
    "horizontal_flip": (0, "x"),
    "negate": (0, ""),
    "identity": (0, ""),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_turns_as_a_whole_is_one_piece(name):
    pieces = between(AS_IT_IS, view(name), 64)
    assert pieces.moves == [Move(32, 32, 32, 32, *WHOLE[name])]
    assert (pieces.sign, pieces.to_sign) == (1, -1 if name == "negate" else 1) and not pieces.apart


def test_the_others_come_apart():
    count = {name: len(between(AS_IT_IS, view(name), 64).moves) for name in VIEWS if name not in WHOLE}
    assert count["inner_circle"] == 2 and count["square_hinge"] == 10  # a disc, and all around; 9, and a rim
    assert count["skew"] == 64 and between(AS_IT_IS, view("skew"), 64).slides
    assert 30 < count["patch_permutation"] <= 64 and 5 < count["jigsaw"] <= 16
    assert count["pixel_permutation"] == 64 * 64 > PIECES_AT_MOST
    assert len(between(AS_IT_IS, view("pixel_permutation"), 256).moves) == 64 * 64  # blocks of 4 x 4


def test_half_way_a_whole_picture_fits_its_frame_and_pieces_are_seen_apart():
    white = Image.new("RGB", (64, 64), "white")
    turning = pixels(moved(white, between(AS_IT_IS, view("half_turn"), 64), 0.25))
    assert (turning[0, :120] == 28).any() and (
        turning[:, 127] == 255
    ).sum() > 250  # a corner touches the frame
    apart = pixels(moved(white, between(AS_IT_IS, view("patch_permutation"), 64), 0.02))
    assert 0.001 < (apart[..., 0] == 28).mean() < 0.2
    half = pixels(moved(white, between(AS_IT_IS, view("negate"), 64), 0.5))
    assert abs(half - 127.5).max() <= 1


def test_the_symmetries_are_the_eight_of_the_square():
    seen = {
        tuple(applied(x, y, turns, mirror) for x, y in ((1, 0), (0, 1)))
        for turns in range(4)
        for mirror in ("", "x")
    }
    assert len(seen) == 8 and applied(1, 0, 1, "") == (0, 1)  # y points down: right goes to below, clockwise


def test_every_pixel_has_its_piece():
    for name in VIEWS:
        pieces = between(AS_IT_IS, view(name), 64)
        assert pieces.owner.shape == (64, 64)
        assert torch.equal(torch.from_numpy(pieces.owner).unique(), torch.arange(len(pieces.moves)))
