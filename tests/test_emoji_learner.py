"""A step of training is that of the stock network, in bf16 nearly so; it resumes, and leads back to stock."""

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load, save

from emoji_model import cascade
from emoji_model.learner import Learner, can_compile
from emoji_model.objective import Objective
from emoji_model.speed import quick

NARROW = dict(block_out_channels=(8, 16, 16, 16), attention_head_dim=8, sample_size=16)
NARROW_2 = dict(block_out_channels=(16, 8, 16, 16, 16), attention_head_dim=8)
STAGES = {"stage I": cascade.SMALL | NARROW, "stage II": cascade.STAGE_2 | NARROW_2}


def narrow(stage: str = "stage I") -> UNet2DConditionModel:
    torch.manual_seed(0)
    return UNet2DConditionModel(**STAGES[stage])


def learner(**options) -> Learner:
    settings = dict(dtype=torch.float32, compiled=False, lr=2e-3, ema=0.9, ema_every=2)
    return Learner(narrow(), Objective(), **settings | options)


def batch(count: int = 4):
    x0 = torch.randn(count, 3, 16, 16, generator=torch.Generator().manual_seed(1)).clamp(-1, 1)
    return x0, torch.randn(count, 77, cascade.TEXT_WIDTH, generator=torch.Generator().manual_seed(2))


def taken(of: Learner, steps: range) -> list[float]:
    """Losses of steps whose noise hangs on their number."""
    return [float(of.step(*batch(), torch.Generator().manual_seed(step))) for step in steps]


@pytest.mark.parametrize("stage", STAGES)
def test_the_quick_parts_answer_as_diffusers_do_and_have_its_gradients(stage):
    theirs = narrow(stage)
    ours = quick(copy.deepcopy(theirs)).to(memory_format=torch.channels_last)
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    x, text = torch.randn(2, theirs.config.in_channels, 32, 32), torch.randn(2, 77, cascade.TEXT_WIDTH)
    t, level = torch.tensor([20, 700]), torch.tensor([50, 300]) if stage == "stage II" else None
    answers = [unet(x, t, text, class_labels=level).sample for unet in (ours, theirs)]
    torch.testing.assert_close(*answers, atol=1e-5, rtol=1e-4)
    for answer in answers:
        answer.square().mean().backward()
    for one, other in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-3)


def test_a_step_is_that_of_adamw_on_the_network_itself():
    plain, ours = narrow(), learner()
    optimizer = torch.optim.AdamW(plain.parameters(), lr=2e-3, betas=(0.9, 0.99), weight_decay=0.0)
    objective = Objective()
    for step in range(3):
        (x0, text), rng = batch(), torch.Generator().manual_seed(step)
        t, eps = objective.times(4, rng), torch.randn(x0.shape, generator=rng)
        out = plain(objective.noised(x0, t, eps), t, text).sample
        loss, errors = objective.loss(eps, *out.chunk(2, dim=1), t)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(plain.parameters(), 1.0)
        optimizer.step()
        assert float(ours.step(x0, text, torch.Generator().manual_seed(step))) == pytest.approx(
            float(loss), rel=1e-3
        )
        torch.testing.assert_close(ours.errors, errors, rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("muon", [False, True], ids=["AdamW", "Muon"])
def test_it_learns_in_bf16_and_its_average_follows(muon):
    ours = learner(dtype=torch.bfloat16, muon=muon, shares={"add_embedding": 0.1})
    start = copy.deepcopy(ours.unet)
    losses = taken(ours, range(40))
    assert sum(losses[-10:]) < 0.8 * sum(losses[:10])
    for name, weight in ours.unet.named_parameters():
        working, average = ours.working.get_parameter(name), ours.ema.get_parameter(name)
        assert torch.equal(working, weight.to(torch.bfloat16))
        assert (average - weight).norm() <= (start.get_parameter(name) - weight).norm() + 1e-6
    assert isinstance(ours.ema, UNet2DConditionModel) and ours.ema.dtype == torch.float32
    x0, text = batch()
    assert ours.ema(x0, 500, text).sample.shape == (4, 6, 16, 16)  # stock diffusers


@pytest.mark.parametrize("muon", [False, True], ids=["AdamW", "Muon"])
def test_a_run_goes_on_from_its_tensors_as_if_it_had_not_stopped(muon):
    whole = learner(muon=muon)
    expected = taken(whole, range(8))
    first = learner(muon=muon)
    got = taken(first, range(5))
    kept = save(first.state_dict())
    assert all(value.device.type == "cpu" for value in first.state_dict().values())
    second = learner(muon=muon)
    taken(second, range(100, 102))  # whatever it was before
    second.load_state_dict(load(kept))
    got += taken(second, range(5, 8))
    assert got == pytest.approx(expected, rel=1e-4) and second.steps == 8
    for name, value in whole.state_dict().items():
        torch.testing.assert_close(second.state_dict()[name], value, atol=1e-5, rtol=1e-3)


def test_the_step_size_is_a_share_and_parts_have_theirs():
    ours = learner(shares={"add_embedding": 0.1})
    ours.rate(0.5)
    rates = {group["share"]: group["lr"] for group in ours._optimizers[0].param_groups}
    assert rates == pytest.approx({1.0: 1e-3, 0.1: 1e-4})
    ours.rate(0.0)
    before = copy.deepcopy(ours.unet)
    taken(ours, range(1))
    assert all(torch.equal(one, other) for one, other in zip(before.parameters(), ours.unet.parameters()))


@pytest.mark.slow
@pytest.mark.skipif(not can_compile(torch.device("cpu")), reason="no C++ compiler")
def test_compiled_it_takes_the_same_steps():
    eager, compiled = learner(), learner(compiled=True)
    assert taken(compiled, range(3)) == pytest.approx(taken(eager, range(3)), rel=1e-3)


def test_stage_2_sees_its_small_picture_and_how_noisy_that_is():
    ours = Learner(narrow("stage II"), Objective(), dtype=torch.float32, compiled=False)
    x0, text = batch(2)
    t, eps, beside = torch.tensor([300, 900]), torch.randn_like(x0), torch.randn_like(x0)
    x = torch.cat([ours.objective.noised(x0, t, eps), beside], dim=1)
    losses = [
        float(ours.learn(x, t, text, eps, noise_level=torch.tensor([level] * 2))) for level in (10, 10, 300)
    ]
    assert ours.steps == 3 and len(set(losses)) == 3
