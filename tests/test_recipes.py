"""Recipes survive JSON and links unchanged, and whatever is wrong with one is said in a sentence."""

import base64
import json
import zlib

import pytest

from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.recipes.recipe import SCHEMAS, field_of
from diffusion_core.recipes.schema import Number
from mnist_models.digits import columns, digits

NOT_DEFAULT = {
    "forward-noise": dict(
        picture="example:A rocket-ship", t=12, strip=[0, 999], form="only added noise", seed=2**31 - 1
    ),
    "mnist-denoise": dict(sigma=1.05, seed=7),
    "mnist-pure-noise": dict(count=3, snapshot="early"),
    "mnist-sample": dict(model="ddpm", gamma=0.1 + 0.2, digits="2 x 7", steps=300, solver="dpm++ 2m", seed=3),
    "mnist-gamma-sweep": dict(gammas="0.5; 7.25", digits="9-0"),
}


def recipes() -> list[Recipe]:
    """Every technique at its defaults, and with other values."""
    return [Recipe.of(name) for name in SCHEMAS] + [Recipe.of(k, **v) for k, v in NOT_DEFAULT.items()]


# there and back


@pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.technique)
def test_json_and_link_give_the_same_recipe(recipe):
    for again in (Recipe.from_json(recipe.to_json()), Recipe.from_link(recipe.to_link())):
        assert again == recipe and hash(again) == hash(recipe)
        assert again.to_dict() == recipe.to_dict()
    assert recipe.to_link().replace("-", "").replace("_", "").isalnum() and recipe.to_link().isascii()


def test_recipes_that_differ_are_not_equal():
    a, b = Recipe.of("mnist-sample", seed=1), Recipe.of("mnist-sample", seed=2)
    assert a != b and a.to_link() != b.to_link() and a.changed(seed=2) == b
    assert a != "a recipe" and len({a, b, a.changed(seed=1)}) == 2


def test_a_recipe_is_read_however_it_is_written():
    """A number as text, a whole float, spaces around: one recipe, not four."""
    written = [
        dict(steps=40, gamma=2, seed=0),
        dict(steps="40", gamma=" 2.0 ", seed="0"),
        dict(steps=40.0, gamma="2e0", seed=-0.0),
    ]
    made = [
        Recipe.of("mnist-sample", digits=text, **each) for each, text in zip(written, ("42", " 42\n", 42))
    ]
    assert made[0] == made[1] == made[2] and len({recipe.to_json() for recipe in made}) == 1
    assert Recipe.of("mnist-sample", gamma=-0.0).to_json() == Recipe.of("mnist-sample", gamma=0).to_json()


def test_a_recipe_cannot_be_changed_behind_its_back():
    recipe = Recipe.of("mnist-sample")
    with pytest.raises(TypeError):
        recipe.values["steps"] = 10_000
    with pytest.raises(RecipeError, match="Steps: 10000 is out of range"):
        recipe.changed(steps=10_000)


def test_every_default_is_in_bounds_and_every_field_says_what_it_is():
    for name, schema in SCHEMAS.items():
        assert len({field.name for field in schema}) == len(schema)
        for field in schema:
            optional = getattr(field, "optional", False)  # a mask, which nobody has painted yet
            assert (field.read(field.default) is not None or optional) and field.label
            assert field_of(name, field.name) is field


# what is wrong with a value

