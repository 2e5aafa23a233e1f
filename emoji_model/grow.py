"""From 32 to 64 pixels: the network that knows the things is put inside one that sees twice as fine.

Training at 32 pixels costs a third. To run the same weights at 64 would double every distance they have
learned: one heart becomes four. So a level is added outside (as in Karras et al. 2018, for GANs), and at
the start it does nothing: what goes in is the mean of 2 x 2 pixels, what comes out is enlarged, its skip is
not yet heard, and the residual blocks that are new beside the old ones add nothing.

Averaging four pixels halves the noise, so at t the inner network meets the signal-to-noise ratio that it
knows from t' < t,

    abar' / (1 - abar') = 4 abar / (1 - abar),

and its time embedding is fitted to say t' where it is told t. What it answers is the noise at its own
scale: the mean of eps over 2 x 2 pixels is half of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from diffusers.models.resnet import ResnetBlock2D

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
        _take(outer.down_blocks[level + 1], block)
    for level, block in enumerate(inner.up_blocks):
        _take(outer.up_blocks[level], block)
    _pass_on(outer)
    _answer_alike(inner, outer)
    _match_first(inner, outer)
    _shift_time(outer)
    return cascade.Stage(outer, small.text)


@torch.no_grad()
def _take(outer: torch.nn.Module, inner: torch.nn.Module) -> None:
    """The weights of a block of "small"; residual blocks that it lacks hand on what they are given."""
    outer.load_state_dict(inner.state_dict(), strict=False)  # the last one gains an upsampler
    for block in outer.resnets[len(inner.resnets) :]:
        _hand_on(block)


def _hand_on(block: ResnetBlock2D) -> None:
    """Out comes the first part of what goes in: the rest is the skip."""
    block.conv2.weight.zero_()
    block.conv2.bias.zero_()
    if block.conv_shortcut is not None:
        block.conv_shortcut.bias.zero_()
        torch.nn.init.dirac_(block.conv_shortcut.weight)


@torch.no_grad()
def _pass_on(outer: UNet2DConditionModel) -> None:
    """Make the way out of the inner network an enlargement."""
    (enlarge,) = outer.up_blocks[-2].upsamplers
    torch.nn.init.dirac_(enlarge.conv.weight)
    enlarge.conv.bias.zero_()
    for block in outer.up_blocks[-1].resnets:
        _hand_on(block)


@torch.no_grad()
def _answer_alike(inner: UNet2DConditionModel, outer: UNet2DConditionModel) -> None:
    """Let the last convolution say of an enlarged picture, in the mean of 2 x 2, what the old one said.

    Along a line, weights (a, b, c) on pixels that come in pairs make a/2, a/2 + b + c/2, c/2 of them.
    """
    along = torch.tensor([[2.0, 0.0, 0.0], [-1.0, 1.0, -1.0], [0.0, 0.0, 2.0]])
    weight = along @ inner.conv_out.weight @ along.T
    bias = inner.conv_out.bias.clone()
    colours = outer.config.out_channels // 2
    weight[:colours] /= 2
    bias[:colours] /= 2
    outer.conv_out.weight.copy_(weight)
    outer.conv_out.bias.copy_(bias)


def _match_first(inner: UNet2DConditionModel, outer: UNet2DConditionModel, steps: int = 400) -> None:
    """Fit the first two convolutions, so that the inner network is given what it was: conv_in of the means.

    Together they see 5 x 5 pixels, and a 3 x 3 convolution of means sees 6 x 6: pictures are hit closely,
    white noise is not.
    """
    rng = torch.Generator().manual_seed(0)
    (halve,) = outer.down_blocks[0].downsamplers
    optimizer = torch.optim.Adam([*outer.conv_in.parameters(), *halve.parameters()], lr=3e-3)
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / steps)
        x = F.avg_pool2d(torch.randn(8, 3, 64, 64, generator=rng), 2)
        x = F.interpolate(torch.randn(8, 3, 8, 8, generator=rng), size=32, mode="bilinear") + x
        with torch.no_grad():
            wanted = inner.conv_in(F.avg_pool2d(x, 2))
        loss = F.mse_loss(halve(outer.conv_in(x)), wanted)
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
