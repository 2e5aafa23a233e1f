"""A job: its states, its readers, what is left of it, and who hears of its end."""

import contextvars
import threading
import time

import pytest
from fakes import FakeNetwork, digits_of, manual

from diffusion_core.recipes import Recipe
from diffusion_core.serving.job import Job, Jobs, Mailbox
from diffusion_core.serving.result import Cancelled, Frame, Result
from diffusion_core.serving.studio import Studio
from mnist_models import network

RECIPE = Recipe.of("mnist-sample", digits="3", steps=4)
SOMEBODY = contextvars.ContextVar("somebody", default="nobody")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self):
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Sum:
    """The least that a job may end with."""

    recipe = RECIPE

    def __init__(self, nbytes: int = 100):
        self.nbytes = nbytes

    def thumbnail(self) -> str:
        return "data:,small"


class Step:
    """A maker that goes on when a test says so: number after number, then what `end` says."""

    def __init__(self, end=None):
        self.end = end or (lambda: Sum())
        self.go, self.there = threading.Semaphore(0), threading.Semaphore(0)
        self.told = 0

    def __call__(self, job: Job):
        while self.go.acquire(timeout=20) and self.told >= 0:
            job.check()
            self.told += 1
            job.put(self.told)
            self.there.release()
        return self.end()

    def steps(self, count: int = 1) -> None:
        for _ in range(count):
            self.go.release()
            assert self.there.acquire(timeout=20)

    def finish(self) -> None:
        self.told = -1
        self.go.release()


def until(true, seconds=20.0):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.005)
    assert true()


# the mailbox


def test_a_slow_reader_gets_the_newest_and_never_misses_the_last():
    box = Mailbox()
    reader = box.watched()
    box.put(1)
    assert next(reader) == 1
    for k in range(2, 100):
        box.put(k)
    box.end()
    assert list(reader) == [99]
    assert list(box.watched()) == [99]  # who comes later still hears the last


def test_every_reader_hears_the_end_whatever_it_was():
    box, heard = Mailbox(), []

    def read():
        try:
            heard.append(list(box.watched()))
        except ValueError as error:
            heard.append(str(error))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for each in readers:
        each.start()
    until(lambda: box.readers == 3)
    box.end(error=ValueError("the network is gone"))
    for each in readers:
        each.join(5)
    assert heard == ["the network is gone"] * 3 and box.readers == 0


def test_a_watched_mailbox_says_that_nothing_came():
    box = Mailbox()
    news = box.watched(seconds=0.01)
    assert next(news) is None
    box.put("a step")
    assert next(news) == "a step"
    assert next(news) is None
    box.end()
    assert list(news) == []


# states


def test_a_job_is_queued_then_running_then_done():
    jobs, maker = Jobs(), Step()
    job = jobs.start(RECIPE, "me", maker)
    assert (job.state, job.latest, job.place, len(jobs)) == ("queued", None, 0, 1)
    assert job.recipe is RECIPE and job.owner == "me" and jobs.get(job.id) is job
    maker.steps(2)
    assert (job.state, job.latest) == ("running", 2)
    maker.finish()
    result = job.wait()
    assert (job.state, job.error, job.thumbnail) == ("done", None, "data:,small")
    assert job.result is result and isinstance(result, Sum)
    assert list(job.watch()) == [2, result]  # a second page of the same visit
    job.cancel()
    assert job.state == "done" and jobs.get(job.id) is job and len(jobs) == 0


def test_a_job_that_is_cancelled_says_so_to_whoever_reads():
    jobs, maker = Jobs(), Step()
    job = jobs.start(RECIPE, "me", maker)
    maker.steps()
    job.cancel()
    job.cancel()
    maker.go.release()
    with pytest.raises(Cancelled):
        job.wait()
    with pytest.raises(Cancelled):
        list(job.watch())
    assert job.state == "cancelled" and job.result is None and jobs.get(job.id) is job


def test_what_is_attached_late_is_cancelled_at_once():
    heard, job = [], Job(RECIPE)
    job.attach(lambda: heard.append("first"))
    job.cancel()
    job.attach(lambda: heard.append("second"), place=lambda: 3)
    assert heard == ["first", "second"] and job.place == 3


@pytest.mark.parametrize("wrong", [ZeroDivisionError("mine"), SystemExit(1)])
def test_a_failure_is_told_and_kept(wrong):
    def fails(job):
        raise wrong

    jobs = Jobs()
    job = jobs.start(RECIPE, "me", fails)
    for _ in range(2):
        with pytest.raises(type(wrong)):
            job.wait()
    assert job.state == "failed" and job.error is wrong and jobs.get(job.id) is job


def test_what_a_failure_held_is_not_kept_for_the_sake_of_its_words():
    class Weights:
        there = True

        def __del__(self):
            Weights.there = False

    def fails(job):
        weights = Weights()
        raise ValueError(weights.there)

    job = Jobs().start(RECIPE, "me", fails)
    with pytest.raises(ValueError, match="True"):
        job.wait()
    assert not Weights.there


def test_readers_hear_the_end_even_if_it_cannot_be_kept(monkeypatch):
    jobs = Jobs()
    monkeypatch.setattr(threading, "excepthook", lambda args: None)
    maker = Step(end=lambda: Sum(None))  # whose bytes cannot be counted
    job = jobs.start(RECIPE, "me", maker)
    maker.finish()
    assert isinstance(job.wait(), Sum) and len(jobs) == 0


