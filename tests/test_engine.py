"""One forward for everybody, nobody starves, nothing is lost, and a failure stays with its owner."""

import threading
from dataclasses import replace

import pytest
import torch
from fakes import TINY, FakeNetwork, alone, digits_of, fake_answer, finish, manual, played

from diffusion_core.estimates import Answer, Ask, Condition, given, guided
from diffusion_core.levels import Level, evenly, schedule, strided
from diffusion_core.loop import Step, denoise
from diffusion_core.models.network import Rows
from diffusion_core.samplers import Rng, ancestral
from diffusion_core.serving import engine as engine_module
from diffusion_core.serving.engine import Engine
from mnist_models import network as mnist

LEVELS = schedule("ddpm-linear")
OTHER = replace(TINY, name="other")
SPREAD = replace(TINY, name="spread", spread=True)


# one forward for everybody


def test_all_runs_share_one_forward_per_network_and_tick():
    fake, other = FakeNetwork(), FakeNetwork(OTHER)
    engine = manual(fake, other)
    runs = [engine.submit(digits_of((k, 3), seed=k), owner=str(k)) for k in range(3)]
    runs.append(engine.submit(digits_of((4,), card=OTHER), owner="0"))
    assert finish(engine) == 5 == len(fake.asked) == len(other.asked)
    assert {len(rows.labels) for rows in fake.asked} == {12} and engine.rows == 5 * 14
    assert all(run.done for run in runs)


def test_who_comes_later_joins_the_next_tick():
    fake = FakeNetwork()
    engine = manual(fake)
    engine.submit(digits_of(steps=4))
    engine.tick()
    engine.submit(digits_of(steps=4), owner="late")
    engine.tick()
    assert [len(rows.labels) for rows in fake.asked] == [2, 4]


def test_a_guided_pair_shares_its_x():
    fake = FakeNetwork()
    engine = manual(fake)
    engine.submit(digits_of((7, 8)))
    engine.submit(digits_of((9,), gamma=1.0, seed=5))
    engine.tick()
    (rows,) = fake.asked
    assert rows.x.shape == (3, 1, 4, 4) and rows.index.tolist() == [0, 1, 0, 1, 2]
    assert rows.labels == (None, None, 7, 8, 9) and rows.t.tolist() == [999] * 5


def test_rows_that_share_nothing_need_no_index():
    x = torch.randn(3, 1, 4, 4)
    rows = Rows.of([Ask("fake", x[k : k + 1], LEVELS[k], Condition((k,))) for k in range(3)])
    assert rows.index is None and torch.equal(rows.x, x) and rows.t.tolist() == [0, 1, 2]
    assert torch.equal(rows.spread_out(x), x)


@pytest.mark.parametrize("gamma", [1.0, 5.0])
def test_batched_is_alone_for_a_real_network(tiny_root, gamma):
    """float32, eight runs of different lengths, digits and models, against each by itself."""
    real = {card: mnist.load(card, "last", tiny_root, torch.float32) for card in ("flow-class", "ddpm-class")}
    networks = {network.card.name: network for network in real.values()}

    def runs():
        return [
            denoise(
                rng.normal(card.shape),
                strided(schedule(card.schedule), evenly(300, 4 + k)),
                guided(card, Condition((k,) * (k % 3 + 1)), Condition((None,) * (k % 3 + 1)), gamma),
                rng,
                solver=ancestral,
            )
            for k in range(8)
            for card, rng in [(list(real.values())[k % 2].card, Rng(range(k, k + k % 3 + 1)))]
        ]

    engine = Engine(networks.__getitem__, thread=False)
    served = [engine.submit(process, owner=str(k % 3)) for k, process in enumerate(runs())]
    finish(engine)
    for run, process in zip(served, runs()):
        expected = played(process, lambda ask: networks[ask.network].answer([ask])[0])[1]
        torch.testing.assert_close(run.result(), expected, rtol=1e-5, atol=1e-5)


# large and small


@pytest.mark.parametrize("rows_at_most", [1, 2, 5, 13, 64])
def test_large_asks_are_cut_and_put_together_in_order(rows_at_most):
    fake = FakeNetwork(rows_at_most=rows_at_most)
    engine = manual(fake)
    labels = [k % 10 for k in range(13)]
    run = engine.submit(digits_of(labels, steps=3))
    finish(engine)
    torch.testing.assert_close(run.result(), alone(digits_of(labels, steps=3)), rtol=0, atol=1e-6)
    assert max(len(rows.labels) for rows in fake.asked) <= rows_at_most
    assert fake.rows == 3 * 2 * 13


def test_what_belongs_to_a_row_is_cut_with_it():
    """The picture beside x, its noise level, and the learned spread."""
    fake = FakeNetwork(SPREAD, rows_at_most=4)
    engine = manual(fake)
    rng = Rng(range(7))
    beside = rng.normal((1, 4, 4))

    def process():
        cond = Condition(tuple(range(7)), beside, 0.25)
        return denoise(beside, strided(LEVELS, [900, 500]), given(SPREAD, cond), Rng(range(7)))

    run = engine.submit(process())
    finish(engine)
    expected = played(process(), lambda ask: FakeNetwork(SPREAD).answer([ask])[0])[1]
    torch.testing.assert_close(run.result(), expected, rtol=0, atol=1e-6)
    assert [len(rows.labels) for rows in fake.asked] == [4, 3, 4, 3]
    assert all(rows.noise.tolist() == [0.25] * len(rows.labels) for rows in fake.asked)


