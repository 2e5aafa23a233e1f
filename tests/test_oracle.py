"""With the true denoiser of a small data set, every solver on every path ends on that set.

The denoiser that minimises the squared error over a finite set of pictures p_i is their posterior mean,

    x0^(x) = sum_i w_i p_i,    w_i ~ exp(-|x - alpha p_i|^2 / (2 sigma^2)),

so nothing here is approximate but the steps of the solver.
"""

import pytest
import torch
from fakes import played
from torch import Tensor

from diffusion_core import samplers
from diffusion_core.estimates import Answer, Ask, Card, Condition, eps_from, given, guided
from diffusion_core.levels import CLEAN, Level, evenly, noised, rectified_levels, schedule, strided
from diffusion_core.loop import denoise
from diffusion_core.samplers import Rng

COUNT = 240
PICTURES = torch.randn(4, 1, 4, 4, generator=torch.Generator().manual_seed(0)).double()
NULL = Condition((None,) * COUNT)

LINEAR = Card("oracle", "eps", (1, 4, 4), "ddpm-linear")
COSINE = Card("oracle", "eps", (1, 4, 4), "if-cosine")
STRAIGHT = Card("oracle", "velocity", (1, 4, 4), "rectified")
DIRECT = Card("oracle", "x0", (1, 4, 4), "ddpm-linear")
SOLVERS = {
    "ancestral": lambda: samplers.ancestral,
    "ddim": lambda: samplers.ddim(),
    "ddim, eta 1": lambda: samplers.ddim(1.0),
    "dpm++ 2m": samplers.dpmpp_2m,
}
CARDS = {"linear": LINEAR, "cosine": COSINE, "flow": STRAIGHT, "x0": DIRECT}
PAIRS = [(solver, card) for solver in SOLVERS for card in CARDS] + [("euler", "flow")]


def path(card: Card, steps: int):
    if card.schedule == "rectified":
        return rectified_levels(steps)
    levels = schedule(card.schedule)
    return strided(levels, evenly(len(levels), steps))


def posterior_mean(x: Tensor, level: Level, labels) -> Tensor:
    """x [B,1,4,4] -> x0^. A label k says that the picture is number k or k + 1; None says nothing."""
    distance = (x.double()[:, None] - level.alpha * PICTURES).flatten(2).square().sum(2)
    logits = -distance / (2 * level.sigma**2)
    for row, label in enumerate(labels):
        if label is not None:
            logits[row, [k for k in range(4) if k not in (label, (label + 1) % 4)]] = -torch.inf
    return (logits.softmax(1) @ PICTURES.flatten(1)).view_as(x)


def oracle(card: Card):
    """The answers of the true denoiser in the prediction space of a card."""

    def answer(ask: Ask) -> Answer:
        x0 = posterior_mean(ask.x, ask.level, ask.cond.labels)
        eps = eps_from(x0, ask.x, ask.level)
        return Answer({"x0": x0, "eps": eps, "velocity": x0 - eps}[card.predicts].float())

    return answer


def sampled(card: Card, solver, estimate) -> Tensor:
    rng = Rng(range(COUNT))
    process = denoise(rng.normal(card.shape), path(card, 60), estimate, rng, solver=solver)
    return played(process, oracle(card))[1]


def nearest(x: Tensor) -> tuple[Tensor, float]:
    """Which picture each is closest to, and the largest pixel difference from it."""
    away = (x.double()[:, None] - PICTURES).flatten(2).abs().amax(2)
    closest, which = away.min(1)
    return which, float(closest.max())


@pytest.mark.parametrize("solver, card", PAIRS)
def test_sampling_ends_on_the_set_and_finds_all_of_it(solver, card):
    card = CARDS[card]
    end = sampled(card, SOLVERS[solver]() if solver != "euler" else samplers.euler, given(card, NULL))
    which, away = nearest(end)
    assert away < 2e-3
    # each picture has probability 1/4; five standard deviations of a count
    assert all(abs(n - COUNT / 4) < 5 * (COUNT * 3 / 16) ** 0.5 for n in which.bincount(minlength=4).tolist())


@pytest.mark.parametrize("card", [LINEAR, STRAIGHT], ids=["linear", "flow"])
def test_guidance_at_1_ends_on_what_is_asked_for(card):
    asked = Condition(tuple(k % 4 for k in range(COUNT)))
    end = sampled(card, samplers.ddim(), guided(card, asked, NULL, 1.0))
    which, away = nearest(end)
    assert away < 2e-3
    assert all(w in (label, (label + 1) % 4) for w, label in zip(which.tolist(), asked.labels))
    assert len({(w - label) % 4 for w, label in zip(which.tolist(), asked.labels)}) == 2


@pytest.mark.parametrize("t", [100, 500, 800])
@pytest.mark.parametrize("card", [LINEAR, STRAIGHT, DIRECT], ids=["linear", "flow", "x0"])
def test_one_step_is_the_posterior_mean(card, t):
    """Summed picture by picture, in double precision."""
    level = schedule(card.schedule)[t]
    x = noised(PICTURES[:3].float(), level, Rng([1, 2, 3]).normal(card.shape))
    process = denoise(x, [level, CLEAN], given(card, Condition((None,) * 3)), Rng([0] * 3))
    x0 = played(process, oracle(card))[1]
    for b in range(3):
        weights = [
            torch.exp(-((x[b].double() - level.alpha * p) ** 2).sum() / (2 * level.sigma**2))
            for p in PICTURES
        ]
        expected = sum(w * p for w, p in zip(weights, PICTURES)) / sum(weights)
        torch.testing.assert_close(x0[b].double(), expected, rtol=0, atol=1e-5)


def test_a_late_start_keeps_what_it_starts_from():
    """SDEdit: little noise comes back to the same picture; pure noise comes back to any."""
    levels, cond = schedule("ddpm-linear"), Condition((None,) * 40)
    picture = PICTURES[2:3].float().expand(40, -1, -1, -1)
    found = {}
    for start in (200, 999):
        rng, late = Rng(range(40)), strided(levels, evenly(start + 1, 20))
        x = noised(picture, late[0], rng.normal_like(picture))
        end = played(denoise(x, late, given(LINEAR, cond), rng), oracle(LINEAR))[1]
        found[start] = nearest(end)[0].tolist().count(2)
    assert found[200] == 40 and found[999] < 20
