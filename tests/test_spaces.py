"""What a Hugging Face Space needs: the README's front matter, and ZeroGPU tried with stand-ins for `spaces`.

One stand-in runs a function where it is, as `spaces` does off ZeroGPU; the other forks, and pickles what goes
in and what comes out, as it does there. Nothing here was tried on a Space.
"""

import multiprocessing
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml
from fakes import FakeNetwork
from packaging.requirements import Requirement
from packaging.version import Version
from text_house import text_techniques_installed as text_techniques_installed

from diffusion_core.models.faults import ModelError
from diffusion_core.recipes import Recipe
from diffusion_core.serving import zerogpu
from diffusion_core.serving.result import Cancelled, Frame, Result

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


# --- stand-ins for spaces.GPU ---------------------------------------------------------------------------


class GPU:
    """The decorator. asked: the seconds of every call; forks: does it?"""

    def __init__(self, forks: bool):
        self.forks, self.asked = forks, []

    def __call__(self, duration):
        def decorated(task):
            def called(*args):
                self.asked.append(duration(*args))
                return in_a_fork(task, args) if self.forks else task(*args)

            return called

        return decorated


def in_a_fork(task, args):
    """As spaces.zero.wrappers does it: a forked process, a queue in, a queue out, an event to stop."""
    context = multiprocessing.get_context("fork")
    questions, answers, stop = context.SimpleQueue(), context.SimpleQueue(), context.Event()

    def work():
        try:
            for each in task(*questions.get()):
                if stop.is_set():
                    break
                answers.put((os.getpid(), each))
        finally:
            answers.put(None)

    worker = context.Process(target=work, daemon=True)
    worker.start()
    questions.put(args)
    try:
        while (answer := answers.get()) is not None:
            assert answer[0] != os.getpid()
            yield answer[1]
    finally:
        stop.set()
        worker.join(20)
        assert not worker.is_alive()


@pytest.fixture(params=[False, True], ids=["in place", "forked"])
def gpu(request):
    return GPU(request.param)


class Steady(FakeNetwork):
    """Slow enough that each of its steps can be seen."""

    def forward(self, rows):
        time.sleep(0.03)
        return super().forward(rows)


@pytest.fixture
def studio(fake_studio, text_techniques_installed, monkeypatch):
    monkeypatch.setattr("fakes.FakeNetwork", Steady)
    return fake_studio


# --- ZeroGPU --------------------------------------------------------------------------------------------

TEXT = {"prompt": "a red apple", "steps": "6", "count": 2}


def made(studio, recipe) -> list:
    return list(studio.run(recipe, "me"))


@pytest.mark.parametrize("more", [{}, {"enlarge": "yes", "steps_2": "3"}])
def test_a_picture_from_a_worker_is_the_same_picture(studio, gpu, more, monkeypatch):
    monkeypatch.setattr(zerogpu, "PREVIEW_SECONDS", 0.0)
    recipe = Recipe.of("text-sample", **TEXT, **more)
    *_, alone = made(studio, recipe)
    zerogpu.take_over(studio, gpu)
    *frames, result = made(studio, recipe)
    torch.testing.assert_close(result.pictures, alone.pictures, rtol=0, atol=1e-6)
    assert isinstance(result, Result) and len(result.film) == len(alone.film)
    assert len(frames) > 3 and all(isinstance(frame, Frame) for frame in frames)
    assert not any(frame.x.is_inference() for frame in frames)
    assert studio.engine.row_seconds["built-in/I"] > 0  # told by the worker, for the next cost line
    assert len(gpu.asked) == 1


def test_small_models_stay_on_the_cpu_of_the_space(studio, gpu):
    zerogpu.take_over(studio, gpu)
    assert isinstance(made(studio, Recipe.of("mnist-sample", digits="3", steps=3))[-1], Result)
    assert gpu.asked == []


def test_stop_ends_the_worker(studio, gpu, monkeypatch):
    monkeypatch.setattr(zerogpu, "PREVIEW_SECONDS", 0.0)
    zerogpu.take_over(studio, gpu)
    job = studio.start(Recipe.of("text-sample", **TEXT | {"steps": "100"}), "me")
    next(job.watch())
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait()
    *_, result = made(studio, Recipe.of("text-sample", **TEXT))
    assert isinstance(result, Result)


def test_leaving_ends_the_worker(studio, gpu):
    zerogpu.take_over(studio, gpu)
    run = studio.run(Recipe.of("text-sample", **TEXT), "me")
    next(run)
    run.close()
    assert isinstance(made(studio, Recipe.of("text-sample", **TEXT))[-1], Result)


def test_a_sentence_comes_out_of_the_worker(studio, gpu, monkeypatch):
    def fails(told):
        raise ModelError("The disk of this Space is full.")

    monkeypatch.setattr(studio, "prepare", fails)
    zerogpu.take_over(studio, gpu)
    with pytest.raises(ModelError, match="The disk of this Space is full"):
        made(studio, Recipe.of("text-sample", **TEXT))


