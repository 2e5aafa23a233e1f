"""What the cascade learns: passing noise on, the loss of either stage, and how captions are read."""

import math

import pytest
import torch
from diffusers import UNet2DConditionModel

from emoji_model import cascade
from emoji_model.cascade import tokens
from emoji_model.objective import Coarse, Objective
from emoji_model.passing import pass_through

NARROW_2 = dict(block_out_channels=(16, 8, 16, 16, 16), attention_head_dim=8)
NARROW_1 = dict(block_out_channels=(8, 8, 16, 16, 16), attention_head_dim=8)


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setattr(cascade, "STAGE_1", cascade.STAGE_1 | NARROW_1)
    monkeypatch.setattr(cascade, "STAGE_2", cascade.STAGE_2 | NARROW_2)


# passing on


def test_a_fresh_stage_2_answers_its_noise_once_it_passes_it_on(narrow):
    """At t = 999, x_t is eps, whatever lies beside it; a tint of x_t is passed on, too."""
    torch.manual_seed(0)
    unet = cascade.unet("stage2").eval()
    x, beside, text = torch.randn(2, 3, 32, 32), torch.randn(2, 3, 32, 32), torch.randn(2, 77, 192)

    @torch.no_grad()
    def answered(x):
        t, level = torch.tensor([999] * 2), torch.tensor([50] * 2)
        return unet(torch.cat([x, beside], 1), t, text, class_labels=level).sample[:, :3]

    before = (answered(x) - x).square().mean()
    assert pass_through(unet) is unet
    after = (answered(x) - x).square().mean()
    assert before > 0.5 and after < 0.01
    told_more = (answered(x + 0.3) - answered(x)).mean((0, 2, 3))
    torch.testing.assert_close(told_more, torch.full((3,), 0.3), atol=0.03, rtol=0)


def test_passing_on_needs_pairs_of_channels():
    """One channel in a group, and its norm leaves nothing of a tint; four, and it mixes colours."""
    for width in (8, 32):
        cut = cascade.STAGE_2 | NARROW_2 | dict(block_out_channels=(width, 8, 16, 16, 16))
        with pytest.raises(ValueError, match="two channels per group"):
            pass_through(UNet2DConditionModel(**cut))


# the objective


def test_a_tint_weighs_more_than_white_error_of_the_same_energy():
    plain, coarse = Objective(), Coarse()
    white = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    white /= white.square().mean((1, 2, 3), keepdim=True).sqrt()
    tint = torch.ones_like(white)
    torch.testing.assert_close(plain.felt(tint), plain.felt(white))
    torch.testing.assert_close(coarse.felt(tint), (1 + Coarse.SHARE) * plain.felt(tint))
    torch.testing.assert_close(
        coarse.felt(white), plain.felt(white) * (1 + Coarse.SHARE / Coarse.SQUARE**2), rtol=0.1, atol=0
    )


def test_the_coarse_weight_grows_with_the_noise_and_is_capped():
    plain, coarse = Objective().weight, Coarse().weight
    even = int((Objective().abar > 0.5).sum())  # up to here there is more picture than noise
    torch.testing.assert_close(coarse[:even], plain[:even])
    more = coarse[even:] / plain[even:]
    assert (more > 1).all() and (more.diff() > -1e-4).all()
    assert more[-1] == pytest.approx(Coarse.CAP) and coarse.max() <= Coarse.CAP * plain.max()


def test_stage_2_learns_by_the_coarse_objective():
    """Where x_t is noise, a tint costs more than twice what it costs a network of stage I."""
    t, wrong = torch.tensor([950, 950]), torch.full((2, 3, 16, 16), 0.1)
    nothing = torch.zeros_like(wrong)
    costs = [each.loss(nothing, wrong, nothing, t)[0] for each in (Objective(), Coarse())]
    assert costs[1] > 2 * costs[0]


def test_the_schedule_is_that_of_the_saved_scheduler():
    ours, theirs = Objective(), cascade.scheduler("stage1")
    torch.testing.assert_close(ours.abar, theirs.alphas_cumprod, rtol=2e-4, atol=1e-7)
    torch.testing.assert_close(ours.beta, theirs.betas, rtol=2e-4, atol=1e-7)


