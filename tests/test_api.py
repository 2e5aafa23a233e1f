"""The API as a program meets it, through gradio_client: pictures with recipes, sentences for bad input."""

from contextlib import contextmanager

import gradio as gr
import pytest
import torch
from gradio_client import Client
from gradio_client.exceptions import AppError

import app
from diffusion_core.images import convert, export
from diffusion_core.models.catalog import BUILT_IN, BUILT_IN_FOLDERS
from diffusion_core.models.loading import Library
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques import contact_sheet
from diffusion_core.techniques.text import TEXT_SCHEMAS
from tabs import api


@contextmanager
def served(house: Studio, demo: gr.Blocks):
    demo.queue(default_concurrency_limit=None)
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, max_file_size="10mb")
    yield Client(url, verbose=False)
    demo.close()
    house.engine.close()


@pytest.fixture(scope="module")
def client(tiny_root):
    house = app.studio(tiny_root)
    with served(house, app.build(house)) as made:
        yield made


@pytest.fixture(scope="module")
def text_client(tiny_if, tmp_path_factory):
    """The API alone, on a tiny text model in the place of the built-in one."""
    home = tmp_path_factory.mktemp("home")
    for name, stage in zip(BUILT_IN_FOLDERS, tiny_if):
        (home / name).symlink_to(stage)
    contact_sheet.install()
    house = Studio()
    Library(device="cpu", dtype=torch.float32, checkpoints=home).serve(house)
    with gr.Blocks() as demo:
        api.publish(house)
    with served(house, demo) as made:
        yield made


FAST = {"mnist-sample": {"digits": "07", "steps": 2}, "mnist-gamma-sweep": {"digits": "3", "steps": 2}}


@pytest.mark.parametrize("technique", [name for name in SCHEMAS if name not in TEXT_SCHEMAS])
def test_every_technique_answers_with_a_png_that_carries_its_recipe(client, technique):
    settings = FAST.get(technique, {}) | {"seed": 5}
    path, recipe, seconds, notices = client.predict(settings, api_name="/" + technique.replace("-", "_"))
    assert recipe["seed"] == 5 and recipe["technique"] == technique and seconds >= 0 and notices == []
    assert export.recipe_in(convert.opened(path)) == Recipe.from_dict(recipe)


def test_the_same_recipe_gives_the_same_picture(client):
    one, two, other = (
        convert.opened(client.predict({"digits": "4", "steps": 3, "seed": seed}, api_name="/mnist_sample")[0])
        for seed in (1, 1, 2)
    )
    assert one.tobytes() == two.tobytes() != other.tobytes()


def test_cost_is_told_before_running(client):
    cost = client.predict({"digits": "0-9", "steps": 7, "gamma": 5}, "mnist-sample", api_name="/cost")
    assert cost == {"steps": 7, "evaluations": 140, "seconds": cost["seconds"], "notices": []}


def test_what_was_cut_off_a_prompt_is_told(text_client):
    settings = {"prompt": "a photo of a dog " * 30 + "and at last a skull", "steps": "2"}
    asked = [text_client.predict(settings, "text-sample", api_name="/cost")["notices"]]
    *_, notices = text_client.predict(settings, api_name="/text_sample")
    asked.append(text_client.predict(settings, "text-sample", api_name="/cost")["notices"])
    assert len(notices) == 1 and "longer than 77 tokens" in notices[0]
    assert asked == [[], notices], "before a run only what was read already is known"
    *_, notices = text_client.predict(settings | {"prompt": "a dog"}, api_name="/text_sample")
    assert notices == []


def test_another_model_that_took_over_is_told_and_named(text_client):
    settings = {"prompt": "a dog", "steps": "2", "model": "nobody"}
    path, recipe, _, notices = text_client.predict(settings, api_name="/text_sample")
    assert "There is no model 'nobody'" in notices[0] and "built-in model instead" in notices[0]
    assert recipe["model"] == BUILT_IN == export.recipe_in(convert.opened(path))["model"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"steps": "many"}, "Steps: give a whole number from 1 to 300, not 'many'"),
        ({"steps": 0}, "Steps: 0 is out of range; give a whole number from 1 to 300"),
        ({"steps": 10_000}, "Steps: 10000 is out of range"),
        ({"steps": 2.5}, "Steps: give a whole number"),
        ({"gamma": None}, "gamma: give a number from 0 to 20"),
        ({"gamma": [1, 2]}, "gamma: give a number"),
        ({"digits": ""}, "Digits: nothing is asked for"),
        ({"digits": "twelve"}, "'twelve' is not a number I can draw"),
        ({"digits": "99x10"}, "more than 100 pictures"),
        ({"model": "gan"}, "Model: choose one of flow, ddpm, not 'gan'"),
        ({"seed": -1}, "Seed: -1 is out of range"),
        ({"colour": "red"}, "mnist-sample has no setting 'colour'"),
        ([1, 2], "Give the settings as an object"),
        ("digits", "Give the settings as an object"),
    ],
)
def test_bad_settings_get_a_sentence_where_gradio_has_no_bounds(client, settings, sentence):
    with pytest.raises(AppError) as caught:
        client.predict(settings, api_name="/mnist_sample")
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("picture", "sentence"),
    [
        ("example:Nobody", "There is no example called 'Nobody'"),
        ("/etc/passwd", 'give "example:NAME" or a PNG as a data URI'),
        ("data:image/png;base64,AAAA", "not a picture I can read"),
        ("data:image/png;base64,%%%", "The picture in this recipe is damaged"),
        (None, "there is no picture yet"),
    ],
)
def test_bad_pictures_get_a_sentence(client, picture, sentence):
    with pytest.raises(AppError) as caught:
        client.predict({"picture": picture}, api_name="/forward_noise")
    assert sentence in str(caught.value)


def test_unknown_technique_in_cost(client):
    with pytest.raises(AppError, match="'dreams' is unknown"):
        client.predict({}, "dreams", api_name="/cost")


def test_only_techniques_and_cost_are_public(client):
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/" + name.replace("-", "_") for name in SCHEMAS} | {"/cost"}
