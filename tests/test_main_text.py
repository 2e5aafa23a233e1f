"""The command line on text models: the built-in one by default, DeepFloyd's with their licence, or none."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from fake_hub import FakeHub, use
from fakes import drawing, noise
from test_safety import saved
from text_house import text_techniques_installed as _installed  # noqa: F401
from text_settings import settings

from darkroom import studio
from diffusion_core.__main__ import main
from diffusion_core.images import convert, export
from diffusion_core.models import catalog, memory
from diffusion_core.models.deepfloyd.safety import NOTICE, RESEARCH_ONLY, Previews
from diffusion_core.models.loading import Library
from diffusion_core.models.memory import Memory
from diffusion_core.recipes import Recipe
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.text import TEXT_SCHEMAS

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.usefixtures("_installed")


def tiny() -> Studio:
    """The house of these tests: the built-in model lies beside the folder that the environment names."""
    mnist = Path(os.environ["TINY_ROOT"])
    library = Library(Path("cache"), "cpu", torch.float32, Previews.of(), checkpoints=mnist.parent)
    return studio(mnist, library)


@pytest.fixture(autouse=True)
def at_home(tiny_root, tiny_if, tmp_path, monkeypatch):
    """Every test stands in a folder of its own, with a tiny built-in model in checkpoints/."""
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    (checkpoints / "mnist").symlink_to(tiny_root)
    for name, stage in zip(catalog.BUILT_IN_FOLDERS, tiny_if):
        (checkpoints / name).symlink_to(stage)
    monkeypatch.setenv("TINY_ROOT", str(checkpoints / "mnist"))
    monkeypatch.chdir(tmp_path)
    for name in ("DARKROOM_PREVIEWS", "DARKROOM_PUBLIC", "SPACE_ID"):
        monkeypatch.delenv(name, raising=False)
    return checkpoints


def called(*words: str) -> int:
    return main([*words, "--house", "test_main_text:tiny"])


def written(technique: str, **values) -> Recipe:
    """The recipe, in recipe.json."""
    known = {field.name for field in TEXT_SCHEMAS[technique]}
    few = {"steps": "stride 150", "steps_2": "4", "seed": 7}
    if technique == "text-inpaint":
        few |= {"picture": convert.to_uri(noise(64)), "mask": convert.to_uri(drawing(64))}
    values = {k: v for k, v in few.items() if k in known} | values
    recipe = Recipe.of(technique, **values)
    Path("recipe.json").write_text(recipe.to_json(), encoding="utf-8")
    return recipe


# the built-in model


@pytest.mark.parametrize("technique", TEXT_SCHEMAS)
def test_every_text_technique_runs_and_its_code_makes_the_same_picture(technique, capsys):
    recipe = written(technique, **settings(technique, "II"))
    assert recipe["model"] == "built-in"
    done = called("run", "recipe.json", "--out", "made")
    out, err = capsys.readouterr()
    assert done == 0, err
    summary = json.loads(out)
    assert summary["technique"] == technique and summary["notices"] == [] and "licen" not in err.lower()
    picture = convert.opened(summary["picture"])
    assert export.recipe_in(picture) == recipe and len(set(picture.tobytes())) > 20
    assert called("explain", "recipe.json") == 0
    exec(capsys.readouterr().out, {})
    again = convert.opened("picture.png")
    assert (again.size, again.tobytes()) == (picture.size, picture.tobytes())


def test_every_text_technique_has_a_cost(capsys):
    for technique in TEXT_SCHEMAS:
        written(technique, **settings(technique, "I"))
        assert called("cost", "recipe.json", "--json") == 0
        cost = json.loads(capsys.readouterr().out)
        assert cost["steps"] == 0 or cost["seconds"] > 0


def test_a_person_reads_our_lines_only(capsys):
    """Not those of the libraries that read the weights."""
    written("text-sample", enlarge="yes")
    assert called("run", "recipe.json", "--out", "made") == 0
    last, done = capsys.readouterr().err.rsplit("\r", 2)[-2:]
    assert last.strip().startswith(("Step", "Loading")) and done.strip().startswith("Done in")
    assert len(done.splitlines()) == 1


def test_a_prompt_that_was_cut_is_told(capsys):
    written("text-sample", prompt="a photo of a dog " * 30)
    for words in (("run", "recipe.json", "--out", "made"), ("cost", "recipe.json", "--json")):
        assert called(*words) == 0
        out, err = capsys.readouterr()
        (notice,) = json.loads(out)["notices"]
        assert "longer than 77 tokens" in notice and notice in err.splitlines()


def test_without_any_text_model_a_sentence_says_what_to_do(at_home, capsys):
    (at_home / "emoji-64").unlink()
    written("text-sample")
    for words in (("run", "recipe.json", "--out", "made"), ("cost", "recipe.json")):
        assert called(*words) == 2
        out, err = capsys.readouterr()
        told = err.split("\r")[-1]
        assert out == "" and "Traceback" not in err and len(told.splitlines()) == 1
        assert told.startswith("The built-in text model is not here:") and "deepfloyd-m" in told
    assert called("explain", "recipe.json") == 0, "the code can be told all the same"


def test_the_real_house_has_them_too(tmp_path):
    """From a shell, without these tests' house: the text techniques are known, and nothing is fetched."""
    recipe = {"darkroom": 1, "technique": "text-sample", "model": "deepfloyd-m", "enlarge": "yes"}
    Path("recipe.json").write_text(json.dumps(recipe))
    program = [sys.executable, "-m", "diffusion_core", "explain", str(tmp_path / "recipe.json")]
    ended = subprocess.run(program, cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0 and 'model="deepfloyd-m"' in ended.stdout, ended.stderr
    assert ended.stderr.splitlines() == [RESEARCH_ONLY, NOTICE]


# DeepFloyd's


@pytest.fixture
def deepfloyd(tiny_if, tmp_path, monkeypatch):
    """A Hub that has IF-I-M, IF-II-M and the common parts, in small; its pictures are 64 and 64 pixels."""
    repositories = {}
    for name, stage in (("I-M", tiny_if.stage_1), ("II-M", tiny_if.stage_2), ("I-XL", tiny_if.stage_1)):
        folder = tmp_path / f"hub-{name}"
        shutil.copytree(stage, folder)
        config = folder / "unet" / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"sample_size": 64}))
        repositories[f"DeepFloyd/IF-{name}-v1.0"] = folder
    for name in ("I-M", "II-M"):  # what is read from the first one only
        shutil.rmtree(tmp_path / f"hub-{name}" / "text_encoder")
    saved(tmp_path / "hub-I-XL")
    monkeypatch.setattr(memory, "measured", lambda device: Memory(None, 64.0))
    with FakeHub(repositories, gate="token") as server:
        use(server, tmp_path / "hub-cache", monkeypatch, "hf_mine")
        yield server


