"""Training the cascade on made-up things, in small: it learns, resumes, and diffusers opens it."""

import json
import math
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import torch
from diffusers import IFPipeline, IFSuperResolutionPipeline

from emoji_model import cascade, grow, plan, progress, text, train
from tests import fake_wordnet, made_up_data
from tests.small_warm_up import Synonyms

NARROW = dict(block_out_channels=(8, 16, 16, 16), attention_head_dim=8)
NARROW_1 = dict(block_out_channels=(8, 8, 16, 16, 16), attention_head_dim=8)
NARROW_2 = dict(block_out_channels=(16, 8, 16, 16, 16), attention_head_dim=8)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A folder for --data: artists/, doodles/, photos/, noto-emoji/ and wordnet/."""
    folder = made_up_data.build(tmp_path_factory.mktemp("data"), each=6, size=32, large=64)
    fake_wordnet.build(folder / "wordnet")
    return folder


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setattr(cascade, "SMALL", cascade.SMALL | NARROW)
    monkeypatch.setattr(cascade, "STAGE_1", cascade.STAGE_1 | NARROW_1)
    monkeypatch.setattr(cascade, "STAGE_2", cascade.STAGE_2 | NARROW_2)


@pytest.fixture
def hasty(monkeypatch):
    """Fitting the time embedding of a grown network takes seconds, and is tested in test_emoji_grow.py."""
    monkeypatch.setattr(grow, "_shift_time", partial(grow._shift_time, steps=20))


@pytest.fixture(autouse=True)
def anew(monkeypatch):
    """So few steps need a short ramp, a teacher that is at hand, and a short tokenizer."""
    monkeypatch.setattr(plan, "RAMP", 10)
    monkeypatch.setattr(progress, "PROMPTS", progress.PROMPTS[:2])
    monkeypatch.setattr(progress, "GAP_TIMES", (900,))
    monkeypatch.setattr(text, "MiniLM", Synonyms)
    monkeypatch.setattr(text, "CAPTIONS", 300)
    monkeypatch.setattr(text, "warm_up", partial(text.warm_up, batch=8))


@pytest.fixture
def read(narrow, data, tmp_path):
    """A folder of runs in which the text path is trained, a little."""
    train.main(["text", "--data", str(data), "--runs", str(tmp_path / "runs"), "--warm-up", "2"])
    return tmp_path


def run(stage, data, folder, *more):
    places = ["--data", data, "--out", folder / "out", "--runs", folder / "runs", "--cpu", "--sheet", 10**9]
    if stage == "small":
        places[3] = folder / "runs"
    train.main([stage, *map(str, places), "--workers", "0", "--no-compile", *more])
    lines = (folder / "runs" / stage / "stats.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if "error" in line]


SHORT = ("--batch", "8", "--report", "10", "--lr", "2e-3", "--float32")


def test_all_stages_learn_and_open_in_diffusers(read, hasty, data, tmp_path):
    said = json.loads((tmp_path / "runs" / "text" / "text.json").read_text())
    assert said["warm_up"]["warm_up"] == 2 and "held_out_synonyms" in said
    stats = run("small", data, tmp_path, *SHORT, "--phases", "32:320:full")
    assert stats[-1]["error"] < 0.7 * stats[0]["error"]
    grown = run("stage1", data, tmp_path, *SHORT, "--report", "5", "--phases", "64:80:full")
    assert grown[-1]["error"] < grown[0]["error"]
    assert [line["size"] for line in stats + grown] == [32] * 4 + [64] * 2
    assert list((tmp_path / "runs" / "stage1").glob("sheet-*.png"))
    progress_of = json.loads((tmp_path / "runs" / "stage1" / "progress.json").read_text())
    assert progress_of["done"] and progress_of["samples"] == 80

    first = IFPipeline.from_pretrained(tmp_path / "out" / "emoji-64", torch_dtype=torch.float32)
    first.set_progress_bar_config(disable=True)
    small = first("a dog", num_inference_steps=2, output_type="pt", clean_caption=False).images
    assert small.shape == (1, 3, 64, 64)
    made = json.loads((tmp_path / "out" / "emoji-64" / "model.json").read_text())
    assert made["made"]["samples"] == 80 and made["grown_from"]["made"]["samples"] == 320
    assert made["text"] == said
    words = json.loads((tmp_path / "out" / "emoji-64" / "words.json").read_text())
    assert "dog" in words["things"] and "dog" in words["styles"]["doodle"]
    assert all(path.stat().st_size < 10_000_000 for path in (tmp_path / "out").glob("**/*"))


def test_stage_2_learns_and_opens_in_diffusers(read, data, tmp_path, monkeypatch):
    monkeypatch.setattr("emoji_model.enlarging.SOURCES", {"noto": (64, 0.4), "doodles": (64, 0.6)})
    stats = run("stage2", data, tmp_path, *SHORT, "--report", "5", "--phases", "32:120:full")
    assert stats[-1]["error"] < stats[0]["error"]
    second = IFSuperResolutionPipeline.from_pretrained(
        tmp_path / "out" / "emoji-256", torch_dtype=torch.float32
    )
    second.set_progress_bar_config(disable=True)
    small = torch.zeros(1, 3, 64, 64)
    large = second("a dog", image=small, num_inference_steps=1, output_type="pt", clean_caption=False).images
    assert large.shape == (1, 3, 256, 256)


def test_a_resumed_run_ends_where_one_in_one_go_does(read, data, tmp_path):
    options = (*SHORT, "--report", "4", "--phases", "32:64:full")
    whole = run("small", data, tmp_path, *options)
    kept = cascade.load("small", tmp_path / "runs" / "emoji-32")[0]
    for file in (tmp_path / "runs" / "small").iterdir():
        file.unlink()
    halted = run("small", data, tmp_path, *options, "--minutes", "0")
    assert halted[-1]["step"] == 1
    again = run("small", data, tmp_path, *options)
    assert again[-1]["error"] == pytest.approx(whole[-1]["error"], rel=1e-3)
    other = cascade.load("small", tmp_path / "runs" / "emoji-32")[0]
    for one, two in zip(kept.state_dict().values(), other.state_dict().values()):
        torch.testing.assert_close(one, two, atol=2e-3, rtol=1e-2)


def test_exported_weights_can_be_continued(read, data, tmp_path):
    run("small", data, tmp_path, *SHORT, "--phases", "32:320:full")
    before = tmp_path / "runs" / "emoji-32"
    more = run(
        "small",
        data,
        tmp_path,
        *SHORT,
        "--phases",
        "32:80:full",
        "--name",
        "small",
        "--continue-from",
        str(before),
    )
    assert more[-1]["step"] == 40  # the name is that of the finished run: nothing is done twice
    (tmp_path / "runs" / "small").rename(tmp_path / "runs" / "first")
    more = run("small", data, tmp_path, *SHORT, "--phases", "32:80:full", "--continue-from", str(before))
    assert more[0]["error"] < 0.8
    made = json.loads((before / "model.json").read_text())
    assert made["continued_from"]["made"]["samples"] == 320


@pytest.mark.slow
def test_sigterm_saves_and_stops(read, data, tmp_path):
    """As the queue ends a training: what it did is saved, and the same command goes on."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    places = ["--data", str(data), "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "runs")]
    code = (
        f"import sys; sys.path.insert(0, {str(Path.cwd())!r}); from tests.tiny_training import main; main()"
    )
    child = subprocess.Popen([sys.executable, "-c", code, *places], env=environment, stdout=subprocess.PIPE)
    for line in child.stdout:
        if b'"samples"' in line:
            child.send_signal(signal.SIGTERM)
            break
    child.communicate(timeout=120)
    assert child.returncode == 0
    said = json.loads((tmp_path / "runs" / "small" / "progress.json").read_text())
    assert 0 < said["step"] < said["steps"] and not said["done"]


