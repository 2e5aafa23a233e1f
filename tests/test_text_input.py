"""What a person writes into a recipe for a text model: lists of timesteps, and a sentence for bad input."""

import math

import pytest
from PIL import Image
from text_house import CARDS, House, made
from text_house import text_techniques_installed as _installed  # noqa: F401

from diffusion_core.estimates import Card
from diffusion_core.recipes import RecipeError
from diffusion_core.recipes.parsing import Weighted, weighted
from diffusion_core.techniques.timesteps import COURSE, PUBLISHED, lists, timesteps

pytestmark = pytest.mark.usefixtures("_installed")

BAD = [
    ("text-sample", {"steps": "fast28"}, "'fast28' is none that I know"),
    ("text-sample", {"steps": ""}, "nothing is given"),
    ("text-sample", {"steps": "0"}, "lies in 1..1000, not 0"),
    ("text-sample", {"steps": "1001"}, "lies in 1..1000"),
    ("text-sample", {"steps": "500, 990, 0"}, "must fall"),
    ("text-sample", {"steps": "990, 500, 500"}, "given twice"),
    ("text-sample", {"steps": "1000, 0"}, "lie in 0..999"),
    ("text-sample", {"steps": "990, -1"}, "lie in 0..999"),
    ("text-sample", {"prompt": "x" * 10_000}, "10000 characters are too many"),
    ("text-sample", {"gamma": math.nan}, "give a number from 0 to 30"),
    ("text-sample", {"steps": "stride 0"}, "a stride lies in 1..999, not 0"),
    ("text-sample", {"steps": "stride 1000"}, "a stride lies in 1..999, not 1000"),
    ("text-sample", {"steps": "leading 0"}, "lies in 1..1000, not 0"),
    ("text-sample", {"steps": "9" * 4999}, "none that I know"),
    ("text-sample", {"steps": "1, 2, 3"}, "must fall"),
    ("text-sample", {"steps_2": "0, 500"}, "must fall"),
    ("text-sample", {"count": 17}, "17 is out of range; give a whole number from 1 to 16"),
    ("text-sample", {"gamma": -1}, "-1 is out of range"),
    ("text-sample", {"enlarge": "maybe"}, "choose one of no, yes"),
    ("text-sample", {"noise_level": 1000}, "0 to 999"),
    ("text-sample", {"solver": "euler"}, "choose one of ancestral, ddim, dpm"),
    ("text-steps", {"counts": ""}, "give 1 to 8, with commas between, not 0"),
    ("text-steps", {"counts": "1 2 3 4 5 6 7 8 9"}, "not 9"),
    ("text-steps", {"counts": "5, many"}, "'many' is none that I know"),
    ("text-steps", {"counts": "5, 1001"}, "lies in 1..1000, not 1001"),
    ("text-gamma-sweep", {"gammas": []}, "give 1 to 12 numbers"),
    ("text-gamma-sweep", {"gammas": [0, 31]}, "31 is out of range"),
    (
        "text-gamma-sweep",
        {"gammas": list(range(12)), "count": 16},
        "12 columns for 16 seeds are 192 pictures; 128",
    ),
    ("text-sdedit", {"starts": [0] * 10, "count": 16}, "160 pictures"),
    ("text-one-step", {"ts": list(range(12)), "count": 16}, "192 pictures; 128 are the most"),
    ("text-noise", {"ts": [1000]}, "0 to 999"),
    ("text-noise", {"ts": [2.5]}, "a whole number"),
    ("text-blur", {"sigma": 0}, "0 is out of range"),
    ("text-iterative", {"start": 0, "every": 1, "steps": "200"}, "201 columns for 1 seeds are 201 pictures"),
    ("text-iterative", {"start": 8}, "it lies in 0..7, not 8"),
    ("text-iterative", {"start": 2, "enlarge": "yes", "start_2": 4}, "it lies in 0..3, not 4"),
    ("text-sdedit", {"starts": [0, 20]}, "it lies in 0..7, not 20"),
    ("text-anagram", {"views": "identity, flip, negate"}, "none called 'flip'"),
    ("text-anagram", {"views": "identity"}, "choose 2 to 6, not 1"),
    ("text-anagram", {"views": "identity, negate, half_turn"}, "3 views need as many prompts"),
    ("text-anagram", {"prompts": "a\n-1 * b"}, "must be above 0"),
    ("text-anagram", {"prompts": ""}, "1 to 8 prompts"),
    ("text-anagram", {"prompts": "a\n2 * b", "together": "in turns"}, "take turns all have the same say"),
    (
        "text-anagram",
        {"views": "identity, jigsaw; negate, skew, half_turn, half turn, negate"},
        "2 to 6, not 7",
    ),
    ("text-hybrid-photo", {"part": "loud"}, "choose one of low, high, grey"),
    ("text-hybrid", {"prompts": "\n".join("abcdefghi")}, "9 are too many"),
    ("text-arithmetic", {"prompts": "99 * a dog"}, "weight 99 is out of range"),
    ("text-hybrid", {"prompts": "a skull"}, "need as many prompts; there are 1"),
    ("text-hybrid", {"bands": "low/medium/high"}, "low, medium, high"),
    ("text-inpaint", {"way": "repaint"}, "Jump length: with 8 timesteps it is at most 7, not 10"),
    (
        "text-inpaint",
        {"way": "repaint", "jump": 5, "enlarge": "yes"},
        "Jump length, stage II: with 4 timesteps it is at most 3, not 5",
    ),
    ("text-inpaint", {"again": 0}, "Walks: 0 is out of range"),
    ("text-inpaint", {"mask": ""}, "nothing is painted yet"),
    ("text-inpaint", {"mask": "example:black"}, "nothing is painted"),
    ("text-inpaint", {"mask": "example:other"}, "48 x 48 pixels and the picture 64 x 64"),
]


