"""Every view is a signed permutation, keeps white noise white, and is one view at all stages."""

import pytest
import torch
from torch.nn.functional import avg_pool2d

from diffusion_core.views import VIEWS, jigsaw, view

SEEDED = [name for name, kind in VIEWS.items() if kind.seeded]
EXACT_ACROSS_SIZES = [name for name in VIEWS if name not in ("skew", "inner_circle")]


def pixels(side: int, channels: int = 3, batch: int = 2) -> torch.Tensor:
    """Every number is another one, so that no two pixels can be taken for each other."""
    count = batch * channels * side * side
    return torch.arange(1, count + 1, dtype=torch.float64).reshape(batch, channels, side, side)


@pytest.mark.parametrize("side", [64, 256])
@pytest.mark.parametrize("name", VIEWS)
def test_a_view_is_a_signed_permutation_undone_by_argsort(name, side):
    v, x = view(name, seed=3), pixels(side, channels=6)
    index = v.order(x).index
    assert torch.equal(index.sort().values, torch.arange(side * side))
    seen = v(x)
    assert torch.equal(seen.flatten(-2), v.sign * x.flatten(-2)[..., index])
    assert torch.equal(v.inverse(seen), x) and torch.equal(v(v.inverse(x)), x)
    assert torch.equal(v.inverse_unsigned(seen), v.sign * x)


def test_every_view_but_the_identity_changes_the_picture():
    x = pixels(64)
    unchanged = [name for name in VIEWS if torch.equal(view(name)(x), x)]
    assert unchanged == ["identity"]


def test_what_moves_no_pixel_copies_none():
    x = pixels(64)
    assert [name for name in VIEWS if view(name).order(x).still] == ["identity", "negate"]
    assert view("identity")(x) is x and view("negate").inverse_unsigned(x) is x


def test_what_each_plain_view_does_to_a_small_picture():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    expected = {
        "identity": [[1, 2], [3, 4]],
        "vertical_flip": [[3, 4], [1, 2]],
        "horizontal_flip": [[2, 1], [4, 3]],
        "half_turn": [[4, 3], [2, 1]],
        "quarter_turn_cw": [[3, 1], [4, 2]],
        "quarter_turn_ccw": [[2, 4], [1, 3]],
        "negate": [[-1, -2], [-3, -4]],
    }
    for name, seen in expected.items():
        assert view(name)(x).tolist() == seen, name


def test_the_skew_slides_each_column_further_than_the_one_before():
    x = torch.zeros(1, 1, 64, 64)
    x[..., 0, :] = 1.0
    rows = view("skew")(x).argmax(-2).flatten().tolist()
    assert rows[:5] == [0, 2, 3, 4, 6]  # 1.5 j, to the nearest even where it is halfway
    assert rows == [round(1.5 * j) % 64 for j in range(64)]


def test_the_inner_circle_turns_a_disc_and_nothing_else():
    x = pixels(64)
    moved = (view("inner_circle")(x) != x)[0, 0]
    offset = torch.arange(64) - 31.5
    assert torch.equal(moved, offset[:, None] ** 2 + offset**2 < 24**2)
    assert torch.equal(view("inner_circle")(x)[..., 31, 20], x[..., 32, 43])


def test_neighbouring_squares_of_the_hinge_turn_in_opposite_senses():
    x = pixels(63, channels=1, batch=1)[0, 0]
    seen = view("square_hinge")(x)
    assert torch.equal(seen[:21, :21], x[:21, :21].rot90(-1))
    assert torch.equal(seen[:21, 21:42], x[:21, 21:42].rot90(1))
    assert torch.equal(seen[21:42, 21:42], x[21:42, 21:42].rot90(-1))


@pytest.mark.parametrize("side", [16, 28, 32, 64])
def test_pieces_of_a_jigsaw_have_one_size_per_kind_and_cover_the_picture(side):
    count = torch.bincount(jigsaw.drawing(side).flatten(), minlength=16)
    assert count.sum() == side * side
    for kind in jigsaw._kinds():
        assert len(set(count[kind].tolist())) == 1
    assert len(set(count.tolist())) > 1  # with tabs, an edge piece is not as large as an inner one


def test_a_piece_of_the_jigsaw_stays_in_one_piece():
    """Inside a piece, neighbours stay neighbours: the picture is cut only along the drawing."""
    owner = jigsaw.drawing(64)
    seen = view("jigsaw", seed=5)(torch.arange(64 * 64).reshape(64, 64))
    row, column = seen // 64, seen % 64
    distance = (row[:, 1:] - row[:, :-1]).abs() + (column[:, 1:] - column[:, :-1]).abs()
    inside = owner[:, 1:] == owner[:, :-1]
    assert (distance[inside] == 1).all() and (distance[~inside] > 1).any()


@pytest.mark.parametrize("name", EXACT_ACROSS_SIZES)
def test_both_stages_of_a_cascade_see_the_same_view(name):
    """Seen at 256 and then averaged over 4 x 4 = averaged, and then seen at 64."""
    v, x = view(name, seed=1), torch.randn(1, 3, 256, 256, dtype=torch.float64)
    torch.testing.assert_close(avg_pool2d(v(x), 4), v(avg_pool2d(x, 4)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["pixel_permutation", "jigsaw", "square_hinge"])
def test_a_cascade_may_start_at_another_size(name):
    v, x = view(name, seed=1, base=32), torch.randn(1, 3, 128, 128, dtype=torch.float64)
    torch.testing.assert_close(avg_pool2d(v(x), 4), v(avg_pool2d(x, 4)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", VIEWS)
def test_the_seed_matters_where_it_should_and_nowhere_else(name):
    x = pixels(64)
    assert torch.equal(view(name, seed=1)(x), view(name, seed=2)(x)) == (name not in SEEDED)
    view.cache_clear()
    assert torch.equal(view(name, seed=1)(x), view(name, seed=1)(x))


def test_a_permutation_is_the_same_on_every_machine():
    """A recipe is shared by its seed, so the shuffle must not depend on the installed libraries."""
    x = torch.arange(64)[:, None] // 8 * 8 + torch.arange(64) // 8
    first = view("patch_permutation", seed=0)(x)[0, ::8].tolist()
    assert first[:6] == [29, 28, 24, 33, 35, 60]


@pytest.mark.parametrize(
    "name, shape, complaint",
    [
        ("quarter_turn_cw", (64, 48), "square picture, not 64 x 48"),
        ("quarter_turn_ccw", (64, 48), "square picture"),
        ("inner_circle", (64, 48), "square picture"),
        ("patch_permutation", (28, 28), "divisible by 8, not 28"),
        ("pixel_permutation", (100, 100), "multiples of that, not 100"),
        ("jigsaw", (30, 30), "divisible by 4, not 30"),
        ("jigsaw", (12, 12), "at least 16 pixels"),
        ("jigsaw", (96, 96), "multiples of that, not 96"),
        ("square_hinge", (2, 2), "at least 3 pixels"),
    ],
)
def test_a_size_that_does_not_fit_is_refused_in_a_sentence(name, shape, complaint):
    with pytest.raises(ValueError, match=complaint):
        view(name)(torch.zeros(1, 3, *shape))


def test_views_that_need_no_square_take_any_size():
    x = torch.randn(2, 3, 48, 64)
    for name in ("identity", "vertical_flip", "horizontal_flip", "half_turn", "negate", "skew"):
        assert torch.equal(view(name).inverse(view(name)(x)), x)


def test_an_unknown_view_is_answered_with_the_list():
    with pytest.raises(ValueError, match="no view 'sideways'; the views are identity, vertical_flip"):
        view("sideways")