def test_dry_run_says_the_plan_and_does_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    samples = 0
    for stage in ("small", "stage1"):
        train.main([stage, "--preset", "gpu", "--dry-run"])
        said = json.loads(capsys.readouterr().out)
        samples += sum(phase["samples"] for phase in said["phases"])
    assert said["batch"] == 512 and samples >= 20_000_000
    assert not list(tmp_path.iterdir())


def test_what_is_missing_gets_a_sentence(read, data, tmp_path):
    with pytest.raises(SystemExit, match=r"train text. first"):
        train.main(["small", "--data", str(data), "--runs", str(tmp_path / "none"), "--cpu"])
    with pytest.raises(SystemExit, match=r"There is no|Where are"):
        train.main(["small", "--data", str(tmp_path / "no"), "--runs", str(tmp_path / "runs"), "--cpu"])
    with pytest.raises(SystemExit):
        train.main(["small", "--phases", "32:100:nonsense"])


def test_a_damaged_state_gets_a_sentence(read, data, tmp_path):
    run("small", data, tmp_path, *SHORT, "--phases", "32:16:full")
    (tmp_path / "runs" / "small" / "state.safetensors").write_bytes(b"nothing")
    with pytest.raises(SystemExit, match="remove it to begin anew"):
        run("small", data, tmp_path, *SHORT, "--phases", "32:16:full")


def test_the_rate_ramps_up_stays_and_falls():
    phases = tuple(map(plan.Phase.parsed, ("32:16000:full", "64:16000:full")))
    made = plan.Plan(phases, batch=16, seed=0)
    rates = [made.rate(step) for step in range(made.steps)]
    assert rates[0] <= 1 / plan.RAMP and rates[plan.RAMP] == 1
    assert rates[plan.RAMP :] == sorted(rates[plan.RAMP :], reverse=True)
    assert rates[1000] == 1  # a fifth of the pixels: flat until three quarters of them
    half = plan.LEAST + (1 - plan.LEAST) * (1 + math.cos(math.pi / 2)) / 2
    assert rates[1000 + 844] == pytest.approx(half, abs=0.01)  # in the middle of the fall
    assert rates[-1] == pytest.approx(plan.LEAST, abs=1e-3)
    assert [made.phase(step).size for step in (0, 999, 1000, 1999)] == [32, 32, 64, 64]
