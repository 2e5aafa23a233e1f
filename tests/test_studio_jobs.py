"""Jobs of the studio: frames, a result, a cost; who is gone leaves the engine; who waits stands in line."""

import threading
import time

import pytest
from fakes import FakeNetwork, digits_of, manual
from test_job import RECIPE, until

from diffusion_core.images import convert
from diffusion_core.serving.result import Cancelled, Frame, Result
from diffusion_core.serving.studio import Studio
from mnist_models import network


def test_a_job_of_the_studio_tells_frames_a_result_and_its_cost(fake_studio):
    job = fake_studio.start(RECIPE, "me")
    *frames, result = job.watch()
    assert isinstance(result, Result) and all(isinstance(each, Frame) for each in frames)
    assert job.state == "done" and job.result is result and job.thumbnail.startswith("data:image/jpeg")
    assert (job.cost.calls, job.cost.rows) == (4, 8) and fake_studio.jobs.get(job.id) is job
    assert isinstance(list(job.watch())[-1], Result)
    assert job.nbytes > result.nbytes > result.pictures.nbytes


def test_the_engine_makes_no_picture_and_no_film(fake_studio, monkeypatch):
    """It hands its tensors over: bytes and previews are made by the job, or by who reads it."""
    at = []
    for name in ("noisy_range", "to_picture"):
        usual = getattr(convert, name)
        monkeypatch.setattr(
            convert, name, lambda *a, u=usual: at.append(threading.current_thread().name) or u(*a)
        )
    *frames, result = fake_studio.start(RECIPE, "me").watch()
    frames[0].sheets(1)
    assert len(result.film) == 5 and at and "engine" not in at


class Slow(FakeNetwork):
    def forward(self, rows):
        time.sleep(0.02)
        return super().forward(rows)


@pytest.fixture
def slow_studio():
    studio, card = Studio(), network.card("flow-class", "last")
    studio.register(card, lambda: Slow(card))
    yield studio
    studio.engine.close()


def test_cancelling_leaves_the_engine_and_the_networks(slow_studio):
    job = slow_studio.start(RECIPE.changed(steps=300), "me")
    next(job.watch())
    assert slow_studio.engine.running == 1
    job.cancel()
    with pytest.raises(Cancelled):
        job.wait()
    until(lambda: slow_studio.engine.running == 0)
    assert len(slow_studio.network("mnist/flow-class/last").asked) < 100
    assert isinstance(slow_studio.start(RECIPE, "me").wait(), Result)


def test_one_who_is_gone_leaves_the_engine_too(slow_studio):
    job = slow_studio.start(RECIPE.changed(steps=300), "me", grace=0.1)
    until(lambda: job.ended)
    assert job.state == "cancelled"
    until(lambda: slow_studio.engine.running == 0)


def test_who_waits_in_line_knows_the_place(slow_studio):
    slow_studio.engine.served_at_most = 1
    first = slow_studio.start(RECIPE.changed(steps=100), "one")
    next(first.watch())
    waiting = [slow_studio.start(RECIPE, owner) for owner in ("two", "three")]
    until(lambda: sorted(job.place for job in waiting) == [1, 2])
    assert [job.state for job in waiting] == ["queued"] * 2 and first.place == 0
    first.cancel()
    assert all(isinstance(job.wait(), Result) for job in waiting)


# the line, and the engine without a thread


def test_more_than_are_served_wait_in_line_and_everybody_comes_first_once():
    engine = manual(FakeNetwork(), served_at_most=2)
    mine = [engine.submit(digits_of(steps=6, seed=k), owner="me") for k in range(3)]
    yours = engine.submit(digits_of(steps=6, seed=9), owner="you")
    assert [engine.place_of(run) for run in (*mine, yours)] == [1, 3, 4, 2] and engine.running == 4
    engine.tick()
    started = [run.started for run in (*mine, yours)]
    assert started == [True, False, False, True]  # your first comes before my second
    assert [engine.place_of(run) for run in (*mine, yours)] == [0, 1, 2, 0]
    yours.cancel()
    engine.tick()
    assert mine[1].started and not mine[2].started
    while engine.running:
        engine.tick()
    assert all(run.done for run in mine)


def test_an_engine_without_a_thread_is_drained_by_who_waits():
    before, steps = threading.active_count(), []
    engine = manual(FakeNetwork())
    run = engine.submit(digits_of(steps=5), hand=steps.append)
    other = engine.submit(digits_of(steps=5, seed=2))
    assert run.result().shape == (1, 1, 4, 4)
    assert [step.index for step in steps] == [0, 1, 2, 3, 4]
    assert other.result().shape == (1, 1, 4, 4) and threading.active_count() == before
