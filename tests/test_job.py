"""A job: its states, its readers, what is left of it, and who hears of its end."""

import contextvars
import threading
import time

import pytest

from diffusion_core.recipes import Recipe
from diffusion_core.serving.job import Job, Jobs
from diffusion_core.serving.result import Cancelled

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