def test_the_variational_term_is_a_divergence():
    """Zero for the posterior itself, positive else; equal to torch's own KL."""
    objective, rng = Objective(), torch.Generator().manual_seed(0)
    t = torch.tensor([1, 10, 300, 900])
    eps = torch.randn(4, 3, 8, 8, generator=rng)
    posterior = torch.full_like(eps, -1.0)  # f = 0: log beta tilde
    assert objective.vlb(eps, eps, posterior, t).abs().max() < 1e-5
    predicted, raw = eps + 0.3, torch.full_like(eps, 0.2)
    ours = objective.vlb(eps, predicted, raw, t)
    x0 = torch.randn(eps.shape, generator=rng)
    x_t = objective.noised(x0, t, eps)
    a = objective.abar[t].view(-1, 1, 1, 1)
    guess = (x_t - (1 - a).sqrt() * predicted) / a.sqrt()
    share, beta, low = (
        part[t].view(-1, 1, 1, 1) for part in (objective.x0_share, objective.beta, objective.beta_tilde)
    )
    wide = (0.6 * beta.log() + 0.4 * low.log()).exp()
    normal = torch.distributions.Normal
    kl = torch.distributions.kl_divergence(normal(share * x0, low.sqrt()), normal(share * guess, wide.sqrt()))
    torch.testing.assert_close(ours, kl.mean((1, 2, 3)) / math.log(2), rtol=1e-2, atol=1e-4)


def test_the_variance_term_does_not_move_the_mean():
    objective = Objective()
    eps, predicted = torch.randn(2, 3, 4, 4), torch.randn(2, 3, 4, 4, requires_grad=True)
    raw, t = torch.zeros(2, 3, 4, 4, requires_grad=True), torch.tensor([100, 900])
    loss, errors = objective.loss(eps, predicted, raw, t)
    loss.backward()
    expected = objective.weight[t].view(-1, 1, 1, 1) * 2 * (predicted.detach() - eps) / 48 / 2
    torch.testing.assert_close(predicted.grad, expected)
    assert raw.grad.abs().sum() > 0
    torch.testing.assert_close(errors, (predicted.detach() - eps).square().mean((1, 2, 3)))


# the text


def test_tokens_are_those_of_diffusers():
    captions = ["a dog next to a cat", "STAR", "", "a dog " * 60]
    tokenizer = cascade.tokenizer(captions)
    ids, mask = tokens(tokenizer, captions)
    assert ids.shape == mask.shape == (4, 77) and mask[3].all() and mask[2].sum() == 1
    assert (ids != tokenizer.unk_token_id).all()


def test_padding_is_masked_and_carries_the_caption(narrow):
    """What stands in the padding changes nothing; the padded positions differ between captions."""
    tokenizer = cascade.tokenizer(["a dog", "a cat"])
    stage = cascade.Stage(cascade.unet("stage1"), cascade.text_encoder(len(tokenizer))).eval()
    ids, mask = tokens(tokenizer, ["a dog", "a cat"])
    with torch.no_grad():
        read = stage.read(ids, mask)
        other = stage.read(torch.where(mask.bool(), ids, 5), mask)
    real = mask.bool()
    torch.testing.assert_close(read[real], other[real], atol=1e-5, rtol=0)
    assert (read[0, 40] - read[1, 40]).abs().max() > 1e-4


def test_a_fixed_variance_is_the_posteriors():
    torch.manual_seed(0)
    unet = cascade.unet("stage2")
    x, t, text = torch.randn(1, 6, 64, 64), torch.tensor([500]), torch.randn(1, 77, cascade.TEXT_WIDTH)
    with torch.no_grad():
        eps, raw = unet(x, t, text, class_labels=t).sample.chunk(2, dim=1)
        cascade.fix_variance(unet)
        same, fixed = unet(x, t, text, class_labels=t).sample.chunk(2, dim=1)
    assert torch.equal(eps, same) and not (raw == -1).any() and (fixed == -1).all()