def test_deepfloyds_pictures_are_marked_and_the_licence_is_printed(deepfloyd, capsys):
    recipe = written("text-sample", model="deepfloyd-m", enlarge="yes", steps="3", steps_2="2", count=2)
    assert called("run", "recipe.json", "--out", "made") == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["notices"] == [RESEARCH_ONLY, NOTICE]
    assert err.splitlines()[-2:] == [RESEARCH_ONLY, NOTICE]
    assert export.recipe_in(convert.opened("made/picture.png")) == recipe
    assert {name.split("/")[1] for name in deepfloyd.fetched if "text_encoder" in name} == {"IF-I-XL-v1.0"}

    house = tiny()
    *frames, result = house.run(recipe)
    house._guards.clear()
    *_, bare = house.run(recipe)
    house.engine.close()
    changed = (result.pictures - bare.pictures).abs().amax(1) > 0.02
    assert changed[:, 32:, 32:].flatten(1).any(1).all() and not changed[:, :32, :32].any()
    for x in (x for frame in frames for x in (frame.x, frame.x0) if x is not None):
        squares = x.unflatten(-1, (16, 4)).unflatten(-3, (16, 4))
        assert (squares == squares[..., :1, :, :1]).all(), "no preview of it shows more than 16 x 16 pixels"


def test_its_prompts_are_embedded_once_and_its_encoder_never_fetched_again(deepfloyd, tmp_path, capsys):
    written("text-sample", model="deepfloyd-m", prompt="a dog")
    assert called("run", "recipe.json", "--out", "made") == 0
    shutil.rmtree(deepfloyd.repositories["DeepFloyd/IF-I-XL-v1.0"] / "text_encoder")
    for kept in (tmp_path / "hub-cache").glob("*IF-I-XL*/snapshots/*/text_encoder"):
        shutil.rmtree(kept)
    written("text-sample", model="deepfloyd-m", prompt="A dog", steps="2")
    assert called("run", "recipe.json", "--out", "made") == 0
    assert "built-in" not in capsys.readouterr().err


def test_without_a_token_the_built_in_model_takes_over_and_says_so(deepfloyd, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "")
    recipe = written("text-sample", model="deepfloyd-m")
    assert called("run", "recipe.json", "--out", "made") == 0
    out, err = capsys.readouterr()
    (notice,) = json.loads(out)["notices"]
    assert notice.startswith("DeepFloyd/IF-I-M-v1.0 needs a Hugging Face token. Log in with `hf auth login`")
    assert notice.endswith("made by the built-in model instead.") and err.splitlines()[-1] == notice
    made = export.recipe_in(convert.opened("made/picture.png"))
    assert made == recipe.changed(model="built-in")


def test_the_licence_is_told_with_the_cost_before_anything_is_fetched(deepfloyd, monkeypatch, capsys):
    monkeypatch.setattr("diffusion_core.cli.learn", lambda house, recipe: None)
    written("text-sample", model="deepfloyd-m", steps="5")
    assert called("cost", "recipe.json") == 0
    out, err = capsys.readouterr()
    assert out == "5 steps, 10 network evaluations, seconds unknown\n"
    assert err.splitlines() == [RESEARCH_ONLY, NOTICE] and deepfloyd.fetched == []