SAMPLE = [
    (dict(steps="fifty"), ["Steps", "whole number from 1 to 300", "'fifty'"]),
    (dict(steps=""), ["Steps", "whole number from 1 to 300", "''"]),
    (dict(steps=0), ["Steps", "0 is out of range", "from 1 to 300"]),
    (dict(steps=10_000), ["Steps", "10000 is out of range", "from 1 to 300"]),
    (dict(steps=12.5), ["Steps", "whole number", "12.5"]),
    (dict(steps=True), ["Steps", "whole number", "True"]),
    (dict(steps=None), ["Steps", "whole number", "None"]),
    (dict(steps=[50]), ["Steps", "whole number", "[50]"]),
    (dict(gamma=float("nan")), ["gamma", "a number from 0 to 20", "nan"]),
    (dict(gamma="inf"), ["gamma", "a number from 0 to 20", "'inf'"]),
    (dict(gamma=-1), ["gamma", "-1 is out of range", "from 0 to 20"]),
    (dict(gamma=10**400), ["gamma", "a number from 0 to 20", "100000"]),
    (dict(seed=-1), ["Seed", "-1 is out of range", "2.14748e+09"]),
    (dict(seed=2**31), ["Seed", "out of range"]),
    (dict(seed=0.5), ["Seed", "whole number", "0.5"]),
    (dict(model="gan"), ["Model", "choose one of flow, ddpm", "'gan'"]),
    (dict(solver=["ddim"]), ["Solver", "as trained, ddim", "['ddim']"]),
    (dict(digits=""), ["Digits", "nothing is asked for", "0-9"]),
    (dict(digits=" ,; "), ["Digits", "nothing is asked for", "4x10"]),
    (dict(digits="seven"), ["Digits", "'seven'", "digits like 3141592653"]),
    (dict(digits="-5"), ["Digits", "'-5'", "a range like 0-9"]),
    (dict(digits="3.14"), ["Digits", "'3.14'", "digits like"]),
    (dict(digits="0x5"), ["Digits", "at least 1 row", "a grid like 4x10"]),
    (dict(digits="5x0"), ["Digits", "1 to 10 columns", "a grid like 4x10"]),
    (dict(digits="2x11"), ["Digits", "1 to 10 columns", "a grid like 4x10"]),
    (dict(digits="99x99"), ["Digits", "99 x 99 is more than 100", "a grid like 4x10"]),
    (dict(digits="1" * 101), ["Digits", "101 are more than 100"]),
    (dict(digits="1" * 500), ["Digits", "500 characters are too many", "200"]),
    (dict(digits="٣"), ["Digits", "'٣'", "digits like"]),
    (dict(digits="٣x٤"), ["Digits", "'٣x٤'", "digits like"]),
    (dict(digits="٠-٩"), ["Digits", "'٠-٩'", "digits like"]),
    (dict(digits="3²"), ["Digits", "'3²'", "digits like"]),
    (dict(digits="7\ud800"), ["Digits", "'7?'", "digits like"]),
    (dict(digits=3.5), ["Digits", "give a text", "3.5"]),
    (dict(digits=False), ["Digits", "give a text", "False"]),
    (dict(guidance=5), ["mnist-sample has no setting 'guidance'"]),
    (dict(cls=1), ["mnist-sample has no setting 'cls'"]),
    (dict(technique="mnist-denoise"), ["mnist-sample has no setting 'technique'"]),
]
SWEEP = [
    (dict(gammas=[]), ["gamma", "1 to 12 numbers", "[]"]),
    (dict(gammas=", ,"), ["gamma", "1 to 12 numbers", "commas"]),
    (dict(gammas=list(range(13))), ["gamma", "1 to 12 numbers"]),
    (dict(gammas="1, two"), ["gamma", "a number from 0 to 20", "'two'"]),
    (dict(gammas=[1, 21]), ["gamma", "21 is out of range"]),
    (dict(gammas=True), ["gamma", "a number from 0 to 20", "True"]),
    (dict(gammas={"a": 1}), ["gamma", "1 to 12 numbers"]),
    (dict(digits="2x10"), ["Digits", "2 x 10 is more than 10", "a grid like 1x10"]),
    (dict(digits="01234567890"), ["Digits", "11 are more than 10"]),
]
NOISE = [
    (dict(picture=""), ["Picture", "no picture yet", "Upload one"]),
    (dict(picture=None), ["Picture", "no picture yet", "choose an example"]),
    (dict(picture="rocket.png"), ["Picture", '"example:NAME"', "data URI", "'rocket.png'"]),
    (dict(picture="example:../secret"), ["Picture", '"example:NAME"', "'example:../secret'"]),
    (dict(picture="data:image/jpeg;base64,AAAA"), ["Picture", "PNG as a data URI"]),
    (dict(picture=7), ["Picture", "data URI", "7"]),
    (dict(picture="data:image/png;base64," + "A" * 3_000_000), ["Picture", "too large"]),
    (dict(t=1000), ["t", "1000 is out of range", "0 to 999"]),
    (dict(strip="250 500 x"), ["Strip at t", "whole number from 0 to 999", "'x'"]),
]
WRONG = [
    (name, values, words)
    for name, table in (("mnist-sample", SAMPLE), ("mnist-gamma-sweep", SWEEP), ("forward-noise", NOISE))
    for values, words in table
]


