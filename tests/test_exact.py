"""The exact denoiser, and the page's own copy of it: both give the same points, number by number.

The scripts of the tab are read as they are served; Playwright brings the node that runs them.
"""

import json
import shutil
import subprocess
from itertools import product
from pathlib import Path

import pytest
import torch
from fakes import played

from diffusion_core import exact
from diffusion_core.estimates import Ask, Condition
from diffusion_core.exact import Dataset, Mulberry, exact_points, trailing
from diffusion_core.levels import CLEAN, Level, schedule

STATIC = Path(__file__).resolve().parent.parent / "tabs" / "static"
SET = Dataset(torch.randn(6, 2, 1, 1, generator=torch.Generator().manual_seed(3)).double(), tuple("aabbbb"))
COUNT = 300


def sampled(data: Dataset, sampler: str, steps: int, seeds, **more):
    """All x on the way, [steps + 1, B, 2]."""
    process = exact_points(sampler, steps, seeds, **more)
    went, end = played(process, lambda ask: data.answer(ask, exact.CARDS[sampler].predicts))
    return torch.stack([*(step.x for step in went), end]).flatten(2)


def nearest(x: torch.Tensor) -> tuple[torch.Tensor, float]:
    away, which = torch.cdist(x, SET.pictures.flatten(1)).min(1)
    return which, float(away.max())


# --- the denoiser -----------------------------------------------------------------------------------------


def test_it_is_the_posterior_mean_summed_by_hand():
    level, x = Level(0, 0.8, 0.6), Mulberry([1, 2]).normal(exact.POINT)
    got = SET.posterior_mean(x, level, (None, "b"))
    for row, told in enumerate(("ab", "b")):
        one, two = torch.zeros(2, 1, 1).double(), 0.0
        for picture, label in zip(SET.pictures, SET.labels):
            if label in told:
                w = torch.exp(-((x[row] - 0.8 * picture) ** 2).sum() / (2 * 0.6**2))
                one, two = one + w * picture, two + w
        torch.testing.assert_close(got[row], one / two, rtol=0, atol=1e-12)


def test_no_function_of_x_is_closer_to_x0_on_average():
    """Nor is a small change of it, in any direction, at any place: its squared error is the smallest."""
    level, rng = Level(0, 0.7, 0.7), Mulberry(range(6000))
    x0 = SET.pictures.repeat(1000, 1, 1, 1)
    x = level.alpha * x0 + level.sigma * rng.normal(exact.POINT)
    best = SET.posterior_mean(x, level)
    error = (best - x0).square().mean()
    for other in (x, 0.9 * best, best + 0.1, best + 0.1 * x, best.flip(1)):
        assert error < (other - x0).square().mean()


def test_pure_noise_says_nothing_and_little_noise_says_all():
    x = SET.pictures + 0.01
    mean = SET.pictures.mean(0, keepdim=True).expand_as(x)
    torch.testing.assert_close(SET.posterior_mean(x, Level(0, 0.0, 1.0)), mean, rtol=0, atol=1e-12)
    torch.testing.assert_close(SET.posterior_mean(x, Level(0, 1.0, 0.02)), SET.pictures, rtol=0, atol=1e-6)


def test_its_three_answers_are_one():
    level, x = Level(0, 0.4, 0.6), Mulberry([4, 5, 6]).normal(exact.POINT)
    ask = Ask("exact", x, level, Condition((None,) * 3))
    x0, eps, velocity = (SET.answer(ask, each).prediction for each in ("x0", "eps", "velocity"))
    torch.testing.assert_close(0.4 * x0 + 0.6 * eps, x)
    torch.testing.assert_close(velocity, x0 - eps)


def test_what_cannot_be_asked_gets_a_word():
    x = SET.pictures
    with pytest.raises(ValueError, match="nothing to estimate"):
        SET.posterior_mean(x, CLEAN)
    with pytest.raises(ValueError, match="no class 'c'"):
        SET.posterior_mean(x, Level(0, 0.5, 0.5), ("c",) * 6)
    with pytest.raises(ValueError, match=r"must lie in 1\.\.1000"):
        trailing(1000, 0)


