"""A run is diffusers' run: the same schedulers, over the same fake network, from the same noise."""

import pytest
import torch
from diffusers import DDIMScheduler, DDPMScheduler, DPMSolverMultistepScheduler
from fakes import TINY, FakeNetwork, played, says

from diffusion_core import samplers
from diffusion_core.estimates import Card, Condition, given
from diffusion_core.levels import leading, schedule, strided
from diffusion_core.loop import denoise
from diffusion_core.samplers import Rng, ddim, dpmpp_2m

SEEDS = (5, 6, 7)
SHAPE = (1, 4, 4)
LEARNED = Card("fake", "eps", SHAPE, "if-cosine", spread=True)
COURSE = list(range(990, -1, -30))


def run(path, network=None, **options):
    """Our run, from the noise of SEEDS."""
    network, rng = network or FakeNetwork(), Rng(SEEDS)
    process = denoise(rng.normal(SHAPE), path, given(network.card, Condition((None,) * 3)), rng, **options)
    return played(process, lambda ask: network.answer([ask])[0])[1]


def stepped(scheduler, timesteps, spread: bool = False, **options):
    """diffusers' own loop over the same fake network, with a generator per picture."""
    generators = [torch.Generator().manual_seed(seed) for seed in SEEDS]
    x = torch.stack([torch.randn(SHAPE, generator=g) for g in generators])
    for t in timesteps:
        t = int(t)
        out = says(x, torch.full((3,), float(t)), (None,) * 3)
        if spread:
            out = torch.cat([out, torch.tanh(2 * x)], dim=1)
        x = scheduler.step(out, t, x, generator=generators, **options).prev_sample
    return x


@pytest.mark.parametrize("thresholding", [False, True])
@pytest.mark.parametrize("variance", ["fixed_small", "learned_range"])
@pytest.mark.parametrize("timesteps", [10, 33, COURSE], ids=["10", "33", "course"])
def test_ancestral_is_the_ddpm_scheduler(variance, thresholding, timesteps):
    scheduler = DDPMScheduler(
        beta_schedule="squaredcos_cap_v2",
        variance_type=variance,
        clip_sample=False,
        thresholding=thresholding,
        dynamic_thresholding_ratio=0.95,
        sample_max_value=1.5,
    )
    if isinstance(timesteps, int):
        scheduler.set_timesteps(timesteps)
        timesteps = leading(1000, timesteps)
    else:
        scheduler.set_timesteps(timesteps=timesteps)
    ours = run(
        strided(schedule("if-cosine"), timesteps),
        FakeNetwork(LEARNED if variance == "learned_range" else TINY),
        threshold=samplers.dynamic(0.95, 1.5) if thresholding else samplers.none,
    )
    theirs = stepped(scheduler, timesteps, spread=variance == "learned_range")
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("eta", [0.0, 1.0])
def test_ddim_is_the_ddim_scheduler(eta):
    scheduler = DDIMScheduler(beta_start=1e-4, beta_end=0.02, clip_sample=False, set_alpha_to_one=True)
    scheduler.set_timesteps(20)
    ours = run(strided(schedule("ddpm-linear"), scheduler.timesteps.tolist()), solver=ddim(eta))
    theirs = stepped(scheduler, scheduler.timesteps, eta=eta)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


def test_dpmpp_2m_is_the_multistep_scheduler():
    scheduler = DPMSolverMultistepScheduler(
        algorithm_type="dpmsolver++", solver_order=2, solver_type="midpoint", final_sigmas_type="zero"
    )
    scheduler.set_timesteps(20)
    ours = run(strided(schedule("ddpm-linear"), scheduler.timesteps.tolist()), solver=dpmpp_2m())
    torch.testing.assert_close(ours, stepped(scheduler, scheduler.timesteps), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("ratio, largest", [(0.95, 1.5), (0.995, 1.0), (0.5, 3.0)])
def test_the_dynamic_threshold_is_that_of_diffusers(ratio, largest):
    scheduler = DDPMScheduler(dynamic_thresholding_ratio=ratio, sample_max_value=largest)
    x0 = torch.randn(3, 3, 8, 8) * torch.tensor([0.3, 1.0, 4.0]).view(3, 1, 1, 1)
    ours = samplers.dynamic(ratio, largest)(x0)
    torch.testing.assert_close(ours, scheduler._threshold_sample(x0), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours[1:2], samplers.dynamic(ratio, largest)(x0[1:2]))
    assert torch.equal(samplers.clip(-1, 1)(x0), x0.clamp(-1, 1))