@pytest.mark.parametrize("technique, values, complaint", BAD)
def test_bad_input_gets_a_sentence(technique, values, complaint):
    with pytest.raises(RecipeError, match=complaint):
        made(technique, **values)


def test_masks_that_are_full_or_grey_get_a_sentence(monkeypatch):
    pictures = {
        **House.pictures,
        "full": Image.new("L", (64, 64), 255),
        "grey": Image.new("L", (64, 64), 128),
    }
    monkeypatch.setattr(House, "pictures", pictures)
    with pytest.raises(RecipeError, match="everything is painted"):
        made("text-inpaint", mask="example:full")
    with pytest.raises(RecipeError, match="not black and white"):
        made("text-inpaint", mask="example:grey")


def test_a_view_that_does_not_fit_the_model_gets_a_sentence(monkeypatch):
    monkeypatch.setitem(CARDS, "tiny/I", Card("tiny/I", "eps", (3, 20, 20), "if-cosine", spread=True))
    with pytest.raises(RecipeError, match="patch permutation needs a side divisible by 8, not 20"):
        made("text-anagram", views="identity, patch_permutation")


def test_lists_of_timesteps():
    assert timesteps("10") == list(range(900, -1, -100)) and timesteps("20")[0] == 950
    assert timesteps(" Course ") == COURSE == list(range(990, -1, -30)) and len(COURSE) == 34
    assert [len(timesteps(f"smart{n}")) for n in (27, 50, 100, 185)] == [27, 50, 100, 185]
    assert [len(timesteps(name)) for name in ("fast27", "super27", "super40", "super100")] == [
        27,
        27,
        40,
        100,
    ]
    assert timesteps("999 500; 0") == [999, 500, 0]
    assert timesteps("stride 30") == timesteps("Stride30") == COURSE and timesteps("stride 999") == [999, 0]
    assert timesteps("stride 250") == [750, 500, 250, 0] and timesteps("leading 10") == timesteps("10")
    for name in PUBLISHED:
        assert timesteps(name) == sorted(set(timesteps(name)), reverse=True), name


def test_lists_to_compare():
    assert lists("5, 10 20;40\n100") == ["5", "10", "20", "40", "100"]
    assert lists("Fast27, stride  30, leading 7, course") == ["fast27", "stride 30", "leading 7", "course"]


def test_weights_stand_before_their_prompts():
    assert weighted("a dog\n0.5 * snow\n- 2 × people\n3 dogs * 2") == [
        Weighted(1.0, "a dog"),
        Weighted(0.5, "snow"),
        Weighted(-2.0, "people"),
        Weighted(1.0, "3 dogs * 2"),
    ]
