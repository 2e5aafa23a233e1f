"""Every event of the page leaves the browser time to draw; drawings are handed over, and by nobody else."""

import json
from pathlib import Path
from uuid import uuid4

import gradio as gr
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from PIL import Image

import app
from diffusion_core.recipes import RecipeError
from tabs.components.pictures import square
from tabs.components.sketchpad import HERE, NOTHING_DRAWN, drawn, sketchpad


@pytest.fixture(scope="module")
def events(tiny_root):
    """(event, does it ask the server?) of the whole page, those of the API aside."""
    house = app.studio(tiny_root)
    page = app.build(house)
    yield [(each, each.fn is not None) for each in page.fns.values() if each.api_visibility == "private"]
    house.engine.close()


def test_no_event_shows_progress_of_gradios(events):
    """Else each word of a run takes the page longer, the more of it was used."""
    assert len(events) > 150
    assert [each.name for each, _ in events if each.show_progress_on != []] == []


def test_no_event_that_asks_the_server_takes_an_editor(events):
    """Else the editor sends its pictures anew at each word of any run from then on."""
    asked = [each for each, asks in events if asks]
    told = [each for each, asks in events if not asks]
    assert not [e.name for e in asked if any(isinstance(i, gr.ImageEditor) for i in e.inputs)]
    assert any(isinstance(each, gr.ImageEditor) for event in told for each in event.inputs)


@pytest.fixture
def pad():
    with gr.Blocks():
        return sketchpad("pad", "Your sketch")


@pytest.fixture
def uploaded():
    page = Image.new("RGB", (320, 320), "white")
    page.paste("red", (100, 100, 200, 200))
    path = Path(get_upload_folder()) / uuid4().hex / "composite.png"
    path.parent.mkdir(parents=True)
    page.save(path)
    yield str(path)
    path.unlink()
    path.parent.rmdir()


def handed(path: str) -> str:
    """What the page's script writes."""
    file = {"path": path, "url": "http://here", "meta": {"_type": "gradio.FileData"}}
    return json.dumps({"background": None, "layers": [], "composite": file, "id": None})


def test_a_drawing_arrives(pad, uploaded):
    made = pad.drawing(handed(uploaded))
    assert drawn(HERE, made, square, NOTHING_DRAWN).startswith("data:image/png")
    assert np.asarray(made["composite"])[150, 150].tolist() == [255, 0, 0]
    assert drawn("example:Cat", made, square, NOTHING_DRAWN) == "example:Cat"


@pytest.mark.parametrize("nothing", ["", "null", '{"background": null, "layers": [], "composite": null}'])
def test_a_page_that_was_never_touched_gets_a_sentence(pad, nothing):
    with pytest.raises(RecipeError, match="Nothing is drawn yet"):
        drawn(HERE, pad.drawing(nothing), square, NOTHING_DRAWN)


@pytest.mark.parametrize("broken", ["{", "[1]", '{"composite": 3}', "7", '{"layers": "x"}'])
def test_a_drawing_that_is_none_gets_a_sentence(pad, broken):
    with pytest.raises(RecipeError, match="Press Run again"):
        pad.drawing(broken)


def test_a_drawing_cannot_name_a_file_of_the_server(pad, tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (20, 20), "red").save(secret)
    with pytest.raises(gr.Error, match="was not uploaded here"):
        pad.drawing(handed(str(secret)))


def test_a_drawing_whose_file_is_gone_gets_a_sentence(pad, uploaded):
    with pytest.raises(RecipeError, match="Press Run again"):
        pad.drawing(handed(uploaded + ".gone"))
