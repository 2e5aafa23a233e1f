"""What a training needs that may be killed at any moment: its lock, its stop, its progress, whole files."""

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from diffusion_core.training import Statistics
from diffusion_core.training.resumable import (
    Stop,
    is_locked,
    locked,
    read_progress,
    write_progress,
    write_whole,
)


def test_progress_comes_back(tmp_path):
    write_progress(tmp_path / "run", step=3, steps=10, samples=96, seconds=1.25, done=True)
    assert read_progress(tmp_path / "run") == {
        "step": 3, "steps": 10, "samples": 96, "seconds": 1.2, "done": True
    }  # fmt: skip
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["progress.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"step": 3}', '{"step": "x"}'])
def test_damaged_progress_is_no_progress(text, tmp_path):
    (tmp_path / "progress.json").write_text(text)
    assert read_progress(tmp_path) == {"step": 0, "steps": 0, "samples": 0, "seconds": 0.0, "done": False}


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
def test_a_lock_ends_with_its_holder_though_a_forked_child_lives_on(tmp_path):
    """Processes that load data for a training may outlive it by seconds."""
    with locked(tmp_path / "lock", "It"):
        child = os.fork()
        if child == 0:
            time.sleep(20)
            os._exit(0)
        assert is_locked(tmp_path / "lock")
    end = time.monotonic() + 10
    while is_locked(tmp_path / "lock") and time.monotonic() < end:
        time.sleep(0.01)
    assert not is_locked(tmp_path / "lock")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_a_stop_is_asked_for_and_the_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM)
    with Stop() as stop:
        assert not stop.asked
        for _ in range(2):  # as when a group of processes is told twice
            os.kill(os.getpid(), signal.SIGTERM)
        assert stop.asked
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_file_is_whole_or_as_before(tmp_path, monkeypatch):
    write_whole(tmp_path / "file", "old")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("killed")))
    with pytest.raises(OSError, match="killed"):
        write_whole(tmp_path / "file", "new")
    assert (tmp_path / "file").read_text() == "old"


def test_statistics_survive_a_kill_in_the_middle_of_a_line(tmp_path):
    path = tmp_path / "stats.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"st')
    Statistics(path, 2, active=True).write({"step": 3, "again": True})
    assert path.read_text() == '{"step": 1}\n{"step": 2}\n{"step": 3, "again": true}\n'
