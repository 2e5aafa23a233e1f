"""The command line: its files, its summary, its cost, its code, and a sentence for whatever goes wrong."""

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fakes import data_of, drawing, noise
from PIL import Image

from darkroom import studio
from diffusion_core import cli
from diffusion_core.__main__ import main
from diffusion_core.images import convert, export
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.serving.studio import Studio

ROOT = Path(__file__).resolve().parent.parent
FEW = {
    "forward-noise": {"t": 300, "strip": [100, 600]},
    "mnist-denoise": {"sigma": 0.4},
    "mnist-pure-noise": {"count": 3},
    "mnist-sample": {"digits": "2026", "steps": 3},
    "mnist-gamma-sweep": {"digits": "12", "gammas": [0, 3], "steps": 2},
    "mnist-snapshots": {"digits": "12", "steps": 2},
}
NOTHING_ASKED = "forward-noise"


def tiny() -> Studio:
    """The house of these tests: the models in the folder that the environment names."""
    return studio(Path(os.environ["TINY_ROOT"]))


@pytest.fixture(autouse=True)
def at_home(tiny_root, tmp_path, monkeypatch):
    """Every test stands in an empty folder, with the tiny models at hand."""
    monkeypatch.setenv("TINY_ROOT", str(tiny_root))
    monkeypatch.chdir(tmp_path)


def called(*words: str) -> int:
    return main([*words, "--house", "test_main:tiny"])


def written(technique: str, name: str = "recipe.json", **values) -> Recipe:
    """The recipe, and its file."""
    recipe = Recipe.of(technique, **(FEW[technique] | {"seed": 7} | values))
    Path(name).write_text(recipe.to_json(), encoding="utf-8")
    return recipe


def complained(capsys) -> str:
    """The one sentence on standard error, and nothing on standard output."""
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err
    lines = err.split("\r")[-1].splitlines()
    assert len(lines) == 1
    return lines[0]


# run


@pytest.mark.parametrize("technique", FEW)
def test_run_writes_three_files_and_explain_prints_code_that_makes_the_same_picture(technique, capsys):
    recipe = written(technique)
    assert called("run", "recipe.json", "--out", "made/here") == 0
    out, err = capsys.readouterr()
    summary = json.loads(out)
    assert summary["technique"] == technique and summary["seconds"] >= 0
    assert Path(summary["picture"]) == Path("made/here/picture.png")
    assert err.startswith("\rLoading") and err.splitlines()[-1].strip().startswith("Done in ")

    picture = convert.opened(summary["picture"])
    assert export.recipe_in(picture) == export.recipe_in(convert.opened(summary["strip"])) == recipe
    with Image.open(summary["movie"]) as movie:
        assert movie.format == "GIF" and movie.n_frames > 1

    assert called("explain", "recipe.json") == 0
    code = capsys.readouterr().out
    assert len([line for line in code.splitlines() if line and line[0] not in "# "]) <= 9
    exec(code, {})
    again = convert.opened("picture.png")
    assert (again.size, again.tobytes()) == (picture.size, picture.tobytes())
    assert len(set(picture.tobytes())) > 20  # there is something to compare: it is not flat


def test_every_technique_of_the_house_is_tested_here_or_in_test_main_text():
    assert set(FEW) == {name for name in SCHEMAS if not name.startswith("text-")}


def test_the_summary_counts(capsys):
    written("mnist-sample")
    assert called("run", "recipe.json", "--out", ".") == 0
    summary = json.loads(capsys.readouterr().out)
    assert [summary[key] for key in ("pictures", "steps", "evaluations")] == [4, 3, 24]
    assert summary["notices"] == []
    strip = convert.opened("strip.png")
    assert strip.height / strip.width == pytest.approx(2 / 3, abs=0.1)  # two rows; two x0^ and the end