def test_an_engine_without_a_thread_is_drained_by_one_at_a_time():
    fake = FakeNetwork()
    engine = manual(fake)
    runs = [engine.submit(digits_of((k,), steps=40, seed=k), owner=str(k)) for k in range(4)]
    waiting = [threading.Thread(target=run.result) for run in runs]
    for each in waiting:
        each.start()
    for each in waiting:
        each.join(30)
    assert all(run.done for run in runs) and fake.rows == 4 * 40 * 2
    torch.testing.assert_close(runs[2].result(), alone(digits_of((2,), steps=40, seed=2)), rtol=0, atol=1e-6)


# fairness


def test_one_who_asks_for_much_does_not_starve_the_other():
    fake = FakeNetwork(rows_at_most=16)
    engine = manual(fake)
    for k in range(6):
        engine.submit(digits_of([1] * 50, steps=20, seed=k), owner="greedy")
    engine.tick()
    small = engine.submit(digits_of([2], steps=10), owner="modest")
    ticks = 0
    while not small.done:
        engine.tick()
        ticks += 1
    assert ticks <= 11
    assert engine.running == 6


def test_two_who_ask_for_as_much_get_as_much():
    fake = FakeNetwork(rows_at_most=10)
    engine = manual(fake)
    many = [engine.submit(digits_of([1] * 4, steps=30, seed=k), owner="many runs") for k in range(5)]
    one = engine.submit(digits_of([2] * 20, steps=30), owner="one run")
    for _ in range(40):
        engine.tick()
    assert not one.done and not any(run.done for run in many)
    labels = [label for rows in fake.asked for label in rows.labels if label is not None]
    assert labels.count(2) == pytest.approx(labels.count(1), rel=0.15)


def test_who_was_there_long_is_not_punished_by_a_newcomer():
    """A newcomer's clock starts with those being served, not at zero."""
    engine = manual(FakeNetwork(rows_at_most=4))
    old = engine.submit(digits_of([1] * 2, steps=60), owner="old")
    for _ in range(50):
        engine.tick()
    engine.submit(digits_of([2] * 2, steps=60), owner="new")
    ticks = 0
    while not old.done:
        engine.tick()
        ticks += 1
    assert ticks <= 22  # ten steps left, every other tick


# handing over


def test_every_step_is_handed_over_in_order():
    engine, steps = manual(FakeNetwork()), []
    run = engine.submit(digits_of(steps=10), hand=steps.append)
    engine.tick()
    assert [step.index for step in steps] == [0, 1] and not run.wait(0)
    finish(engine)
    assert [step.index for step in steps] == list(range(10)) and run.result().shape == (1, 1, 4, 4)


def test_a_hand_that_fails_fails_its_run_alone():
    engine = manual(FakeNetwork())
    bad, good = engine.submit(digits_of(), hand=lambda step: 1 / 0), engine.submit(digits_of())
    finish(engine)
    with pytest.raises(ZeroDivisionError):
        bad.result()
    assert good.result().shape == (1, 1, 4, 4)


def test_steps_without_asks_need_no_network():
    def free():
        for k in range(3):
            assert (yield Step(k, 3, Level(0, 1, 0), torch.full((1,), float(k)), None, [])) == []
        return torch.ones(1)

    engine = manual()
    run = engine.submit(free())
    engine.tick()
    assert run.done and torch.equal(run.result(), torch.ones(1)) and engine.ticks == 0


def test_eight_at_once_from_eight_threads():
    fake = FakeNetwork(rows_at_most=6)
    engine = Engine({"fake": fake}.__getitem__)
    wanted = [[k, (k + 1) % 10, 3][: k % 3 + 1] for k in range(8)]
    pictures, seen = {}, {}
    start = threading.Barrier(8)

    def visitor(k: int):
        start.wait()
        seen[k] = []
        hand = lambda step: seen[k].append(step.index)  # noqa: E731
        pictures[k] = engine.submit(digits_of(wanted[k], steps=30, seed=k), str(k), hand).result()

    threads = [threading.Thread(target=visitor, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    engine.close()
    for k in range(8):
        expected = alone(digits_of(wanted[k], steps=30, seed=k))
        torch.testing.assert_close(pictures[k], expected, rtol=0, atol=1e-6)
        assert seen[k] == list(range(30))


def test_the_engine_learns_what_a_row_costs(monkeypatch):
    now = 0.0

    class Slow(FakeNetwork):
        def forward(self, rows):
            nonlocal now
            now += 0.5 * len(rows.labels)
            return super().forward(rows)

    monkeypatch.setattr(engine_module.time, "perf_counter", lambda: now)
    engine = manual(Slow())
    for labels in ([1], [1] * 5):
        engine.submit(digits_of(labels))
        finish(engine)
        assert engine.row_seconds == {"fake": pytest.approx(0.5)}


def test_answers_are_rows_in_the_order_of_the_asks():
    x = torch.randn(3, 1, 4, 4)
    asks = [
        Ask("fake", x, LEVELS[5], Condition((1, 2, 3))),
        Ask("fake", x[1:2], LEVELS[9], Condition((None,))),
    ]
    answers = FakeNetwork().answer(asks)
    for answer, ask in zip(answers, asks):
        assert isinstance(answer, Answer) and answer.spread is None
        torch.testing.assert_close(answer.prediction, fake_answer(ask).prediction)
