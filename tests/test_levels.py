"""Levels are those of DDPM, Improved DDPM and rectified flow; paths are lists that fall."""

import math
from itertools import pairwise

import pytest
import torch
from diffusers import DDPMScheduler

from diffusion_core.levels import CLEAN, Level, evenly, leading, noised, rectified_levels, schedule, strided

DDPM = {
    "ddpm-linear-300": dict(num_train_timesteps=300, beta_schedule="linear"),
    "ddpm-linear": dict(num_train_timesteps=1000, beta_schedule="linear"),
    "if-cosine": dict(num_train_timesteps=1000, beta_schedule="squaredcos_cap_v2"),
}
PURE_NOISE = Level(0.0, 0.0, 1.0)


@pytest.mark.parametrize("name", DDPM)
def test_abar_is_that_of_diffusers(name):
    theirs = DDPMScheduler(**DDPM[name]).alphas_cumprod.double()
    ours = torch.tensor([level.alpha**2 for level in schedule(name)], dtype=torch.float64)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=0)
    assert [level.t for level in schedule(name)] == list(range(len(theirs)))


@pytest.mark.parametrize("name", DDPM)
def test_ddpm_keeps_the_variance(name):
    assert all(abs(level.alpha**2 + level.sigma**2 - 1) < 1e-12 for level in schedule(name))


@pytest.mark.parametrize("name", [*DDPM, "rectified"])
def test_every_schedule_gets_noisier_with_its_index(name):
    levels = schedule(name)
    for cleaner, noisier in pairwise(levels):
        assert noisier.noisier_than(cleaner) and not cleaner.noisier_than(noisier)
        assert noisier.snr_db < cleaner.snr_db and noisier.alpha < cleaner.alpha
    assert all(level.noisier_than(CLEAN) for level in levels[1:])


@pytest.mark.parametrize("t, decibels", [(250, 7.4), (500, -0.1), (750, -7.8), (990, -37.1)])
def test_signal_to_noise_of_deepfloyd(t, decibels):
    assert round(schedule("if-cosine")[t].snr_db, 1) == decibels


def test_the_ends_of_signal_to_noise():
    assert CLEAN.snr_db == math.inf and PURE_NOISE.snr_db == -math.inf
    assert PURE_NOISE.noisier_than(schedule("if-cosine")[999])


def test_noisier_does_not_look_at_the_scale():
    plain = Level(0, 0.6, 0.8)  # variance preserving
    for factor, noisier in ((0.999, plain), (1.001, None)):
        added = Level(0, 1.0, factor * 0.8 / 0.6)  # noise only added, as strong but for the factor
        assert plain.noisier_than(added) == (noisier is plain) != added.noisier_than(plain)


def test_a_rectified_path_is_straight_from_noise_to_picture():
    assert rectified_levels(4) == [
        (0.0, 0.0, 1.0), (0.25, 0.25, 0.75), (0.5, 0.5, 0.5), (0.75, 0.75, 0.25), CLEAN
    ]  # fmt: skip
    assert all(level.t == level.alpha == 1 - level.sigma for level in schedule("rectified"))


def test_noised_is_the_forward_process():
    x0, eps = torch.randn(2, 2, 3, 4, 4, dtype=torch.float64)
    abar = float(DDPMScheduler(**DDPM["if-cosine"]).alphas_cumprod[400])
    expected = math.sqrt(abar) * x0 + math.sqrt(1 - abar) * eps
    torch.testing.assert_close(noised(x0, schedule("if-cosine")[400], eps), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("n, first", [(1, 0), (10, 900), (20, 950), (33, 960), (34, 957), (100, 990)])
def test_leading_steps_are_those_of_diffusers(n, first):
    scheduler = DDPMScheduler()
    scheduler.set_timesteps(n)
    assert leading(1000, n) == scheduler.timesteps.tolist()
    assert leading(1000, n)[0] == first


def test_even_steps_run_from_end_to_end():
    for n in range(2, 301):
        steps = evenly(300, n)
        gaps = {a - b for a, b in pairwise(steps)}
        assert len(steps) == n and steps[0] == 299 and steps[-1] == 0
        assert min(gaps) >= 1 and max(gaps) - min(gaps) <= 1, n


def test_one_even_step_starts_in_pure_noise():
    assert evenly(300, 1) == [299]


def test_the_course_walks_in_strides_of_30():
    levels = schedule("if-cosine")
    path = strided(levels, range(990, -1, -30))
    assert len(path) == 35 and path[0] == levels[990] and path[33] == levels[0] and path[34] == CLEAN


@pytest.mark.parametrize(
    "make, complaint",
    [
        (lambda levels: strided(levels, []), "at least one timestep"),
        (lambda levels: strided(levels, [500, 500]), "fall strictly"),
        (lambda levels: strided(levels, [3, 4]), "fall strictly"),
        (lambda levels: strided(levels, [1000, 3]), "in 0..999"),
        (lambda levels: strided(levels, [3, -1]), "in 0..999"),
        (lambda levels: leading(1000, 0), "1..1000, not 0"),
        (lambda levels: leading(1000, 1001), "1..1000, not 1001"),
        (lambda levels: evenly(300, 301), "1..300, not 301"),
        (lambda levels: rectified_levels(0), "at least 1 step, not 0"),
        (lambda levels: schedule("karras"), "no schedule is called 'karras'"),
    ],
)
def test_what_is_no_path_is_refused(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make(schedule("if-cosine"))
