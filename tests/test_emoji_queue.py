"""The queue of trainings: order, lanes, locks, failures, SIGTERM, and kills at any moment. With fakes."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from diffusion_core.training.resumable import (
    AlreadyRunning,
    is_locked,
    locked,
    read_progress,
    running,
    write_progress,
)
from emoji_model import lanes, queue

HERE = Path(__file__).resolve().parent
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the queue needs POSIX signals and locks")

RUNNER = """
import json, sys
from pathlib import Path
from emoji_model.lanes import Job, Lanes
runs, jobs, options = json.loads(sys.argv[1])
jobs = [Job(n, [sys.executable, FAKE, n, "--runs", runs, *more], tuple(after)) for n, more, after in jobs]
sys.exit(Lanes(jobs, Path(runs), **options).run())
""".replace("FAKE", repr(str(HERE / "fake_training.py")))


@pytest.fixture
def start(tmp_path):
    """start(jobs, **options) starts a queue of fakes, [(name, arguments, after), ...]."""
    begun = []

    def begin(jobs, **options) -> subprocess.Popen:
        options = {"nice": 0, "waits": [0.2, 0.4], "cores": 2, "lanes": 2} | options
        plan = json.dumps([str(tmp_path), jobs, options])
        env = os.environ | {"PYTHONPATH": str(HERE.parent)}
        begun.append(
            subprocess.Popen(
                [sys.executable, "-c", RUNNER, plan],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=env,
            )
        )
        return begun[-1]

    yield begin
    for one in begun:
        if one.poll() is None:
            one.terminate()
        one.communicate(timeout=180)


def finished(process: subprocess.Popen) -> tuple[int, list[dict]]:
    """(exit status, what it said)."""
    out, err = process.communicate(timeout=180)
    assert not err, err
    return process.returncode, [json.loads(line) for line in out.splitlines()]


def until(condition, seconds: float = 120.0):
    """Wait for something to become true, and give it back."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
    return value


def steps(runs: Path, name: str) -> list[tuple[int, float, int]]:
    """(step, when, threads) of every step that a fake did, twice if it was done twice."""
    path = runs / name / "steps.txt"
    lines = path.read_text().splitlines() if path.exists() else []
    return [
        (int(a), float(b), int(c)) for a, b, c in (line.split() for line in lines if line.count(" ") == 2)
    ]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_trainings_run_side_by_side_in_the_order_of_their_needs(start, tmp_path):
    jobs = [("late", [], ["b"]), ("a", [], []), ("b", [], ["a"]), ("free", ["--steps", "120"], [])]
    code, said = finished(start(jobs))
    assert code == 0 and said[-1] == {"time": said[-1]["time"], "event": "ended", "failed": []}
    spans = {name: [when for _, when, _ in steps(tmp_path, name)] for name, *_ in jobs}
    assert spans["a"][-1] < spans["b"][0] and spans["b"][-1] < spans["late"][0]
    assert spans["free"][0] < spans["a"][-1] and spans["a"][0] < spans["free"][-1]
    assert [[step for step, *_ in steps(tmp_path, name)] for name, *_ in jobs[:3]] == [list(range(1, 31))] * 3
    assert {threads for *_, threads in steps(tmp_path, "free")} == {1}
    assert {
        one["state"] for one in json.loads((tmp_path / "queue.json").read_text())["trainings"].values()
    } == {"done"}
    assert [event["name"] for event in said if event["event"] == "start"][:2] == ["a", "free"]


def test_one_lane_runs_one_at_a_time_with_all_threads(start, tmp_path):
    code, _ = finished(start([("a", [], []), ("b", [], [])], lanes=1))
    assert code == 0 and steps(tmp_path, "a")[-1][1] < steps(tmp_path, "b")[0][1]
    assert {threads for name in "ab" for *_, threads in steps(tmp_path, name)} == {2}


def test_what_is_done_is_not_done_again(start, tmp_path):
    assert finished(start([("a", [], [])]))[0] == 0
    code, said = finished(start([("a", [], []), ("b", [], ["a"])]))
    assert code == 0 and len(steps(tmp_path, "a")) == 30
    assert [event["name"] for event in said if event["event"] == "start"] == ["b"]


