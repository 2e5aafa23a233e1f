"""A training of digits that is killed, or told to stop, loses at most what it did since it saved last."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from diffusion_core.training.resumable import read_progress
from mnist_models import zoo

HERE = Path(__file__).resolve().parent
NAME, TOTAL = "flow-class", 20  # steps: four epochs of five
pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="trains in forked processes")

TRAINER = """
import dataclasses, json, os, sys
import torch
from drawn_digits import drawn_digits
from mnist_models import train
torch.set_num_threads(1)
name = sys.argv[1]
digits = {"train": drawn_digits(160, seed=0), "test": drawn_digits(40, seed=1)}
preset = dataclasses.replace(train.PRESETS[name], width=8, batch=32, epochs=4, snapshots=(1, 4))
print("ready", flush=True)
for line in sys.stdin:  # one training each, in a process of its own that need not import torch anew
    folder = json.loads(line)
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
        continue
    args = train.options([name, "--cpu", "--float32", "--out", f"{folder}/out", "--runs", f"{folder}/runs",
                          "--report", "3", "--save-every", "0"])
    args.load = digits.__getitem__
    real = train.generator
    def noted(seed, step, *place):
        with open(f"{folder}/steps.txt", "a") as file:
            file.write(f"{step}\\\\n")
        return real(seed, step, *place)
    train.generator = noted
    train.train(preset, args)
    os._exit(0)
"""


@pytest.fixture(scope="module")
def trainer():
    process = subprocess.Popen(
        [sys.executable, "-c", TRAINER.replace("\\\\n", "\\n"), NAME],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": f"{HERE.parent}{os.pathsep}{HERE}", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert heard(process) == "ready"
    yield process
    process.stdin.close()
    process.wait(timeout=60)


def heard(process) -> str:
    """The next line that is no line of statistics nor a remark."""
    while line := process.stdout.readline():
        if not line.startswith(("{", NAME, "resuming")):
            return line.strip()
    raise AssertionError("the trainer has died")


def started(trainer, folder: Path) -> int:
    folder.mkdir(exist_ok=True)
    trainer.stdin.write(json.dumps(str(folder)) + "\n")
    trainer.stdin.flush()
    return int(heard(trainer))


def steps(folder: Path) -> list[int]:
    path = folder / "steps.txt"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def ended(trainer, pid: int, number: int, folder: Path, more: int, wait: float) -> int:
    """Send a signal `wait` seconds after `more` steps; what the process ended with."""
    before, end = len(steps(folder)), time.monotonic() + 120
    while len(steps(folder)) < before + more:
        assert time.monotonic() < end, "it does not train"
        time.sleep(0.002)
    time.sleep(wait)
    os.kill(pid, number)
    return int(heard(trainer))


@pytest.fixture(scope="module")
def whole(trainer, tmp_path_factory):
    """The folder of a run in one go."""
    folder = tmp_path_factory.mktemp("whole")
    started(trainer, folder)
    assert heard(trainer) == "0" and steps(folder) == list(range(TOTAL))
    return folder


def assert_same(folder: Path, whole: Path) -> None:
    """The curve, but for its clock, and the weights of both snapshots."""
    curves = [zoo.curve(NAME, root / "out") for root in (folder, whole)]
    for one, other in zip(*curves, strict=True):
        assert one | {"seconds": 0} == other | {"seconds": 0}
    for epoch in (1, 4):
        ours, theirs = (zoo.load(NAME, epoch, root / "out").state_dict() for root in (folder, whole))
        for key, tensor in ours.items():
            assert torch.equal(tensor, theirs[key]), key
    assert zoo.snapshots(NAME, folder / "out") == [1, 4]
    assert read_progress(folder / "runs" / NAME) | {"seconds": 0} == {
        "step": TOTAL, "steps": TOTAL, "samples": TOTAL * 32, "seconds": 0, "done": True
    }  # fmt: skip


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_ends_as_if_it_never_was(kills, trainer, whole, tmp_path):
    """It saves after each step here, so that most kills come while it saves."""
    rng = random.Random(kills)
    for _ in range(kills):
        pid = started(trainer, tmp_path)
        assert ended(trainer, pid, signal.SIGKILL, tmp_path, 2, rng.uniform(0, 0.1)) == -signal.SIGKILL
        saved, did = read_progress(tmp_path / "runs" / NAME)["step"], steps(tmp_path)
        assert did[-1] - saved <= 1  # the step that was being saved, and at most one begun
        pid = started(trainer, tmp_path)
        assert ended(trainer, pid, signal.SIGKILL, tmp_path, 1, 0.0) == -signal.SIGKILL
        assert saved <= steps(tmp_path)[len(did)] <= did[-1] + 1
    started(trainer, tmp_path)
    assert heard(trainer) == "0"
    assert_same(tmp_path, whole)


def test_told_to_stop_it_saves_and_loses_nothing(trainer, whole, tmp_path):
    pid = started(trainer, tmp_path)
    assert ended(trainer, pid, signal.SIGTERM, tmp_path, 3, 0.0) == 0
    now = read_progress(tmp_path / "runs" / NAME)
    assert 3 <= now["step"] < TOTAL and not now["done"]
    assert not (tmp_path / "out").exists()  # what is shipped is whole
    started(trainer, tmp_path)
    assert heard(trainer) == "0" and steps(tmp_path) == list(range(TOTAL))
    assert_same(tmp_path, whole)


def test_killed_between_the_last_save_and_the_end_it_ships_all_the_same(trainer, whole, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(whole, folder)
    for path in (folder / "out" / NAME).iterdir():
        path.unlink()
    started(trainer, folder)
    assert heard(trainer) == "0" and len(steps(folder)) == TOTAL
    assert_same(folder, whole)