def test_a_job_keeps_the_context_it_was_begun_in():
    """ZeroGPU counts seconds for the visitor whose request it finds in the context."""
    SOMEBODY.set("me")
    found = []

    def make(job):
        found.append(SOMEBODY.get())
        return Sum()

    Jobs().start(RECIPE, "me", make).wait()
    assert found == ["me"]


# readers


def test_a_slow_reader_of_a_job_gets_the_newest_frame():
    jobs, maker = Jobs(), Step()
    job = jobs.start(RECIPE, "me", maker)
    maker.steps()
    reader = job.watch()
    assert next(reader) == 1 and job.readers == 1
    maker.steps(50)
    assert next(reader) == 51
    reader.close()
    assert job.readers == 0
    maker.finish()
    job.wait()


def test_readers_see_news_as_they_may_be_seen():
    jobs, maker = Jobs(), Step()
    job = jobs.start(RECIPE, "me", maker)
    job.look = lambda number: -number
    maker.steps(3)
    assert job.latest == -3 and next(job.watch()) == -3
    maker.finish()
    job.wait()


def test_a_job_goes_on_for_so_long_after_its_last_reader_has_gone():
    clock, maker = Clock(), Step()
    jobs = Jobs(clock=clock)
    job = jobs.start(RECIPE, "me", maker, grace=120)
    reader = job.watch()
    for k in range(4):  # read all the while
        clock.now += 100
        maker.go.release()
        maker.there.acquire(timeout=20)
        assert next(reader) == k + 1
    reader.close()  # the phone is locked
    clock.now += 119
    maker.steps()
    again = jobs.get(job.id).watch()
    assert next(again) == 5  # and here it is once more
    again.close()
    clock.now += 121
    maker.go.release()
    until(lambda: job.ended)
    assert job.state == "cancelled"


def test_who_waits_for_the_result_reads_too():
    clock, maker, made = Clock(), Step(), []
    job = Jobs(clock=clock).start(RECIPE, "me", maker, grace=1)
    reader = threading.Thread(target=lambda: made.append(job.wait()))
    reader.start()
    until(lambda: job.readers == 1)
    for _ in range(3):
        clock.now += 5
        until(lambda: job.last_read == clock.now)
        maker.steps()
    maker.finish()
    reader.join(20)
    assert made == [job.result]


# what is kept


def ended(jobs: Jobs, nbytes: int) -> Job:
    job = jobs.start(RECIPE, "me", lambda job: Sum(nbytes))
    job.wait()
    return job


def test_results_make_room_by_bytes_those_used_longest_ago_first():
    jobs = Jobs(room=130_000)
    one, two, three = (ended(jobs, 30_000) for _ in range(3))
    assert jobs.get(one.id).result is not None  # used once more
    four = ended(jobs, 30_000)
    assert [job.result is not None for job in (one, two, three, four)] == [True, False, True, True]
    assert jobs.get(two.id) is two and two.state == "done", "its settings and its small picture stay"
    assert two.thumbnail and two.recipe is RECIPE and list(two.watch()) == []


def test_a_result_goes_even_if_it_has_no_small_picture(monkeypatch):
    monkeypatch.setattr(Sum, "thumbnail", lambda self: 1 / 0)
    jobs = Jobs(room=50_000)
    first, _ = ended(jobs, 30_000), ended(jobs, 30_000)
    assert first.result is None and first.thumbnail == ""


def test_one_that_is_too_large_stays_alone():
    jobs = Jobs(room=50_000)
    small, large = ended(jobs, 30_000), ended(jobs, 10**9)
    assert large.result is not None and jobs.get(large.id) is large and small.result is None
    after = ended(jobs, 100)
    assert after.result is not None and large.result is None


def test_jobs_without_results_go_at_last_and_those_under_way_never():
    jobs, maker = Jobs(room=400_000), Step()
    under_way = jobs.start(RECIPE, "me", maker)
    first = ended(jobs, 10)
    many = [ended(jobs, 10) for _ in range(200)]
    assert jobs.get(first.id) is None and jobs.get(many[-1].id).result is not None
    assert sum(jobs.get(job.id) is not None for job in many) < 60
    assert jobs.get(under_way.id) is under_way
    maker.finish()
    assert under_way.wait() is under_way.result and jobs.get(under_way.id) is under_way


def test_a_job_that_nobody_looks_for_is_forgotten_with_its_end():
    jobs = Jobs()
    job = jobs.start(RECIPE, "me", lambda job: Sum(), keep=False)
    assert isinstance(job.wait(), Sum)
    assert jobs.get(job.id) is None and jobs.get(None) is None and jobs.get("nobody") is None


def test_closing_ends_what_is_under_way():
    def works(job):
        while True:
            time.sleep(0.005)
            job.check()

    jobs = Jobs()
    made = [jobs.start(RECIPE, "me", works) for _ in range(3)]
    jobs.close()
    assert [job.state for job in made] == ["cancelled"] * 3 and len(jobs) == 0


# a job of the studio


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
        from diffusion_core.images import convert

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
