"""Whoever leaves frees the slot, a failure stays with its owner, and full memory loses nothing."""

import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fakes import TINY, FakeNetwork, alone, digits_of, finish, manual

from diffusion_core.estimates import Ask, Condition
from diffusion_core.levels import schedule
from diffusion_core.loop import Step
from diffusion_core.processes import together
from diffusion_core.serving import engine as engine_module
from diffusion_core.serving.engine import Busy, Engine, OutOfMemory
from diffusion_core.serving.result import Cancelled

LEVELS = schedule("ddpm-linear")
OTHER = replace(TINY, name="other")


# leaving


def test_cancelling_frees_the_slot_at_the_next_tick():
    closed = []

    def watched():
        try:
            yield from digits_of(steps=50)
        finally:
            closed.append(True)

    fake = FakeNetwork()
    engine = manual(fake, runs_at_most=1)
    run = engine.submit(watched())
    engine.tick()
    with pytest.raises(Busy, match=r"1 pictures are being made right now. Try again in a moment"):
        engine.submit(digits_of())
    run.cancel()
    run.cancel()
    engine.tick()
    assert closed == [True] and engine.running == 0 and len(fake.asked) == 1
    with pytest.raises(Cancelled):
        run.result()
    engine.submit(digits_of())


def test_closing_ends_the_thread_and_whoever_waits():
    class Slow(FakeNetwork):
        def forward(self, rows):
            time.sleep(0.01)
            return super().forward(rows)

    before = set(threading.enumerate())
    engine = Engine({"fake": Slow()}.__getitem__)
    started = threading.Event()
    run = engine.submit(digits_of(steps=1000), hand=lambda step: started.set())
    assert started.wait(20)
    assert len(set(threading.enumerate()) - before) == 1
    engine.close()
    with pytest.raises(Cancelled):
        run.result()
    with pytest.raises(Busy, match="closing"):
        engine.submit(digits_of())
    assert set(threading.enumerate()) <= before
    engine.close()


def test_python_ends_while_an_engine_works():
    """A thread inside torch while the interpreter goes would abort it: 'terminate called ...'."""
    program = """
        import threading
        import torch
        from fakes import FakeNetwork, digits_of
        from diffusion_core.serving.engine import Engine

        class Heavy(FakeNetwork):
            def forward(self, rows):
                torch.nn.functional.conv2d(torch.randn(8, 64, 56, 56), torch.randn(64, 64, 3, 3))
                return super().forward(rows)

        started = threading.Event()
        engine = Engine({"fake": Heavy()}.__getitem__)
        engine.submit(digits_of(steps=1000), hand=lambda step: started.set())
        started.wait()
        print("leaving")
    """
    tests = Path(__file__).parent
    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={"PYTHONPATH": f"{tests}:{tests.parent}", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "leaving\n", "")


# failing


def test_a_process_that_fails_fails_alone():
    def broken():
        process = digits_of()
        yield next(process)
        raise ZeroDivisionError("mine")

    def broken_at_once():
        raise KeyError("before the first step")
        yield

    engine = manual(FakeNetwork())
    good, bad, worse = engine.submit(digits_of()), engine.submit(broken()), engine.submit(broken_at_once())
    finish(engine)
    torch.testing.assert_close(good.result(), alone(digits_of()), rtol=0, atol=1e-6)
    with pytest.raises(ZeroDivisionError, match="mine"):
        bad.result()
    with pytest.raises(KeyError):
        worse.result()


def test_an_ask_that_fails_fails_alone():
    fake = FakeNetwork(bad=13)
    engine = manual(fake, FakeNetwork(OTHER))
    good = [engine.submit(digits_of((k,), seed=k), owner=str(k)) for k in range(3)]
    bad = engine.submit(together(digits_of((13,)), digits_of((1,), card=OTHER)), owner="1")
    unknown = engine.submit(digits_of(card=replace(TINY, name="nobody")))
    finish(engine)
    for k, run in enumerate(good):
        torch.testing.assert_close(run.result(), alone(digits_of((k,), seed=k)), rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="no such label: 13"):
        bad.result()
    with pytest.raises(KeyError, match="nobody"):
        unknown.result()


def test_an_ask_of_no_rows_does_not_bring_the_engine_down():
    def empty():
        yield Step(0, 1, LEVELS[5], torch.zeros(1), None, [])
        answers = yield Step(
            1,
            2,
            LEVELS[5],
            torch.zeros(1),
            None,
            [Ask("fake", torch.zeros(0, 1, 4, 4), LEVELS[5], Condition(()))],
        )
        return answers[0].prediction

    engine = manual(FakeNetwork())
    odd, good = engine.submit(empty()), engine.submit(digits_of())
    finish(engine)
    assert odd.done and good.result().shape == (1, 1, 4, 4)


def test_a_network_that_could_not_be_opened_at_first_is_asked_again():
    """Its run was told so; who comes next finds it mended."""
    broken = True

    def open_network(name):
        if broken:
            raise OSError("the disk is away")
        return FakeNetwork()

    engine = Engine(open_network, thread=False)
    early = engine.submit(digits_of((1, 2)))
    finish(engine)
    with pytest.raises(OSError, match="the disk is away"):
        early.result()
    broken = False
    later = engine.submit(digits_of((1, 2)))
    finish(engine)
    torch.testing.assert_close(later.result(), alone(digits_of((1, 2))), rtol=0, atol=1e-6)


def test_a_fault_of_the_engine_reaches_who_waits(monkeypatch):
    """A bug must not leave people waiting for ever for a thread that has died."""
    engine = Engine({"fake": FakeNetwork()}.__getitem__)
    monkeypatch.setattr(engine, "_gather", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        engine.submit(digits_of()).result()
    monkeypatch.undo()
    assert engine.submit(digits_of()).result().shape == (1, 1, 4, 4)
    engine.close()


# memory


@pytest.mark.parametrize("memory", [1, 3, 7])
def test_out_of_memory_halves_and_loses_nothing(memory):
    fake = FakeNetwork(memory=memory)
    engine = manual(fake)
    wanted = [[1, 2, 3, 4], [5], [6, 7]]
    runs = [engine.submit(digits_of(labels, seed=k), owner=str(k)) for k, labels in enumerate(wanted)]
    finish(engine)
    for k, (run, labels) in enumerate(zip(runs, wanted)):
        torch.testing.assert_close(run.result(), alone(digits_of(labels, seed=k)), rtol=0, atol=1e-6)
    assert max(len(rows.labels) for rows in fake.asked) <= memory
    assert fake.rows == 5 * 2 * 7  # nothing was answered twice


def test_where_no_row_fits_it_says_so_and_others_go_on():
    engine = manual(FakeNetwork(memory=0), FakeNetwork(OTHER))
    large, small = engine.submit(digits_of((1, 2))), engine.submit(digits_of(card=OTHER))
    finish(engine)
    with pytest.raises(OutOfMemory, match=r"not even one picture fits.*Choose a smaller model"):
        large.result()
    assert small.result().shape == (1, 1, 4, 4)


def test_memory_that_came_back_is_used_again(monkeypatch):
    monkeypatch.setattr(engine_module, "CALM", 5)
    fake = FakeNetwork(memory=2, rows_at_most=8)
    engine = manual(fake)
    engine.submit(digits_of([1] * 8, steps=40))
    for _ in range(8):
        engine.tick()
    assert {len(rows.labels) for rows in fake.asked} == {2}
    fake.memory = None
    for _ in range(30):
        engine.tick()
    assert len(fake.asked[-1].labels) == 8
