"""A PNG carries its recipe, and a recipe carries its picture; what is broken or not ours is said."""

import pytest
from fakes import data_of, noise
from PIL import Image, PngImagePlugin

from diffusion_core.images import convert, export
from diffusion_core.recipes import Recipe, RecipeError

RECIPE = Recipe.of("mnist-sample", digits="2026", seed=5)


def test_a_png_carries_its_recipe_and_its_pixels(tmp_path):
    data = export.with_recipe(noise(40), RECIPE)
    file = tmp_path / "mine.png"
    file.write_bytes(data)
    for source in (data, file):
        picture = convert.opened(source)
        assert export.recipe_in(picture) == RECIPE
        assert picture.tobytes() == noise(40).tobytes()
    assert export.recipe_in(convert.opened(convert.opened(data))) == RECIPE


def test_a_recipe_with_a_large_picture_in_it_survives():
    """More than the megabyte of text that Pillow reads unless told."""
    uri = convert.to_uri(noise(800))
    assert 2_000_000 < len(uri) < 3_000_000
    recipe = Recipe.of("forward-noise", picture=uri)
    assert export.recipe_in(convert.opened(export.with_recipe(noise(16), recipe))) == recipe
    assert Recipe.from_link(recipe.to_link()) == recipe


def png_with(text: str, key: str = export.RECIPE_KEY) -> bytes:
    about = PngImagePlugin.PngInfo()
    about.add_itxt(key, text)
    return data_of(noise(16), pnginfo=about)


@pytest.mark.parametrize(
    "data, words",
    [
        (data_of(noise(16)), "carries no Darkroom recipe. Drop a PNG that was downloaded here"),
        (data_of(noise(16), "JPEG"), "carries no Darkroom recipe. Drop a PNG that was downloaded here"),
        (png_with("{}", key="parameters"), "carries no Darkroom recipe"),
        (png_with("steps: 20, sampler: Euler a"), "not a Darkroom recipe: it is no JSON"),
        (png_with('{"prompt": "a cat"}'), "not a Darkroom recipe"),
        (png_with(RECIPE.to_json()[:40]), "it is no JSON"),
        (png_with('{"darkroom": 1, "technique": "mnist-sample", "steps": 0}'), "Steps: 0 is out of range"),
        (png_with('{"darkroom": 9, "technique": "mnist-sample"}'), "version 9"),
    ],
    ids=["none", "JPEG", "another's", "text", "other JSON", "cut", "out of bounds", "of tomorrow"],
)
def test_a_picture_without_our_recipe_gets_a_sentence(data, words):
    with pytest.raises(RecipeError) as caught:
        export.recipe_in(convert.opened(data))
    assert words in str(caught.value)


def test_a_data_uri_is_the_picture():
    assert convert.from_uri(convert.to_uri(noise(30))).tobytes() == noise(30).tobytes()


@pytest.mark.parametrize(
    "uri, words",
    [
        ("data:image/png;base64,%%%%", "The picture in this recipe is damaged"),
        ("data:image/png", "The picture in this recipe is damaged"),
        ("data:image/png;base64,", "not a picture I can read"),
        (convert.to_uri(noise(64))[:3001] + "===", "damaged"),
        (convert.to_uri(Image.new("L", (2, 2))), "only 2 x 2 pixels"),
    ],
    ids=["no base64", "no data", "empty", "cut", "tiny"],
)
def test_a_broken_data_uri_gets_a_sentence(uri, words):
    with pytest.raises(RecipeError) as caught:
        convert.from_uri(uri)
    assert words in str(caught.value)