def test_timesteps_trail():
    assert trailing(1000, 5) == [999, 799, 599, 399, 199] and trailing(1000, 1) == [999]
    assert all(trailing(1000, n)[-1] == -(-1000 // n) - 1 for n in (1, 2, 3, 7, 50, 1000))


# --- sampling with it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", exact.SAMPLERS)
def test_many_steps_end_on_the_data_and_find_all_of_it(sampler):
    which, away = nearest(sampled(SET, sampler, 100, range(COUNT))[-1])
    assert away < 1e-3
    # each point has probability 1/6; five standard deviations of a count
    counts = which.bincount(minlength=6)
    assert all(abs(int(n) - COUNT / 6) < 5 * (COUNT * 5 / 36) ** 0.5 for n in counts)


@pytest.mark.parametrize("sampler", exact.SAMPLERS)
def test_one_step_is_the_mean_of_the_data(sampler):
    end = sampled(SET, sampler, 1, range(20))[-1]
    torch.testing.assert_close(end, SET.pictures.flatten(1).mean(0).expand_as(end), rtol=0, atol=1e-3)


def test_guidance_ends_where_it_is_told_and_gamma_0_anywhere():
    told = ["ab"[k % 2] for k in range(COUNT)]
    right = {}
    for gamma in (0.0, 1.0):
        which, away = nearest(sampled(SET, "ddim", 100, range(COUNT), gamma=gamma, told=told)[-1])
        assert away < 1e-3
        right[gamma] = sum(SET.labels[w] == label for w, label in zip(which.tolist(), told)) / COUNT
    assert right[1.0] == 1 and right[0.0] < 0.75


def test_normal_numbers_are_normal_and_a_row_does_not_depend_on_its_neighbours():
    many = Mulberry(range(20_000)).normal(exact.POINT).flatten(1)
    assert many.mean().abs() < 0.02 and (many.std() - 1).abs() < 0.02
    assert abs(float((many[:, 0] * many[:, 1]).mean())) < 0.03
    rng = Mulberry([5, 6, 7])
    first, second = rng.normal((3,)), rng.normal((3,))
    alone = Mulberry([6])
    assert torch.equal(alone.normal((3,))[0], first[1]) and torch.equal(alone.normal((3,))[0], second[1])


# --- the page's copy ----------------------------------------------------------------------------------------

SCRIPTS = ("two_dimensions_maths.js", "two_dimensions_sets.js")
TRAJECTORIES = """
const { abar, runs, count } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const levels = levelsOf(Float32Array.from(abar));
console.log(JSON.stringify(runs.map((wanted) => {
  const data = SETS[wanted.set](120);
  const run = new Run(data, { ...wanted, count }, levels);
  run.advance();
  return { points: Array.from(data.x, (x, i) => [x, data.y[i]]), split: data.split,
    states: run.states.map((each) => Array.from(each)), measures: measures(run) };
})));
"""
WANTED = [
    {"set": name, "sampler": sampler, "steps": steps, "gamma": gamma, "seed": seed}
    for (name, gammas), sampler, (steps, seed) in product(
        (("moons", (1.0,)), ("spiral", (1.0,)), ("classes", (0.0, 1.0, 4.0))),
        exact.SAMPLERS,
        ((1, 0), (2, 1), (10, 2), (50, 3)),
    )
    for gamma in gammas
]


def node() -> str:
    """A node to run scripts with: this machine's, or the one inside Playwright."""
    driver = pytest.importorskip("playwright._impl._driver")
    return shutil.which("node") or driver.compute_driver_executable()[0]


@pytest.fixture(scope="module")
def page_says():
    abar = [level.alpha**2 for level in schedule("if-cosine")]
    script = "\n".join((STATIC / name).read_text(encoding="utf-8") for name in SCRIPTS)
    told = json.dumps({"abar": abar, "runs": WANTED, "count": 60})
    ran = subprocess.run(
        [node(), "-e", script + TRAJECTORIES], input=told, capture_output=True, text=True, timeout=120
    )
    assert not ran.stderr, ran.stderr
    return json.loads(ran.stdout)


@pytest.mark.parametrize("which", range(len(WANTED)), ids=lambda k: "-".join(map(str, WANTED[k].values())))
def test_the_page_goes_the_same_ways(page_says, which):
    wanted, said = WANTED[which], page_says[which]
    pictures = torch.tensor(said["points"], dtype=torch.float64)
    classes = said["split"] < len(pictures)
    labels = tuple(int(k >= said["split"]) for k in range(len(pictures))) if classes else None
    data = Dataset(pictures.view(-1, *exact.POINT), labels)
    seeds = [1000003 * wanted["seed"] + k for k in range(60)]
    more = {"gamma": wanted["gamma"], "told": [k % 2 for k in range(60)]} if classes else {}
    ours = sampled(data, wanted["sampler"], wanted["steps"], seeds, **more)
    theirs = torch.tensor(said["states"], dtype=torch.float64).view(ours.shape)
    torch.testing.assert_close(theirs, ours, rtol=0, atol=1e-4)
    off = torch.cdist(ours[-1], pictures).min(1).values.mean()
    assert said["measures"]["off"] == pytest.approx(float(off), abs=1e-4)