@pytest.mark.parametrize("technique, values, words", WRONG)
def test_a_bad_value_is_named_with_its_remedy(technique, values, words):
    with pytest.raises(RecipeError) as caught:
        Recipe.of(technique, **values)
    sentence = str(caught.value)
    assert all(word in sentence for word in words), sentence
    assert sentence.endswith(".") and len(sentence) < 250


# what is wrong with a recipe as a whole


def packed(text: str | bytes) -> str:
    data = text.encode() if isinstance(text, str) else text
    return base64.urlsafe_b64encode(zlib.compress(data, 9)).decode().rstrip("=")


@pytest.mark.parametrize(
    "text, words",
    [
        ("", ["not a Darkroom recipe", "no JSON"]),
        ("{", ["no JSON"]),
        ("[" * 100_000, ["no JSON"]),
        ("null", ["not a Darkroom recipe"]),
        ("[1]", ["not a Darkroom recipe"]),
        ('{"technique": "mnist-sample"}', ["not a Darkroom recipe"]),
        ('{"darkroom": 1}', ["not a Darkroom recipe"]),
        ('{"darkroom": 1, "technique": 7}', ["not a Darkroom recipe"]),
        ('{"darkroom": 1, "technique": "dreams"}', ["'dreams' is unknown", "mnist-sample"]),
        ('{"darkroom": 2, "technique": "mnist-sample"}', ["version 2", "reads version 1"]),
        ('{"darkroom": 1, "technique": "mnist-sample", "steps": NaN}', ["Steps", "nan"]),
        ('{"darkroom": 1, "technique": "mnist-sample", "self": 1}', ["no setting 'self'"]),
        ('{"darkroom": 1, "technique": "mnist-sample", "cls": 1}', ["no setting 'cls'"]),
        (" " * 4_000_001, ["too long"]),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_is_no_recipe_is_refused(text, words):
    with pytest.raises(RecipeError) as caught:
        Recipe.from_json(text)
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    "word",
    [
        "",
        "nonsense",
        "not a link",
        "naïve",
        "A" * 5000,
        packed(b"\xff\xfe"),
        packed(b" " * 100_000_000),
    ],
    ids=["empty", "nonsense", "spaces", "not ascii", "As", "not utf-8", "zip bomb"],
)
def test_a_broken_link_says_so(word):
    with pytest.raises(
        RecipeError, match="This link holds no recipe that I can read; perhaps it was cut short"
    ):
        Recipe.from_link(word)


def test_a_link_cut_anywhere_says_so():
    word = Recipe.of("mnist-sample", digits="3141592653").to_link()
    for length in range(len(word)):
        with pytest.raises(RecipeError, match="cut short"):
            Recipe.from_link(word[:length])


def test_a_whole_link_of_something_else_is_no_recipe():
    with pytest.raises(RecipeError, match="not a Darkroom recipe"):
        Recipe.from_link(packed(json.dumps({"hello": "world"})))


# digits


@pytest.mark.parametrize(
    "text, expected, wide",
    [
        ("2026", [2, 0, 2, 6], 4),
        (" 1, 2;3 ", [1, 2, 3], 3),
        ("0-9", list(range(10)), 10),
        ("7–4", [7, 6, 5, 4], 4),
        ("5-5", [5], 1),
        ("2x3", [0, 1, 2, 0, 1, 2], 3),
        (" 3 X 1 ", [0, 0, 0], 1),
        ("2×10", list(range(10)) * 2, 10),
        ("123456789012", [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2], 10),
        ("10x10", list(range(10)) * 10, 10),
    ],
)
def test_digits_and_how_they_stand(text, expected, wide):
    assert digits(text) == expected and columns(text) == wide


def test_bounds_themselves_are_allowed():
    field = Number("steps", "Steps", 5, low=1, high=300, whole=True)
    assert (field.read(1), field.read("300"), field.read(2.0)) == (1, 300, 2)
    assert isinstance(field.read(2.0), int)
