"""Stage II begins with x_t passed straight through to eps: where there is much noise, that is nearly it.

    eps = (x_t - sqrt(abar_t) x0) / sqrt(1 - abar_t)  ->  x_t   as abar_t -> 0

An error of eps weighs sqrt((1 - abar_t) / abar_t) times as much in x0: its square 40 times at t = 900. A
fresh UNet hardly learns to copy its input that well, for the norm before its last convolution takes the mean
off every group of channels: pictures come out tinted. Here each colour goes through that norm as a group of
its own, (+s, -s): its mean is 0 whatever s is, its scale is that of eps, which is 1, and gelu(s) - gelu(-s)
= s undoes the activation. All of it stays free to learn; what the rest of the network learns first is the
picture, s = x_t - sqrt(abar_t) x0.
"""

import torch
from diffusers import UNet2DConditionModel

FAINT = 0.1  # of what else flows into eps at first


@torch.no_grad()
def pass_through(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """A fresh UNet of STAGE_2, whose groups before the last convolution are pairs; changed in place."""
    if unet.conv_norm_out.num_channels != 2 * unet.conv_norm_out.num_groups:
        raise ValueError("The norm before the last convolution must hold two channels per group.")
    last = unet.up_blocks[-1].resnets[-1]
    behind = last.in_channels - unet.conv_in.out_channels  # channels of the concatenation before conv_in's
    for colour in range(3):
        # conv_in: channel `colour` is x_t's own
        unet.conv_in.weight[colour] = 0
        unet.conv_in.weight[colour, colour, 1, 1] = 1
        unet.conv_in.bias[colour] = 0
        # the last resnet: (+s, -s) from it, along the skip
        for channel, sign in ((2 * colour, 1.0), (2 * colour + 1, -1.0)):
            weight = last.conv_shortcut.weight[channel]
            weight *= FAINT
            weight[behind:] = 0
            weight[behind + colour] = sign * last.output_scale_factor
            last.conv_shortcut.bias[channel] = 0
            last.conv2.weight[channel] *= FAINT
            last.conv2.bias[channel] = 0
        # conv_out: gelu(s) - gelu(-s)
        unet.conv_out.weight[colour] *= FAINT
        unet.conv_out.weight[colour, 2 * colour : 2 * colour + 2] = 0
        unet.conv_out.weight[colour, 2 * colour, 1, 1] = 1
        unet.conv_out.weight[colour, 2 * colour + 1, 1, 1] = -1
        unet.conv_out.bias[colour] = 0
    return unet
