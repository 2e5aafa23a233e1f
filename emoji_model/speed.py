"""The parts of a UNet of IF's format, written so that training on a CPU takes less; `quick` puts them in.

- Summed: "twice as large, then a 3x3 convolution" as one transposed convolution, 4/9 of the work. It is
  diffusion_core.if_blocks.Doubled with its weights summed anew in every forward, so that gradients reach
  the 3x3 ones.
- Plain: attention by two batched products and a softmax. Going back through
  scaled_dot_product_attention costs a CPU several times as much at 16 to 256 queries.

Parameters keep their names and shapes, and the answer is the same up to rounding: what is learned here is
loaded by diffusers' own UNet2DConditionModel.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn


def quick(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """Put the parts below into the UNet, in place."""
    for parent in list(unet.modules()):
        for name, child in parent.named_children():
            if isinstance(child, Upsample2D) and child.use_conv:
                setattr(parent, name, Summed(child.conv))
            elif isinstance(child, Attention):
                child.set_processor(Plain())
    return unet


class Summed(nn.Module):
    """A picture twice as large (nearest neighbour), then a 3x3 convolution: [N,C,H,W] -> [N,D,2H,2W].

    Of the nine enlarged pixels under a new pixel's weights only four differ: the weights that fall on one
    of them are added up, which gives a transposed convolution of 4x4 weights and stride 2.
    """

    def __init__(self, conv: nn.Conv2d):
        super().__init__()
        self.conv = conv

    def forward(self, x: Tensor, output_size: None = None) -> Tensor:
        turned = self.conv.weight.flip(2, 3).transpose(0, 1)  # a transposed one reads backwards
        summed = sum(F.pad(turned, (dx, 1 - dx, dy, 1 - dy)) for dx in (0, 1) for dy in (0, 1))
        return F.conv_transpose2d(x, summed, self.conv.bias, stride=2, padding=1)


class Plain:
    """diffusers' AttnAddedKVProcessor for pictures that lie channels last.

    softmax(Q [K_text, K]^T / sqrt(d)) [V_text, V], heads apart; the softmax is taken in float32.
    """

    def __call__(
        self,
        attn: Attention,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor | None = None,
        attention_mask: None = None,
    ) -> Tensor:
        """hidden_states [N,C,H,W], encoder_hidden_states [N,77,D] -> [N,C,H,W], itself added."""
        rows, width, high, wide = hidden_states.shape
        text = encoder_hidden_states
        if attn.norm_cross:
            text = attn.norm_encoder_hidden_states(text)
        own = attn.group_norm(hidden_states).permute(0, 2, 3, 1).reshape(rows, high * wide, width)

        def apart(x: Tensor) -> Tensor:
            return x.unflatten(2, (attn.heads, -1)).transpose(1, 2).flatten(0, 1)  # [N heads, tokens, d]

        keys, values = attn.add_k_proj(text), attn.add_v_proj(text)
        if not attn.only_cross_attention:
            keys = torch.cat([keys, attn.to_k(own)], dim=1)
            values = torch.cat([values, attn.to_v(own)], dim=1)
        queries, keys, values = apart(attn.to_q(own)), apart(keys), apart(values)
        likeness = torch.bmm(queries, keys.transpose(1, 2)).float() * queries.shape[2] ** -0.5
        seen = torch.bmm(likeness.softmax(-1).to(values.dtype), values)
        seen = seen.unflatten(0, (rows, -1)).transpose(1, 2).flatten(2)
        return attn.to_out[0](seen).view(rows, high, wide, width).permute(0, 3, 1, 2) + hidden_states