def test_a_png_is_a_recipe_and_so_is_standard_input(capsys, monkeypatch):
    recipe = written("mnist-sample")
    assert called("run", "recipe.json", "--out", "one") == 0
    assert called("run", "one/picture.png", "--out", "two") == 0
    for data in (
        recipe.to_json().encode(),
        recipe.to_json().encode("utf-16"),
        Path("one/picture.png").read_bytes(),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        assert called("run", "-", "--out", "three") == 0
        pictures = [convert.opened(f"{name}/picture.png") for name in ("one", "two", "three")]
        assert len({picture.tobytes() for picture in pictures}) == 1
        shutil.rmtree("three")


def test_the_code_of_a_recipe_that_carries_a_picture_opens_its_file(capsys):
    written("forward-noise", picture=convert.to_uri(noise(64)))
    assert called("explain", "recipe.json") == 0
    code = capsys.readouterr().out
    assert 'recipe_from("recipe.json")' in code and len(code) < 1500
    exec(code, {})
    assert called("run", "recipe.json", "--out", "run") == 0
    assert convert.opened("picture.png").tobytes() == convert.opened("run/picture.png").tobytes()


def test_the_code_says_what_the_technique_is_and_where_it_is_written(capsys):
    written("mnist-sample")
    assert called("explain", "recipe.json") == 0
    code = capsys.readouterr().out
    assert code.startswith("# Digits out of noise, with classifier-free guidance")
    assert "# Written down in mnist_models/techniques.py, mnist_sample." in code
    assert '    digits="2026",\n' in code and "from test_main import tiny as studio\n" in code


# cost


@pytest.mark.parametrize("technique", ["mnist-sample", "mnist-denoise", "mnist-pure-noise"])
def test_cost_learns_seconds_by_trying_the_networks(technique, capsys):
    recipe = written(technique)
    assert called("cost", "recipe.json", "--json") == 0
    cost = json.loads(capsys.readouterr().out)
    house = tiny()
    told = house.cost(recipe)
    house.engine.close()
    assert (cost["steps"], cost["evaluations"]) == (told.calls, told.rows) and cost["seconds"] > 0


def test_cost_for_people(capsys):
    written("mnist-sample")
    assert called("cost", "recipe.json") == 0
    assert capsys.readouterr().out == "3 steps, 24 network evaluations, under 1 s\n"
    written(NOTHING_ASKED)
    assert called("cost", "recipe.json") == 0
    assert capsys.readouterr().out == "no network is asked\n"


# what goes wrong


def test_cost_without_weights_says_unknown(capsys, monkeypatch):
    monkeypatch.setenv("TINY_ROOT", "empty")
    written("mnist-sample")
    assert called("cost", "recipe.json") == 0
    out, err = capsys.readouterr()
    assert out == "3 steps, 24 network evaluations, seconds unknown\n"
    assert "flow-class" in err and len(err.splitlines()) == 1
    assert called("cost", "recipe.json", "--json") == 0
    assert json.loads(capsys.readouterr().out)["seconds"] is None


def test_run_without_weights(capsys, monkeypatch):
    monkeypatch.setenv("TINY_ROOT", "empty")
    written("mnist-sample")
    assert called("run", "recipe.json", "--out", "made") == 2
    assert "flow-class" in complained(capsys)
    assert not list(Path("made").iterdir())


@pytest.mark.parametrize("command", ["run", "cost", "explain"])
@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "it is no JSON"),
        (b"{", "it is no JSON"),
        (b"[" * 100_000, "it is no JSON"),
        (b"[1]", "This is not a Darkroom recipe."),
        (b'{"technique": "mnist-sample"}', "This is not a Darkroom recipe."),
        (b'{"darkroom": 1, "technique": "dreams"}', "The technique 'dreams' is unknown"),
        (b'{"darkroom": 1, "technique": "mnist-sample", "steps": 0}', "Steps: 0 is out of range"),
        (b'{"darkroom": 9, "technique": "mnist-sample"}', "of version 9"),
        (b"\xff\xfe\xff\xff\xff", "not a picture I can read"),
        (data_of(drawing()), "carries no Darkroom recipe"),
        (data_of(drawing())[:90], "damaged or cut short"),
    ],
)
def test_a_file_that_is_no_recipe(command, data, sentence, capsys):
    Path("recipe").write_bytes(data)
    assert called(command, "recipe", *(["--out", "made"] if command == "run" else [])) == 2
    told = complained(capsys)
    assert told.startswith("recipe: ") and sentence in told
    assert not Path("made").exists()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("missing.json", "No such file"), (".", "directory"), ("a\0b", "cannot be read: embedded null")],
)
def test_a_file_that_cannot_be_read(name, sentence, capsys):
    assert called("cost", name) == 2
    assert sentence in complained(capsys)


