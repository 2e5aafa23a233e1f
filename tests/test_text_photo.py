"""Techniques that begin from a photo, at both stages: noise, blur, one step, SDEdit, and what is held."""

import itertools

import pytest
import torch
from text_house import CARDS, PHOTO, eps_of, made
from text_house import text_techniques_installed as _installed  # noqa: F401

from diffusion_core.filters import gaussian, part
from diffusion_core.images import convert
from diffusion_core.levels import schedule
from diffusion_core.techniques.cascade import shown_to_stage_2

pytestmark = pytest.mark.usefixtures("_installed")

STAGES = pytest.mark.parametrize("enlarge, side", [("no", 16), ("yes", 64)])
LEVELS = schedule("if-cosine")


def photo(side: int) -> torch.Tensor:
    return convert.to_tensor(convert.squared(PHOTO, side))[None]


def draws(seed: int, *sides: int) -> list[torch.Tensor]:
    """The noise of one seed, drawn in this order."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(3, side, side, generator=generator)[None] for side in sides]


# --- what is kept of a photo --------------------------------------------------------------------------


WAYS = pytest.mark.parametrize("way", ["re-noised", "kept clean", "repaint"])


def inpainted(**values):
    return made("text-inpaint", **({"jump": 2, "seed": 2} | values))


@WAYS
@STAGES
def test_inpainting_pastes_the_known_part_back_to_the_last_bit(way, enlarge, side):
    _, ours = inpainted(way=way, enlarge=enlarge)
    assert torch.equal(ours[..., : side // 2], photo(side)[..., : side // 2])
    assert (ours[..., side // 2 :] - photo(side)[..., side // 2 :]).abs().mean() > 0.05


@WAYS
@STAGES
def test_without_pasting_back_the_network_has_the_last_word(way, enlarge, side):
    """Only the end differs: up to there the known part is held just as well."""
    steps, ours = inpainted(way=way, enlarge=enlarge, paste="no")
    pasted = inpainted(way=way, enlarge=enlarge)[0]
    known = (ours - photo(side))[..., : side // 2]
    assert known.abs().max() > 1e-3 and known.abs().mean() < 0.5
    small = [(a, b) for a, b in zip(steps, pasted) if a.x.shape[-1] == 16]
    assert len(small) >= 8 and all(torch.equal(a.x, b.x) for a, b in small)


@STAGES
def test_ways_of_inpainting_differ_in_what_the_network_sees(enlarge, side):
    """At both stages: the photo itself, or the photo noised to the level with ever fresh noise."""
    clean, renoised = (inpainted(way=way, enlarge=enlarge)[0] for way in ("kept clean", "re-noised"))
    known = photo(side)[..., : side // 2]
    here = [step for step in renoised if step.x.shape[-1] == side]
    assert len(here) == (8 if enlarge == "no" else 4)
    for before, after in itertools.pairwise(here):
        seen = before.x[..., : side // 2]
        assert (seen - before.level.alpha * known).std() == pytest.approx(before.level.sigma, rel=0.25)
        assert not torch.equal(seen, after.x[..., : side // 2])
    clean = [step for step in clean if step.x.shape[-1] == side]
    assert all(torch.equal(step.x[..., : side // 2], known) for step in clean)


def test_a_hybrid_from_a_photo_has_its_coarse_part_and_a_fine_part_of_its_own():
    low = gaussian(sigma=8.0)
    _, ours = made("text-hybrid-photo", sigma=8)
    _, free = made("text-sample")
    assert low(ours - photo(16)).std() < 0.3 * low(free - photo(16)).std()
    assert (ours - photo(16)).std() > 3 * low(ours - photo(16)).std()


@STAGES
@pytest.mark.parametrize("name", ["low", "high", "grey", "colour", "moving", "still"])
def test_what_a_hybrid_keeps_of_a_photo_may_be_chosen(name, enlarge, side):
    """The last step: x - part(x) + part(photo), at both stages; a projection like grey is kept exactly."""
    steps, ours = made("text-hybrid-photo", part=name, sigma=3, enlarge=enlarge, steps_2="2", maths="course")
    held, last = part(name, 3.0), steps[-1]
    eps = eps_of(last.x[0], last.level.t, "a high quality photo", _beside(last))
    null = eps_of(last.x[0], last.level.t, "", _beside(last))
    gamma = 7.0 if enlarge == "no" else 4.0
    x0 = (last.x - last.level.sigma * (null + gamma * (eps - null))) / last.level.alpha
    torch.testing.assert_close(ours, x0 + held(photo(side) - x0), rtol=0, atol=1e-4)
    if name in ("grey", "colour"):
        torch.testing.assert_close(held(ours), held(photo(side)), rtol=0, atol=1e-5)


def _beside(step) -> torch.Tensor | None:
    beside = step.asks[0].cond.beside
    return None if beside is None else beside[0]


# --- SDEdit and iterative denoising -------------------------------------------------------------------


def test_sdedit_keeps_more_of_the_photo_the_later_it_starts():
    _, ours = made("text-sdedit", steps="100", starts=[0, 50, 90, 98], maths="course")
    distances = [float((picture - photo(16)).abs().mean()) for picture in ours]
    assert distances == sorted(distances, reverse=True) and distances[-1] < 0.2


def test_stage_2_keeps_more_of_the_photo_the_later_it_starts():
    """The image to image super-resolution: its start says how much of the large picture stays."""
    edited = [
        made("text-sdedit", starts=[4], enlarge="yes", steps_2="50", start_2=start, maths="course")[1]
        for start in (0, 25, 45, 49)
    ]
    distances = [float((picture - photo(64)).abs().mean()) for picture in edited]
    assert distances == sorted(distances, reverse=True) and distances[-1] < 0.2


@STAGES
def test_a_walk_from_a_photo_begins_at_its_level(enlarge, side):
    """x_t = alpha x0 + sigma eps at both stages, eps the first draw of the stage."""
    steps, _ = made("text-iterative", start=3, start_2=2, enlarge=enlarge, seed=9)
    first = next(step for step in steps if step.x.shape[-1] == side)
    level = LEVELS[500] if enlarge == "no" else LEVELS[250]  # 8 steps: 875, 750, 625, 500; 4: 750, 500, 250
    assert first.level == level
    noise = (first.x - level.alpha * photo(side)) / level.sigma
    if enlarge == "no":
        torch.testing.assert_close(noise, draws(9, 16)[0], rtol=0, atol=1e-5)
    assert noise.std() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("enlarge", ["no", "yes"])
@pytest.mark.parametrize("every, kept", [(1, 6), (2, 3), (3, 2), (5, 2), (100, 1)])
def test_every_kth_step_is_kept(every, kept, enlarge):
    """8 timesteps from number 2 on: 6 steps; at stage II, 3 more."""
    steps, plain = made("text-iterative", start=2, start_2=1, enlarge=enlarge)
    _, strip = made("text-iterative", start=2, start_2=1, enlarge=enlarge, every=every)
    xs = [step.x for step in steps[::every]]
    assert len(strip) == len(xs) + 1 and len([x for x in xs if x.shape[-1] == 16]) == kept
    for x, shown in zip(xs, strip):
        repeat = strip.shape[-1] // x.shape[-1]
        torch.testing.assert_close(shown[:, ::repeat, ::repeat], x[0])
        assert torch.equal(shown[:, ::repeat, ::repeat], shown[:, repeat - 1 :: repeat, repeat - 1 :: repeat])
    assert torch.equal(strip[-1:], plain)


def test_a_strip_fills_up_as_the_run_goes_on():
    steps, strip = made("text-iterative", start=0, every=4, count=2)  # 8 steps: 0, 4 and the end, twice
    assert strip.shape[0] == 6 and all(step.x.shape[0] == 6 for step in steps)
    there = [(step.x.flatten(1).std(1) > 0).tolist() for step in steps]
    assert there[0] == [True, False, False] * 2
    assert there[1:4] == [[True, True, False] * 2] * 3  # the step under way stands where the next will
    assert there[4] == [True, True, False] * 2 and there[5] == [True] * 6
    assert steps[0].x0 is None and steps[1].x0.shape == steps[1].x.shape


# --- one step, blur, noise: a column per t --------------------------------------------------------------


def test_noise_is_the_forward_process_with_one_eps():
    for enlarge, side in (("no", 16), ("yes", 64)):
        _, ours = made("text-noise", ts=[0, 400, 999], seed=4, enlarge=enlarge)
        (eps,) = draws(4, side)
        for x, t in zip(ours, (0, 400, 999)):
            expected = LEVELS[t].alpha * photo(side) + LEVELS[t].sigma * eps
            torch.testing.assert_close(x[None], expected, rtol=0, atol=1e-6)


@STAGES
def test_blurring_is_a_gaussian_as_wide_as_the_picture_asks(enlarge, side):
    _, ours = made("text-blur", ts=[250, 750], sigma=3, seed=4, enlarge=enlarge)
    _, noisy = made("text-noise", ts=[250, 750], seed=4, enlarge=enlarge)
    torch.testing.assert_close(ours, torch.cat([noisy, gaussian(3.0)(noisy)]), rtol=0, atol=1e-6)


def test_one_step_denoising_is_the_equation():
    _, ours = made("text-one-step", ts=[250, 750], prompt="a dog", seed=4)
    (eps,) = draws(4, 16)
    for k, t in enumerate((250, 750)):
        x = LEVELS[t].alpha * photo(16) + LEVELS[t].sigma * eps
        torch.testing.assert_close(ours[k : k + 1], x, rtol=0, atol=1e-6)
        x0 = (x[0] - LEVELS[t].sigma * eps_of(x[0], t, "a dog")) / LEVELS[t].alpha
        torch.testing.assert_close(ours[2 + k], x0, rtol=0, atol=1e-5)


def test_one_step_of_stage_2_is_the_equation_told_the_estimate_of_stage_1():
    _, ours = made("text-one-step", ts=[250, 750], prompt="a dog", seed=4, enlarge="yes", noise_level=100)
    small_eps, eps, beside_eps = draws(4, 16, 64, 64)
    for k, t in enumerate((250, 750)):
        level = LEVELS[t]
        small = level.alpha * photo(16) + level.sigma * small_eps
        small = (small - level.sigma * eps_of(small[0], t, "a dog")) / level.alpha
        beside = shown_to_stage_2(small.clamp(-1, 1), CARDS["tiny/II"], 100, beside_eps)
        x = level.alpha * photo(64) + level.sigma * eps
        x0 = (x[0] - level.sigma * eps_of(x[0], t, "a dog", beside[0])) / level.alpha
        torch.testing.assert_close(ours[k], x[0], rtol=0, atol=1e-6)
        torch.testing.assert_close(ours[2 + k], x0, rtol=0, atol=1e-4)
