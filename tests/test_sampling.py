"""Every step equals the paper's equation and diffusers' scheduler; the loop walks, counts and never mixes."""

import math
from itertools import pairwise

import pytest
import torch
from fakes import TINY, fake_answer, played, says

from diffusion_core import samplers
from diffusion_core.estimates import Answer, Card, Condition, eps_from, given, guided
from diffusion_core.levels import CLEAN, Level, evenly, leading, noised, rectified_levels, schedule, strided
from diffusion_core.loop import ask_once, denoise
from diffusion_core.processes import together
from diffusion_core.samplers import Rng, ancestral, climb, ddim, dpmpp_2m, euler

LEVELS = schedule("ddpm-linear")
COSINE = schedule("if-cosine")
SEEDS = (5, 6, 7)
NULL, CAT = Condition((None,) * 3), Condition((1, 2, 3))
LEARNED = Card("fake", "eps", (1, 4, 4), "if-cosine", spread=True)
FLOW = Card("fake", "velocity", (1, 4, 4), "rectified")
COURSE = list(range(990, -1, -30))


def noise(shape=(1, 4, 4), seeds=SEEDS):
    return Rng(seeds).normal(shape)


def sampled(path, card=TINY, seeds=SEEDS, **options):
    """The end of a run with a fake network, from the noise of the seeds."""
    rng, cond = Rng(seeds), Condition((None,) * len(seeds))
    return played(denoise(rng.normal(card.shape), path, given(card, cond), rng, **options), fake_answer)[1]


# one step


@pytest.mark.parametrize("here, there", [(999, 998), (990, 960), (500, 250), (30, 0), (1, 0)])
def test_ancestral_is_the_ddpm_posterior(here, there):
    """Ho et al. 2020, eq. 6 and 7, with the strided alpha_t = abar_t / abar_t'."""
    abar, abar_prev = COSINE[here].alpha ** 2, COSINE[there].alpha ** 2
    alpha, beta = abar / abar_prev, 1 - abar / abar_prev
    x, x0 = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64)
    mean = math.sqrt(abar_prev) * beta / (1 - abar) * x0 + math.sqrt(alpha) * (1 - abar_prev) / (1 - abar) * x
    variance = (1 - abar_prev) / (1 - abar) * beta
    ours = ancestral(x, x0, COSINE[here], COSINE[there], None, Rng(SEEDS))
    torch.testing.assert_close(ours, mean + math.sqrt(variance) * noise(), rtol=0, atol=1e-6)


def test_the_learned_spread_runs_from_beta_tilde_to_beta():
    """Nichol and Dhariwal 2021, eq. 15."""
    here, there = COSINE[600], COSINE[570]
    x, x0 = torch.randn(2, 3, 1, 4, 4, dtype=torch.float64)
    towards_x0, towards_x, small, beta = samplers.posterior(here, there)
    mean = towards_x0 * x0 + towards_x * x
    assert beta == pytest.approx(1 - here.alpha**2 / there.alpha**2, rel=1e-9) and small < beta
    for v, variance in ((-1.0, small), (1.0, beta), (0.0, math.sqrt(small * beta))):
        drawn = ancestral(x, x0, here, there, torch.full_like(x, v), Rng(SEEDS))
        torch.testing.assert_close(drawn, mean + math.sqrt(variance) * noise(), rtol=0, atol=1e-6)


@pytest.mark.parametrize("eta", [0.0, 0.4, 1.0])
def test_ddim_keeps_what_the_level_promises(eta):
    """x_t' = alpha' x0 + sigma' (unit noise): the share of old and of new noise adds up to sigma'."""
    here, there = LEVELS[600], LEVELS[300]
    x0, eps, zeros = torch.randn(1, 1, 4, 4), torch.randn(1, 1, 4, 4), torch.zeros(1, 1, 4, 4)

    def step(x0, eps):
        return ddim(eta)(noised(x0, here, eps), x0, here, there, None, Rng([5]))

    fresh = step(zeros, zeros) / noise(seeds=[5])
    old = (step(zeros, eps) - step(zeros, zeros)) / eps
    torch.testing.assert_close(fresh**2 + old**2, torch.full_like(fresh, there.sigma**2), rtol=1e-4, atol=0)
    torch.testing.assert_close(step(x0, zeros) - step(zeros, zeros), there.alpha * x0, rtol=0, atol=1e-6)
    assert (fresh.abs().max() == 0) == (eta == 0)