def test_a_file_that_is_too_large(capsys, monkeypatch):
    monkeypatch.setattr(cli, "LARGEST_FILE", 10)
    written("mnist-sample")
    assert called("cost", "recipe.json") == 2
    assert complained(capsys) == "recipe.json is too large to be a recipe."


def test_a_picture_that_the_house_does_not_have(capsys):
    written("forward-noise", picture="example:Nobody")
    for words in (("run", "recipe.json", "--out", "made"), ("cost", "recipe.json")):
        assert called(*words) == 2
        assert "There is no example called 'Nobody'" in complained(capsys)


@pytest.mark.parametrize("out", ["recipe.json", "recipe.json/deeper", "/proc/nowhere", "a\0b"])
def test_a_folder_that_cannot_be_written_to(out, capsys, monkeypatch):
    written("mnist-sample")
    monkeypatch.setattr(Studio, "run", lambda *args, **more: pytest.fail("it ran before it looked"))
    assert called("run", "recipe.json", "--out", out) == 2
    assert f"{out} cannot be written to: " in complained(capsys)


def test_a_folder_that_vanishes_meanwhile(capsys, monkeypatch):
    written(NOTHING_ASKED)
    monkeypatch.setattr(cli, "_check_folder", lambda out: None)
    assert called("run", "recipe.json", "--out", "gone") == 2
    out, err = capsys.readouterr()
    assert out == "" and err.splitlines()[-1] == "gone cannot be written to: No such file or directory."


@pytest.mark.parametrize(
    ("house", "sentence"),
    [
        ("nonsense", "give a module and a function, like darkroom:studio."),
        ("darkroom:", "give a module and a function"),
        ("os; import sys:studio", "give a module and a function"),
        ("no_such_module:studio", "No module named 'no_such_module'"),
        ("darkroom:no_such_function", "darkroom has no function no_such_function."),
        ("test_main:ROOT", "test_main has no function ROOT."),
    ],
)
def test_a_house_that_is_none(house, sentence, capsys):
    assert main(["cost", "recipe.json", "--house", house]) == 2
    assert sentence in complained(capsys)


@pytest.mark.parametrize("words", [(), ("run", "recipe.json"), ("dream", "recipe.json"), ("cost",)])
def test_words_that_are_no_command(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2 and "usage:" in capsys.readouterr().err


def test_ctrl_c_stops_the_run_and_writes_nothing(capsys, monkeypatch):
    houses, build = [], studio
    monkeypatch.setattr(sys.modules[__name__], "studio", lambda root: houses.append(build(root)) or houses[0])
    monkeypatch.setattr(cli, "_progress", lambda frame: (_ for _ in ()).throw(KeyboardInterrupt))
    written("mnist-sample", steps=300)
    assert called("run", "recipe.json", "--out", "made") == 130
    out, err = capsys.readouterr()
    assert out == "" and err.endswith("\nStopped.\n")
    assert not list(Path("made").iterdir()) and houses[0].engine.running == 0


def test_help_comes_at_once():
    """Without waiting for torch; and the module runs as a program."""
    program = (
        "import sys; from diffusion_core.__main__ import parser; parser(); print('torch' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout.strip()) == (0, "False"), ended.stderr
    ended = subprocess.run(
        [sys.executable, "-m", "diffusion_core", "--help"], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0 and "picture.png" in ended.stdout
