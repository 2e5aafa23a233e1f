"""News reach every reader, runs go on without their page for a while, and nobody computes for nobody."""

import contextvars
import threading
import time

import pytest
from fakes import FakeNetwork, digits_of, manual

from diffusion_core.recipes import Recipe
from diffusion_core.serving.jobs import Development, Developments
from diffusion_core.serving.result import Frame, Result
from diffusion_core.serving.run import Cancelled, Mailbox

RECIPE = Recipe.of("mnist-sample", digits="3", steps=4)
SECOND = contextvars.ContextVar("second", default="nobody")


# the mailbox


def test_a_slow_reader_gets_the_newest_and_never_misses_the_last():
    box = Mailbox()
    reader = iter(box)
    box.put(1)
    assert next(reader) == 1
    for k in range(2, 100):
        box.put(k)
    box.end()
    assert list(reader) == [99]
    assert list(box) == [99]  # who comes later still hears the last


def test_every_reader_hears_the_end_whatever_it_was():
    box = Mailbox()
    heard = []

    def read():
        try:
            heard.append(list(box))
        except ValueError as error:
            heard.append(str(error))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for each in readers:
        each.start()
    box.end(error=ValueError("the network is gone"))
    for each in readers:
        each.join(5)
    assert heard == ["the network is gone"] * 3
    with pytest.raises(ValueError, match="gone"):
        box.result()


def test_a_watched_mailbox_says_that_nothing_came():
    box = Mailbox()
    news = box.watched(seconds=0.01)
    assert next(news) is None
    box.put("a step")
    assert next(news) == "a step"
    assert next(news) is None
    box.end(result="picture")
    assert list(news) == [] and box.result() == "picture"


# developments


class Kept(dict):
    """Where developments put what they have made."""

    def __call__(self, made, end):
        self[made.id] = end


def until(true, seconds=10.0):
    end = time.monotonic() + seconds
    while not true() and time.monotonic() < end:
        time.sleep(0.01)
    assert true()


def test_a_run_is_found_by_its_id_and_read_twice(fake_studio):
    kept = Kept()
    developments, made = Developments(kept), Development(RECIPE)
    developments.start(made, lambda stop: fake_studio.run(RECIPE, "me", stop))
    *frames, result = made.news
    assert isinstance(result, Result) and all(isinstance(each, Frame) for each in frames)
    assert kept == {made.id: result}
    assert list(made.news) == [result]  # a second page of the same visit
    until(lambda: len(developments) == 0)
    assert developments.get(made.id) is None and developments.get(None) is None


def slowly(stop, steps=10_000):
    """A run without end, that tells of every step."""
    for k in range(steps):
        if stop.asked:
            raise Cancelled
        time.sleep(0.005)
        yield k


def test_a_run_goes_on_without_its_page_and_is_taken_up_again():
    developments, made = Developments(Kept(), grace=30), Development(RECIPE)
    developments.start(made, slowly)
    page = iter(made.news)
    before = next(page)
    page.close()  # the phone is locked
    time.sleep(0.1)
    assert next(iter(developments.get(made.id).news)) > before
    made.stop.now()
    with pytest.raises(Cancelled):
        list(made.news)


def test_nobody_computes_for_nobody():
    kept = Kept()
    developments, made = Developments(kept, grace=0.2), Development(RECIPE)
    began = time.monotonic()
    developments.start(made, slowly)
    news = iter(made.news)
    while time.monotonic() - began < 0.6:  # longer than the grace, but watched
        next(news)
    assert developments.get(made.id)
    until(lambda: made.id in kept)
    assert isinstance(kept[made.id], Cancelled) and len(developments) == 0


def test_a_failure_is_kept_and_told():
    def fails(stop):
        yield 1 / 0

    kept = Kept()
    developments, made = Developments(kept), Development(RECIPE)
    developments.start(made, fails)
    with pytest.raises(ZeroDivisionError):
        list(made.news)
    assert isinstance(kept[made.id], ZeroDivisionError) and len(developments) == 0


def test_readers_hear_the_end_even_if_it_cannot_be_kept(fake_studio):
    def full(made, end):
        raise MemoryError

    threading.excepthook, usual = lambda args: None, threading.excepthook
    try:
        developments, made = Developments(full), Development(RECIPE)
        developments.start(made, lambda stop: fake_studio.run(RECIPE, "me", stop))
        assert isinstance(list(made.news)[-1], Result)
    finally:
        threading.excepthook = usual


def test_a_run_keeps_the_context_it_was_begun_in():
    """ZeroGPU counts seconds for the visitor whose request it finds in the context."""
    SECOND.set("somebody")
    found = []

    def run(stop):
        found.append(SECOND.get())
        yield 1

    made = Development(RECIPE)
    Developments(Kept()).start(made, run)
    with pytest.raises(Cancelled):  # it ended without a picture
        list(made.news)
    assert found == ["somebody"]


# the line, and the engine without a thread


def test_more_than_are_served_wait_in_line_and_everybody_comes_first_once():
    engine = manual(FakeNetwork(), served_at_most=2)
    mine = [engine.submit(digits_of(steps=6, seed=k), owner="me") for k in range(3)]
    yours = engine.submit(digits_of(steps=6, seed=9), owner="you")
    assert engine.place_of("me") == 1 and engine.running == 4
    engine.tick()
    started = [run.started for run in (*mine, yours)]
    assert started == [True, False, False, True]  # your first comes before my second
    assert (engine.place_of("me"), engine.place_of("you"), engine.place_of("nobody")) == (1, 0, 0)
    yours.cancel()
    engine.tick()
    assert mine[1].started and not mine[2].started
    while engine.running:
        engine.tick()
    assert all(run.done for run in mine)


def test_an_engine_without_a_thread_is_drained_by_who_waits():
    before = threading.active_count()
    engine = manual(FakeNetwork())
    run, other = engine.submit(digits_of(steps=5)), engine.submit(digits_of(steps=5, seed=2))
    steps = list(run)
    assert [step.index for step in steps] == [1, 2, 3, 4]  # the newest after each tick
    assert other.result().shape == (1, 1, 4, 4) and threading.active_count() == before