def test_the_last_one_goes_on_with_all_threads_and_loses_nothing(start, tmp_path):
    jobs = [("long", ["--steps", "400"], []), ("short", ["--steps", "20"], [])]
    code, said = finished(start(jobs, worth_it=0.5))
    did = steps(tmp_path, "long")
    assert code == 0 and [step for step, *_ in did] == list(range(1, 401))
    assert [threads for *_, threads in did] == sorted(threads for *_, threads in did)
    assert {did[0][2], did[-1][2]} == {1, 2}
    assert [event["event"] for event in said if event.get("name") == "long"] == [
        "start", "ask", "paused", "start", "done"
    ]  # fmt: skip


def test_a_failure_is_tried_three_times_and_the_rest_goes_on(start, tmp_path):
    jobs = [("bad", ["--fails", "9"], []), ("needs-bad", [], ["bad"]), ("good", [], [])]
    code, said = finished(start(jobs))
    assert code == 1 and said[-1]["failed"] == ["bad", "needs-bad"]
    tries = [float(line) for line in (tmp_path / "bad" / "tries.txt").read_text().splitlines()]
    assert len(tries) == 3 and tries[1] - tries[0] >= 0.2 and tries[2] - tries[1] >= 0.4
    about = json.loads((tmp_path / "queue.json").read_text())["trainings"]
    assert about["bad"]["state"] == "failed" and about["needs-bad"]["state"] == "blocked"
    assert about["bad"]["reason"] == "exit status 1: a line before | out of luck"
    assert about["good"]["state"] == "done" and not steps(tmp_path, "needs-bad")
    assert "bad: exit status 1" in queue.listing((queue.Training("bad", "m", 1, 1.0),), tmp_path, 1)


def test_a_failure_that_passes_is_no_matter(start, tmp_path):
    code, said = finished(start([("a", ["--fails", "2"], []), ("b", [], ["a"])]))
    assert code == 0 and [event["tries"] for event in said if event["event"] == "failed"] == [1, 2]
    assert len(steps(tmp_path, "b")) == 30


def test_sigterm_lets_the_trainings_save_and_they_go_on_where_they_were(start, tmp_path):
    jobs = [(name, ["--steps", "150", "--save-every", "99"], []) for name in ("a", "b")]
    first = start(jobs)
    until(lambda: all(len(steps(tmp_path, name)) > 5 for name in "ab"))
    first.terminate()
    code, said = finished(first)
    assert code == 0 and said[-1]["event"] == "stopped"
    assert 5 < read_progress(tmp_path / "a")["step"] < 150
    assert finished(start(jobs))[0] == 0
    for name in "ab":
        assert [step for step, *_ in steps(tmp_path, name)] == list(range(1, 151))


def test_who_does_not_hear_sigterm_is_ended(start, tmp_path):
    first = start([("a", ["--steps", "9999", "--deaf"], [])], grace=0.3)
    until(lambda: len(steps(tmp_path, "a")) > 2)
    first.terminate()
    code, said = finished(first)
    assert code == 0 and "kill" in [event["event"] for event in said]
    assert not is_locked(tmp_path / "a" / "lock")


def test_a_second_queue_and_a_second_training_say_so_in_a_sentence(start, tmp_path, monkeypatch):
    first = start([("text", ["--steps", "9999"], [])])
    until(lambda: len(steps(tmp_path, "text")) > 2)
    with pytest.raises(
        SystemExit, match=rf"^A queue is already running: process {first.pid} holds .*lock\.$"
    ):
        queue.main(["--runs", str(tmp_path), "--only", "text"])
    says = r"^The training text is already running: process \d+ holds"
    with pytest.raises(AlreadyRunning, match=says), running(tmp_path / "text"):
        pass
    assert "running" in queue.listing(queue.PLAN, tmp_path, 2).splitlines()[1]


def test_a_training_that_runs_elsewhere_is_waited_for(start, tmp_path):
    """As when a queue was killed, and its training still saves while the next queue starts."""
    with locked(tmp_path / "a" / "lock", "It"):
        second = start([("a", [], [])])
        until(lambda: (tmp_path / "queue.lock").exists())
        time.sleep(1.2)
        assert second.poll() is None and not steps(tmp_path, "a")
    code, said = finished(second)
    assert code == 0 and "failed" not in [event["event"] for event in said]