def test_ddim_with_eta_1_is_ancestral():
    path = strided(LEVELS, leading(1000, 20))
    torch.testing.assert_close(sampled(path, solver=ddim(1.0)), sampled(path), rtol=1e-5, atol=1e-5)


def test_ddim_on_a_straight_path_is_euler():
    path = rectified_levels(10)
    straight = sampled(path, FLOW, solver=euler)
    torch.testing.assert_close(sampled(path, FLOW, solver=ddim()), straight, rtol=0, atol=1e-5)
    x = noise()
    for k in range(10):  # Euler, as a student writes it
        x = x + says(x, torch.full((3,), k / 10), (None,) * 3) / 10
    torch.testing.assert_close(straight, x, rtol=0, atol=1e-5)


def test_climbing_and_coming_back_keeps_the_marginal():
    """q(x_there) q(x_here | x_there) is the joint law both ways: x stays alpha x0 + sigma (unit noise)."""
    count, x0 = 200_000, 1.7
    low, high, rng = LEVELS[200], LEVELS[600], Rng([1])
    x = low.alpha * x0 + low.sigma * rng.normal((1, 1, count))
    up = climb(x, low, high, rng)
    down = ancestral(up, torch.full_like(up, x0), high, low, None, rng)
    for level, values in ((high, up), (low, down)):
        assert values.mean().item() == pytest.approx(level.alpha * x0, abs=0.01)
        assert values.std().item() == pytest.approx(level.sigma, rel=0.01)
    kept = torch.corrcoef(torch.stack([x.flatten(), up.flatten()]))[0, 1].item()
    assert kept == pytest.approx(high.alpha / low.alpha * low.sigma / high.sigma, abs=0.01)


# against the exact solution


@pytest.mark.parametrize("solver, order", [(dpmpp_2m, 2), (ddim, 1)])
def test_order_of_convergence_on_gaussian_data(solver, order):
    """With x0 ~ N(0, s^2) the ODE has the solution x_t = x_T sqrt(v_t / v_T), v = alpha^2 s^2 + sigma^2."""
    s = 0.5

    def level(log_snr: float) -> Level:
        alpha = math.sqrt(1 / (1 + math.exp(-2 * log_snr)))
        return Level(log_snr, alpha, math.sqrt(1 - alpha**2))

    def variance(level: Level) -> float:
        return (level.alpha * s) ** 2 + level.sigma**2

    def exact(ask) -> Answer:
        return Answer(ask.level.alpha * s**2 / variance(ask.level) * ask.x)

    def error(steps: int) -> float:
        path = [level(-3 + 6 * k / steps) for k in range(steps + 1)]
        card = Card("fake", "x0", (1, 1, 1), "cosine")
        process = denoise(
            torch.ones(1, 1, 1, 1, dtype=torch.float64),
            path,
            given(card, Condition((None,))),
            Rng([0]),
            solver=solver(),
        )
        return abs(played(process, exact)[1].item() - math.sqrt(variance(path[-1]) / variance(path[0])))

    rate = math.log2(error(40) / error(80))
    assert rate == pytest.approx(order, abs=0.25)


# noise


def test_a_row_of_noise_is_its_seeds_own():
    alone = Rng([6])
    among = Rng(SEEDS)
    for _ in range(3):
        assert torch.equal(among.normal((1, 4, 4))[1], alone.normal((1, 4, 4))[0])
    assert not torch.equal(noise()[0], noise()[1])


def test_a_picture_does_not_depend_on_its_neighbours():
    path = strided(LEVELS, leading(1000, 12))
    assert torch.equal(sampled(path)[1:2], sampled(path, seeds=[6]))


# the loop


def test_steps_say_where_the_run_stands():
    path = rectified_levels(5)
    steps, _ = played(denoise(noise(), path, given(FLOW, NULL), Rng(SEEDS), solver=euler), fake_answer)
    assert [(step.index, step.of, step.level) for step in steps] == [(k, 5, path[k]) for k in range(5)]
    assert steps[0].x0 is None and torch.equal(steps[0].x, noise())
    for before, after in pairwise(steps):
        x0 = before.x + before.level.sigma * fake_answer(before.asks[0]).prediction
        torch.testing.assert_close(after.x0, x0)