def test_the_models_are_in_memory_before_the_page_opens(studio, gpu, monkeypatch, capsys):
    zerogpu.take_over(studio, gpu, models="built-in, deepfloyd-m")
    assert {"built-in/I", "built-in/II"} <= set(studio._warm)
    assert "deepfloyd-m/I is not here" in capsys.readouterr().out
    for name in ("built-in/I", "mnist/flow-class/last"):  # tried where it computes, and not in this process
        studio.warm(name, 2)
    assert list(studio.engine.row_seconds) == ["mnist/flow-class/last"]


def test_the_gpu_is_asked_for_as_long_as_it_costs(studio, gpu):
    zerogpu.take_over(studio, gpu)
    short, long = Recipe.of("text-sample", **TEXT), Recipe.of("text-sample", prompt="a", count=8, steps="200")
    guessed = [zerogpu.seconds_for(studio, recipe) for recipe in (short, long)]
    assert zerogpu.START < guessed[0] < guessed[1] <= zerogpu.LONGEST
    studio.engine.row_seconds["built-in/I"] = 0.5
    assert zerogpu.seconds_for(studio, long) == zerogpu.LONGEST
    studio.engine.row_seconds["built-in/I"] = 1e-6
    assert zerogpu.seconds_for(studio, long) == zerogpu.START
    made(studio, short)
    assert gpu.asked == [zerogpu.START]


def test_a_worker_is_not_stopped_by_locks_of_the_process_it_was_forked_from(studio):
    """A fork keeps the locks that other threads held, and has none of these threads to let go of them."""
    zerogpu.take_over(studio, GPU(forks=True))
    with studio.engine._wake, studio._changing:
        began = time.monotonic()
        # needs_gpu walks the recipe in this process, and asks for no lock
        events = made(studio, Recipe.of("text-sample", **TEXT))
    assert isinstance(events[-1], Result) and time.monotonic() - began < 30


def test_nothing_changes_elsewhere(studio):
    usual = studio.make
    zerogpu.take_over(studio)
    assert studio.make == usual and zerogpu.spaces is None


@pytest.mark.parametrize("said", ["true", "1", "", None])
def test_spaces_is_imported_on_zerogpu_only_and_before_cuda(said, tmp_path):
    """A stand-in for the package says whether CUDA was touched before it. (Gradio imports it by itself.)"""
    (tmp_path / "spaces.py").write_text("import torch\nEARLY = not torch.cuda.is_initialized()\nGPU = None\n")
    environment = {k: v for k, v in os.environ.items() if k != "SPACES_ZERO_GPU"}
    environment |= {"PYTHONPATH": str(tmp_path)} | ({} if said is None else {"SPACES_ZERO_GPU": said})
    program = "import app; s = app.zerogpu.spaces; print(bool(s), s and s.EARLY)"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert ended.stdout.split() == (["True", "True"] if said else ["False", "None"]), ended.stderr


# --- the README ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def front() -> dict:
    """The front matter, as a Space reads it."""
    found = re.match(r"---\n(.*?)\n---\n", README, re.DOTALL)
    assert found, "README.md begins with the Space's front matter"
    return yaml.safe_load(found[1])


def requirements() -> dict[str, Requirement]:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return {each.name: each for each in map(Requirement, filter(None, lines))}


def test_front_matter_is_complete(front):
    needed = {"title", "emoji", "colorFrom", "colorTo", "sdk", "sdk_version", "python_version", "app_file"}
    needed |= {"short_description", "license", "tags", "startup_duration_timeout", "suggested_hardware"}
    assert needed <= set(front)
    assert len(front["short_description"]) <= 60
    colours = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
    assert {front["colorFrom"], front["colorTo"]} <= colours
    assert (ROOT / front["app_file"]).is_file() and front["sdk"] == "gradio"
    assert front["license"] == "apache-2.0" and "Apache License" in (ROOT / "LICENSE").read_text()


def test_front_matter_fits_the_requirements(front):
    assert requirements()["gradio"].specifier.contains(front["sdk_version"])
    assert "==" not in str(requirements()["gradio"].specifier)  # the Space sets it
    assert isinstance(front["python_version"], str) and Version(front["python_version"]) >= Version("3.10")
    zerogpu_has = ["2.8.0", "2.9.1", "2.10.0", "2.11.0"]
    assert all(requirements()["torch"].specifier.contains(version) for version in zerogpu_has)


def test_every_environment_variable_is_in_the_table():
    """Ours, and those of others that the code reads."""
    code = "".join(
        path.read_text(encoding="utf-8") for path in ROOT.glob("**/*.py") if ".venv" not in path.parts
    )
    read = set(re.findall(r"\b(DARKROOM_[A-Z_]+|MNIST_DIR|EMOJI_DIR|SPACES_ZERO_GPU)\b", code))
    rows = set(re.findall(r"^\| `([A-Z_]+)`", README, re.MULTILINE))
    assert read <= rows, f"not in the table: {sorted(read - rows)}"
    assert {"HF_TOKEN", "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"} <= rows
