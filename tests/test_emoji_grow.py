"""Right after growth the 64-pixel network is the 32-pixel one, seen in the means of 2 x 2 pixels."""

import pytest
import torch

from emoji_model import cascade, grow
from emoji_model.objective import Objective


@pytest.fixture
def narrow(monkeypatch):
    inner = (8, 16, 16, 16)
    for name, widths in (("SMALL", inner), ("STAGE_1", (8, *inner))):
        cut = dict(block_out_channels=widths, attention_head_dim=8)
        monkeypatch.setattr(cascade, name, getattr(cascade, name) | cut)


@torch.no_grad()
def test_a_grown_network_starts_as_the_small_one(narrow):
    """Where the time is told shifted, its answer is the small one's to the means of 2 x 2 pixels, in their
    mean: the noise at half its scale, the variance as it was. That of a new network is not."""
    torch.manual_seed(0)
    small = cascade.Stage(cascade.unet("small"), cascade.text_encoder(50)).eval()
    with torch.enable_grad():
        outer = grow.grown(small).eval().unet
    assert outer.config.sample_size == 64
    x = torch.nn.functional.interpolate(torch.randn(2, 3, 8, 8), size=64, mode="bilinear")
    text = torch.randn(2, 77, cascade.TEXT_WIDTH)
    objective = Objective()
    snr = objective.abar / (1 - objective.abar)
    t = 700
    before = int((snr - 4 * snr[t]).abs().argmin())
    wanted = small.unet(torch.nn.functional.avg_pool2d(x, 2), torch.tensor([before] * 2), text).sample
    wanted[:, :3] /= 2

    def apart(unet) -> float:
        told = torch.nn.functional.avg_pool2d(unet(x, torch.tensor([t] * 2), text).sample, 2)
        return float((told - wanted).norm() / wanted.norm())

    assert apart(outer) < 0.3 < 0.8 < apart(cascade.unet("stage1").eval())


@torch.no_grad()
def test_what_is_added_by_growing_does_nothing_yet(narrow):
    """Past its first convolutions the outer network is the inner one, to the last bits."""
    torch.manual_seed(0)
    small = cascade.Stage(cascade.unet("small"), cascade.text_encoder(50)).eval()
    inner, outer = small.unet, cascade.unet("stage1").eval()
    for level, block in enumerate(inner.down_blocks):
        grow._take(outer.down_blocks[level + 1], block)
    for level, block in enumerate(inner.up_blocks):
        grow._take(outer.up_blocks[level], block)
    grow._pass_on(outer)
    outer.conv_norm_out.load_state_dict(inner.conv_norm_out.state_dict())
    grow._answer_alike(inner, outer)
    width = cascade.SMALL["block_out_channels"]
    emb = torch.randn(2, cascade.SHARED["time_embedding_dim"])

    x = torch.randn(2, width[0], 32, 32)
    (kept, lower), plain = outer.down_blocks[1](x, emb)[1], inner.down_blocks[0](x, emb)[0]
    assert torch.equal(kept, x) and torch.equal(lower, plain)
    x, skips = torch.randn(2, width[1], 32, 32), (torch.randn(2, width[0], 32, 32),) * 2
    out = inner.up_blocks[-1](x, skips[:1], emb)
    large = outer.up_blocks[-2](x, skips, emb)
    torch.testing.assert_close(large, out.repeat_interleave(2, 2).repeat_interleave(2, 3))
    again = outer.up_blocks[-1](large, (torch.randn(2, width[0], 64, 64),), emb)
    torch.testing.assert_close(again, large)

    def answer(unet, h):
        return unet.conv_out(unet.conv_act(unet.conv_norm_out(h)))

    told, wanted = torch.nn.functional.avg_pool2d(answer(outer, again), 2), answer(inner, out)
    wanted[:, :3] /= 2
    inside = (
        ...,
        slice(1, -1),
        slice(1, -1),
    )  # zeros around the picture count as pixels, and halve their width
    torch.testing.assert_close(told[inside], wanted[inside], atol=1e-5, rtol=1e-4)
