"""Editing a photo: what is laid side by side is what single runs make, on the same seeds, at both stages."""

import pytest
import torch
from text_house import House, made, recipe
from text_house import text_techniques_installed as _installed  # noqa: F401

from diffusion_core.recipes import RecipeError
from diffusion_core.techniques.inpaint import ALL_WAYS, WAYS
from diffusion_core.techniques.registry import plan
from diffusion_core.techniques.sdedit import WITH_AND_WITHOUT

pytestmark = pytest.mark.usefixtures("_installed")

STAGES = pytest.mark.parametrize("enlarge", ["no", "yes"])


def rows(name: str, columns: int, **values) -> torch.Tensor:
    """The pictures of a comparison, [rows, columns, 3, H, W]."""
    return made(name, **values)[1].unflatten(0, (-1, columns))


def same(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


@STAGES
def test_all_ways_to_inpaint_stand_side_by_side_on_the_same_seeds(enlarge):
    values = {"jump": 2, "enlarge": enlarge, "count": 2, "seed": 3, "prompt": "a dog"}
    table = rows("text-inpaint", len(WAYS), way=ALL_WAYS, **values)
    for column, way in enumerate(WAYS):
        same(table[:, column], made("text-inpaint", way=way, **values)[1])


@STAGES
def test_a_row_with_no_prompt_stands_above_the_row_with_it(enlarge):
    values = {"starts": [1, 3, 5], "start_2": 1, "enlarge": enlarge, "count": 2, "seed": 3}
    told = {"prompt": "a dog", "negative": "ugly"}
    table = rows("text-sdedit", 3, told=WITH_AND_WITHOUT, **told, **values)
    same(table[1::2], rows("text-sdedit", 3, **told, **values))
    same(table[::2], rows("text-sdedit", 3, prompt="", **values))


def test_captions_say_which_picture_is_which():
    edited = plan(recipe("text-sdedit", starts=[1, 3], told=WITH_AND_WITHOUT, count=2, seed=7), House())
    assert edited.columns == 2 and edited.captions[:4] == (
        "seed 7, no prompt, start 1",
        "seed 7, no prompt, start 3",
        "seed 7, prompt, start 1",
        "seed 7, prompt, start 3",
    )
    painted = plan(recipe("text-inpaint", way=ALL_WAYS, jump=2), House())
    assert painted.columns == 3 and painted.captions == WAYS


def test_with_and_without_nothing_gets_a_sentence():
    with pytest.raises(RecipeError, match="Write one"):
        made("text-sdedit", told=WITH_AND_WITHOUT, starts=[1], prompt="")


def test_a_comparison_that_is_too_large_gets_a_sentence():
    with pytest.raises(RecipeError, match="12 columns for 11 seeds are 132 pictures"):
        made("text-sdedit", told=WITH_AND_WITHOUT, starts=[1, 2, 3, 4, 5, 6], count=11)
