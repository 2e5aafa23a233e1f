"""From 32 to 64 pixels: the network that knows the things is put inside one that sees twice as fine.

Training at 32 pixels costs a quarter. To run the same weights at 64 would double every distance they have
learned: one heart becomes four. So a level is added outside (as in Karras et al. 2018, for GANs), and at
the start it does nothing: its residual branches are zero, what goes in is the mean of 2 x 2 pixels, what
comes out is enlarged. Averaging four pixels halves the noise, so at t the inner network meets the
signal-to-noise ratio that it knows from t' < t,

    abar' / (1 - abar') = 4 abar / (1 - abar),

and its time embedding is fitted to say t' where it is told t.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from emoji_model import cascade
from emoji_model.objective import STEPS, Objective

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel


def grown(small: cascade.Stage) -> cascade.Stage:
    """Stage I with the weights of "small" inside."""
    inner, outer = small.unet, cascade.unet("stage1")
    for name in (
        "encoder_hid_proj",
        "add_embedding",
        "mid_block",
        "time_embedding",
        "conv_norm_out",
        "conv_out",
    ):
        getattr(outer, name).load_state_dict(getattr(inner, name).state_dict())
    for level, block in enumerate(inner.down_blocks):
        outer.down_blocks[level + 1].load_state_dict(block.state_dict())
    for level, block in enumerate(inner.up_blocks):
        # the innermost ones come first; the last one gains an upsampler
        outer.up_blocks[level].load_state_dict(block.state_dict(), strict=False)
    _pass_on(outer)
    _match_first(inner, outer)
    _shift_time(outer)
    return cascade.Stage(outer, small.text)


@torch.no_grad()
def _pass_on(outer: UNet2DConditionModel) -> None:
    """Make the outer level the identity: its residual branches add nothing, its skip is not yet heard."""
    first, last = outer.down_blocks[0], outer.up_blocks[-1]
    for block in (*first.resnets, *first.downsamplers, *last.resnets, *outer.up_blocks[-2].upsamplers):
        block.conv2.weight.zero_()
        block.conv2.bias.zero_()
    for block in last.resnets:
        block.conv_shortcut.weight.zero_()
        block.conv_shortcut.bias.zero_()
        width = block.out_channels
        block.conv_shortcut.weight[:, :width, 0, 0] = torch.eye(width)


def _match_first(inner: UNet2DConditionModel, outer: UNet2DConditionModel, steps: int = 300) -> None:
    """Fit the new first convolution, so that its mean over 2 x 2 pixels is what the old one saw in them."""
    rng = torch.Generator().manual_seed(0)
    outer.conv_in.load_state_dict(inner.conv_in.state_dict())
    optimizer = torch.optim.Adam(outer.conv_in.parameters(), lr=3e-3)
    for _ in range(steps):
        x = F.avg_pool2d(torch.randn(4, 3, 128, 128, generator=rng), 2)
        x = F.interpolate(torch.randn(4, 3, 16, 16, generator=rng), size=64, mode="bilinear") + x
        with torch.no_grad():
            wanted = inner.conv_in(F.avg_pool2d(x, 2))
        loss = F.mse_loss(F.avg_pool2d(outer.conv_in(x), 2), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _shift_time(outer: UNet2DConditionModel, steps: int = 1500) -> None:
    """Fit the time embedding: e(t) <- e(t'), for all t."""
    abar = Objective().abar.double()
    snr = abar / (1 - abar)
    shifted = torch.searchsorted(-snr, -4 * snr).clamp(max=STEPS - 1)  # snr falls with t
    told = outer.time_proj(torch.arange(STEPS))
    with torch.no_grad():
        wanted = outer.time_embedding(told)[shifted]
    optimizer = torch.optim.Adam(outer.time_embedding.parameters(), lr=2e-3)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 2e-3 * (1 - step / steps)
        loss = F.mse_loss(outer.time_embedding(told), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
