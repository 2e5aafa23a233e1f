"""The example pictures, the ten digits and the mean; pictures with captions; choosing and drawing."""

import json

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from diffusion_core.images import convert
from diffusion_core.images.examples import EXAMPLES
from diffusion_core.images.grid import captioned
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.serving.studio import Studio
from mnist_models import digits, examples
from mnist_models.zoo import CheckpointError


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_are_pictures_that_a_recipe_can_name(name):
    picture = EXAMPLES[name]()
    assert picture.size == (256, 256) and picture.mode == "RGB"
    assert np.asarray(picture).std() > 20  # something is drawn
    assert Recipe.of("forward-noise", picture=f"example:{name}")["picture"] == f"example:{name}"


def test_an_example_cannot_be_spoilt_for_the_next():
    EXAMPLES["Apple"]().paste("black", (0, 0, 256, 256))
    assert np.asarray(EXAMPLES["Apple"]()).max() > 100


def test_digits_are_read_from_one_sheet(tmp_path):
    sheet = Image.new("L", (280, 28))
    for k in range(10):
        sheet.paste(20 * k, (28 * k, 0, 28 * (k + 1), 28))
    sheet.save(tmp_path / "digits.png")
    assert [digit.getpixel((3, 3)) for digit in examples.digits(tmp_path)] == [20 * k for k in range(10)]


@pytest.mark.parametrize("content", [None, b"no picture", "wrong size"])
def test_missing_or_damaged_digits_get_a_remedy(tmp_path, content):
    if content == "wrong size":
        Image.new("L", (28, 28)).save(tmp_path / "digits.png")
    elif content:
        (tmp_path / "digits.png").write_bytes(content)
    studio = Studio()
    examples.register(studio, tmp_path)
    with pytest.raises(CheckpointError, match=r"python -m mnist_models\.examples"):
        studio.picture("example:Digit 3")


@pytest.mark.parametrize("content", [None, "{", "[]", '{"mean": [[1, 2]], "rms": 1, "count": 1}'])
def test_missing_or_damaged_mean_gets_a_remedy(tmp_path, content):
    if content:
        (tmp_path / "mean.json").write_text(content)
    with pytest.raises(CheckpointError, match="--mean"):
        examples.mean(tmp_path)


def test_the_mean_is_read_as_a_picture(tmp_path):
    about = {"mean": [[0.5] * 28] * 28, "rms": 0.25, "count": 60000}
    (tmp_path / "mean.json").write_text(json.dumps(about))
    mean = examples.mean(tmp_path)
    assert mean.picture.shape == (1, 28, 28) and mean.rms == 0.25 and float(mean.picture.mean()) == 0.5


def test_captions_leave_the_pictures_as_they_are():
    red, blue = Image.new("RGB", (30, 20), "red"), Image.new("RGB", (30, 20), "blue")
    page = np.asarray(captioned([[red, blue], [blue, red]], above=["one", "two"], beside=["a", "b"]))
    for colour in ([255, 0, 0], [0, 0, 255]):
        assert (page == colour).all(-1).sum() == 2 * 30 * 20


def test_a_drawing_becomes_a_digit_and_an_empty_page_a_sentence():
    from tabs.components.sketchpad import HERE, drawn
    from tabs.mnist_denoiser import NO_DIGIT

    def chosen(value, drawing):
        return drawn(value, drawing, digits.as_digit, NO_DIGIT)

    page = Image.new("RGB", (256, 256), "white")
    for nothing in (None, {"background": None, "layers": [], "composite": None}, {"composite": page}):
        with pytest.raises(RecipeError, match="no digit in this picture yet"):
            chosen(HERE, nothing)
    ImageDraw.Draw(page).line([(90, 60), (160, 60), (120, 200)], fill="black", width=24)
    recipe = Recipe.of("mnist-denoise", picture=chosen(HERE, {"composite": page}))
    made = convert.from_uri(recipe["picture"])
    assert made.size == (28, 28) and np.asarray(made)[0].max() == 0 and np.asarray(made).max() > 200
    assert len(recipe.to_link()) < 1500
    assert chosen("example:Digit 3", {"composite": page}) == "example:Digit 3"


def test_forward_noise_answers_every_control_at_once():
    from tabs.forward_noise import Live

    studio = Studio()
    studio.examples |= EXAMPLES
    live = Live(studio)
    values = dict(Recipe.of("forward-noise").values)
    for change in ({}, {"t": 0, "schedule": "rectified"}, {"t": 999, "form": "only added noise"}):
        x_t, plot = live.moved(*(values | change).values())
        assert "data:image/jpeg" in x_t and f"At t = {(values | change)['t']} " in plot
    assert "∞ dB" in live.moved(*(values | {"t": 0, "schedule": "rectified"}).values())[0]
    *_, strip = live.changed(*(values | {"strip": "100, x"}).values())
    assert "give a whole number from 0 to 999" in strip
    assert list(values) == [field.name for field in SCHEMAS["forward-noise"]]


def test_only_added_noise_is_as_noisy_but_not_bounded():
    studio = Studio()
    studio.examples |= EXAMPLES
    recipe = Recipe.of("forward-noise", t=900, strip=[900])
    scaled, added = (
        studio.at_once(recipe.changed(form=form)).pictures[0] for form in ("scaled", "only added noise")
    )
    ratio = added / scaled
    assert torch.allclose(ratio, ratio.mean(), rtol=1e-3) and 0.8 < float(scaled.std()) < 1.1
    assert float(added.std()) > 5