def test_the_constraint_is_applied_at_every_level_reached():
    path, reached = rectified_levels(4), []

    def hold(x, level):
        reached.append(level)
        return torch.where(torch.arange(4) < 2, noised(torch.ones_like(x), level, noise()), x)

    end = sampled(path, FLOW, solver=euler, constrain=hold)
    assert reached == path[1:]
    assert torch.equal(end[..., :2], torch.ones(3, 1, 4, 2)) and not (end[..., 2:] == 1).any()


def test_the_threshold_stands_between_the_estimate_and_the_solver():
    path = rectified_levels(4)
    free = sampled(path, FLOW, solver=euler)
    held = sampled(path, FLOW, solver=euler, threshold=samplers.clip(0.0, 0.1))
    assert free.abs().max() > 0.5 and held.min() >= 0 and held.max() <= 0.1 + 1e-6


def test_repaint_climbs_without_asking():
    """Down three, up two, down again: five questions, and noise of the run's own in between."""
    a, b, c = LEVELS[900], LEVELS[600], LEVELS[300]
    steps, end = played(
        denoise(noise(), [a, b, c, a, b, c, CLEAN], given(TINY, NULL), Rng(SEEDS)), fake_answer
    )
    assert [step.level for step in steps] == [a, b, a, b, c] and {step.of for step in steps} == {5}
    assert steps[2].x.std() > 0.5 and not torch.equal(steps[2].x, noise())
    assert end.isfinite().all()


def test_one_step_is_the_estimate_itself():
    level = LEVELS[600]
    estimate = guided(TINY, CAT, NULL, 3.0)
    x = noise()
    x0 = estimate.clean(x, level, [fake_answer(ask) for ask in estimate.asks(x, level)])
    for process in (denoise(x, [level, CLEAN], estimate, Rng(SEEDS)), ask_once(x, level, estimate)):
        torch.testing.assert_close(played(process, fake_answer)[1], x0)


@pytest.mark.parametrize("path", [[], [LEVELS[500]]])
def test_a_path_without_an_end_is_refused(path):
    with pytest.raises(ValueError, match="a start and an end"):
        next(denoise(noise(), path, given(TINY, NULL), Rng(SEEDS)))


# several runs in step


def runs():
    """Three processes of 4, 6 and 2 steps, made anew."""
    return [
        denoise(noise(), strided(LEVELS, evenly(1000, n)), given(TINY, NULL), Rng(SEEDS)) for n in (4, 6, 2)
    ]


def test_together_each_picture_is_as_alone():
    alone = [played(process, fake_answer)[1] for process in runs()]
    steps, pictures = played(together(*runs()), fake_answer)
    assert torch.equal(pictures, torch.cat(alone))
    assert [len(step.asks) for step in steps] == [3, 3, 2, 2, 1, 1]
    assert [(step.index, step.of) for step in steps] == [(k, 6) for k in range(6)]
    assert torch.equal(steps[-1].x[:3], alone[0]) and torch.equal(steps[-1].x[6:], alone[2])


def test_a_bare_walk_asks_the_same_and_computes_nothing():
    path = [*strided(LEVELS, evenly(1000, 5))[:3], LEVELS[900], *strided(LEVELS, [600, 300])]

    def processes():
        return together(
            denoise(noise(), path, guided(TINY, CAT, NULL, 5.0), Rng(SEEDS), threshold=watched), *runs()
        )

    computed = []

    def watched(x0):
        computed.append(x0)
        return x0

    bare = [[(ask.network, ask.rows, ask.level) for ask in step.asks] for step in processes()]
    assert not computed
    steps, _ = played(processes(), fake_answer)
    assert bare == [[(ask.network, ask.rows, ask.level) for ask in step.asks] for step in steps]
    assert len(computed) == 5


def test_the_noise_in_x_is_what_eps_from_reads():
    level, x0 = LEVELS[400], torch.rand(3, 1, 4, 4)
    torch.testing.assert_close(eps_from(x0, noised(x0, level, noise()), level), noise(), rtol=0, atol=1e-5)