@pytest.mark.skipif(sys.platform != "linux", reason="prctl and autogroups are Linux's")
def test_trainings_die_with_the_queue_and_have_a_low_priority(start, tmp_path):
    first = start([("a", ["--steps", "9999", "--save-every", "99"], [])], nice=19)
    until(lambda: len(steps(tmp_path, "a")) > 5)
    pid = int((tmp_path / "a" / "lock").read_text())
    assert os.getsid(pid) == pid and os.getpriority(os.PRIO_PROCESS, pid) == 19
    autogroup = Path(f"/proc/{pid}/autogroup")
    if autogroup.exists() and autogroup.read_text():
        assert autogroup.read_text().split()[-1] == "19"
    first.kill()
    until(lambda: not alive(pid))
    assert read_progress(tmp_path / "a")["step"] == len(
        steps(tmp_path, "a")
    )  # it saved, though asked by none


@pytest.mark.parametrize("all_at_once", [True, False], ids=["with its trainings", "alone"])
def test_killed_at_five_random_moments_it_loses_at_most_what_was_not_saved(all_at_once, start, tmp_path):
    rng = random.Random(0)
    names, total = ("a", "b"), 300
    jobs = [(name, ["--steps", str(total), "--save-every", "0.1"], []) for name in names]
    lost = dict.fromkeys(names, 0)
    for _ in range(5):
        before = {name: len(steps(tmp_path, name)) for name in names}
        killed = start(jobs, waits=[0, 0])
        until(lambda b=before: all(len(steps(tmp_path, name)) > b[name] for name in names))
        time.sleep(rng.uniform(0, 0.35))
        pids = [int((tmp_path / name / "lock").read_text()) for name in names]
        killed.kill()
        for pid in pids if all_at_once else ():
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
        until(lambda p=pids: not any(map(alive, p)))
        for name in names:
            unsaved = steps(tmp_path, name)[-1][0] - read_progress(tmp_path / name)["step"]
            assert 0 <= unsaved <= 15  # 0.1 s of steps of 10 ms, and one more while it saves
            lost[name] += unsaved
    assert finished(start(jobs))[0] == 0
    for name in names:
        did = [step for step, *_ in steps(tmp_path, name)]
        assert sorted(set(did)) == list(range(1, total + 1))
        assert len(did) - total <= lost[name]


def test_the_plan_as_a_table(tmp_path, capsys):
    write_progress(tmp_path / "text", step=10, steps=10, samples=5000, seconds=7200, done=True)
    write_progress(tmp_path / "small", step=100, steps=400, samples=3200, seconds=3600.0)
    assert queue.main(["--runs", str(tmp_path), "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split() == ["text", "done", "5,000", "5,000", "2.0", "0.0"]
    assert lines[2].split() == ["small", "started", "3,200", "12,800", "1.0", "3.0", "text"]
    assert lines[5].split()[:4] == ["denoiser", "-", "0", "300,000"]
    assert lines[-1].startswith("3.0 hours of training are done; about ")


def test_dry_run_prints_the_commands_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    options = ["--out", "o", "--data", "d", "--mnist", "m"]
    assert queue.main([*options, "--only", "text", "small", "flow-class", "--dry-run"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "python -m emoji_model.train text --runs runs --out o --data d",
        "python -m emoji_model.train small --runs runs --out o --data d    # after text",
        f"python -m mnist_models.train flow-class --runs runs --out {Path('o/mnist')} --data m",
    ]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("only", "says"),
    [("smal", "There is no training 'smal', only text, small"), ("stage1", "needs small first")],
)
def test_what_cannot_be_queued_is_said(only, says, tmp_path):
    with pytest.raises(SystemExit, match=says):
        queue.main(["--runs", str(tmp_path), "--only", only, "--list"])


def test_the_plan_holds_together():
    names = [training.name for training in queue.PLAN]
    assert len(set(names)) == len(names)
    for k, training in enumerate(queue.PLAN):
        assert set(training.after) <= set(names[:k])


def test_the_end_of_a_log_is_of_this_try(tmp_path):
    log = tmp_path / "log.txt"
    log.write_text("earlier\n")
    start = log.stat().st_size
    assert lanes.last_lines(log, start) == "it said nothing"
    log.open("a").write("one\n\ntwo\nthree\nfour\n")
    assert lanes.last_lines(log, start) == "two | three | four"
