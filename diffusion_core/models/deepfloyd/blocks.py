"""The parts of a DeepFloyd IF UNet, written to compute the same with less; `rebuild` puts them in.

- Residual: diffusers' ResnetBlock2D with fewer passes over the picture, and its share of one product that
  projects the time embedding for all blocks;
- TextAttention: queries, keys and values of the picture from one product, those of the text from what was
  kept;
- Pointwise: a 1x1 convolution is a product over channels;
- Doubled: "twice as large, then a 3x3 convolution" is one transposed convolution with 4/9 of the work.

tests/test_if_network.py holds them equal to diffusers' own UNet2DConditionModel, up to rounding.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn
from torch.nn import functional as F


class Text(NamedTuple):
    """What a UNet makes of prompts, with a leading row each:

    pooled        [N,E], added to the time embedding
    keys, values  per attention layer [N,heads,77,d]
    """

    pooled: Tensor
    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]

    @classmethod
    def stacked(cls, texts: "Sequence[Text]") -> "Text":
        layers = range(len(texts[0].keys))
        return cls(
            torch.cat([text.pooled for text in texts]),
            tuple(torch.cat([text.keys[layer] for text in texts]) for layer in layers),
            tuple(torch.cat([text.values[layer] for text in texts]) for layer in layers),
        )


def rebuild(unet: UNet2DConditionModel) -> "tuple[list[TextAttention], nn.Module]":
    """Put the parts below into the UNet, in place. It must lie already where it will compute.

    Returns its attention layers, in the order of Text.keys, and what projects the time embedding [N,E] for
    all residual blocks at once: [N, sum of widths], of which each takes its slice.
    """
    cpu = unet.device.type == "cpu"  # elsewhere nobody has measured whether Doubled pays
    layers: list[TextAttention] = []
    blocks = [module for module in unet.modules() if isinstance(module, ResnetBlock2D)]
    slices, width = {}, 0
    for block in blocks:
        slices[block] = slice(width, width := width + block.time_emb_proj.out_features)

    def attention(module: Attention) -> TextAttention:
        layers.append(TextAttention(module, len(layers)))
        return layers[-1]

    # a block applies its activation to the embedding first, unless told not to; all blocks of a UNet agree
    activation = nn.Identity() if blocks[0].skip_time_act else blocks[0].nonlinearity
    times = nn.Sequential(activation, Joined([block.time_emb_proj for block in blocks]))
    _swap(unet, Attention, attention)
    _swap(unet, ResnetBlock2D, lambda block: Residual(block, slices[block], cpu))
    _swap(unet, Upsample2D, lambda up: Doubled(up.conv) if up.use_conv and cpu else up)
    return layers, times


def _swap(root: nn.Module, kind: type, make: Callable[[nn.Module], nn.Module]) -> None:
    """Put make(module) in the place of every module of a kind."""
    for parent in list(root.modules()):
        for name, child in parent.named_children():
            if isinstance(child, kind):
                setattr(parent, name, make(child))


class Joined(nn.Module):
    """Linear layers (or 1x1 convolutions) side by side, as one product: [N,C] -> [N, sum of widths]."""

    def __init__(self, parts: Sequence[nn.Linear | nn.Conv2d]):
        super().__init__()
        weight = torch.cat([part.weight.detach().flatten(1) for part in parts])
        self.weight, self.bias = nn.Parameter(weight, requires_grad=False), None
        if parts[0].bias is not None:
            self.bias = nn.Parameter(torch.cat([part.bias.detach() for part in parts]), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class Pointwise(Joined):
    """The same for the channels of every pixel: [N,C,H,W] -> [N, sum of widths, H,W].

    A matrix product, since pictures lie channels last. In float32 on a CPU oneDNN is asked for it, as a
    convolution: it takes half the time of torch's own choice on one thread.
    """

    def forward(self, x: Tensor) -> Tensor:
        compiling = torch.compiler.is_compiling()  # then the compiler chooses
        if not compiling and x.is_cpu and x.dtype == torch.float32 and torch.backends.mkldnn.is_available():
            kernel = self.weight[:, :, None, None]
            return torch.mkldnn_convolution(x, kernel, self.bias, (0, 0), (1, 1), (1, 1), 1)
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Doubled(nn.ConvTranspose2d):
    """A picture twice as large (nearest neighbour), then a 3x3 convolution: [N,C,H,W] -> [N,D,2H,2W].

    Each new pixel sees nine enlarged ones, but these are only four different pixels of x. With the weights
    that fall on one pixel added up beforehand, that is a transposed convolution of 4x4 weights, stride 2.
    """

    def __init__(self, conv: nn.Conv2d):
        where = {"device": conv.weight.device, "dtype": conv.weight.dtype}
        super().__init__(conv.in_channels, conv.out_channels, 4, stride=2, padding=1, **where)
        turned = conv.weight.detach().float().flip(2, 3).transpose(0, 1)  # a transposed one reads backwards
        summed = sum(F.pad(turned, (dx, 1 - dx, dy, 1 - dy)) for dx in (0, 1) for dy in (0, 1))
        self.weight = nn.Parameter(summed.to(conv.weight.dtype), requires_grad=False)
        self.bias = conv.bias

    def forward(self, x: Tensor, output_size: None = None) -> Tensor:
        return super().forward(x)


class Residual(nn.Module):
    """diffusers' ResnetBlock2D with a time embedding that scales and shifts, for inference:

    h   = conv1(act(norm1(x)))            conv1 doubles or halves first, where the block does
    h   = conv2(act(norm2(h) (1 + scale) + shift))
    out = (shortcut(resize(x)) + h) / factor

    mine: which slice of the projected embedding is this block's scale and shift. Sums are taken in place.
    """

    def __init__(self, block: ResnetBlock2D, mine: slice, cpu: bool):
        super().__init__()
        self.norm1, self.norm2, self.act = block.norm1, block.norm2, block.nonlinearity
        self.mine, self.factor = mine, block.output_scale_factor
        self.resize = block.upsample or block.downsample or nn.Identity()
        merged = block.upsample is not None and cpu
        self.conv1 = Doubled(block.conv1) if merged else nn.Sequential(self.resize, block.conv1)
        self.conv2 = block.conv2
        self.shortcut = nn.Identity() if block.conv_shortcut is None else Pointwise([block.conv_shortcut])

    def forward(self, x: Tensor, emb: Tensor) -> Tensor:
        """x [N,C,H,W], emb [N, sum of widths] -> [N,D,H,W], or of twice or half the size."""
        h = self.conv1(self.act(self.norm1(x)))
        scale, shift = emb[:, self.mine, None, None].chunk(2, dim=1)
        h = torch.addcmul(shift, self.norm2(h), 1 + scale)
        h = self.conv2(self.act(h)).add_(self.shortcut(self.resize(x)))
        return h if self.factor == 1 else h.div_(self.factor)


class TextAttention(nn.Module):
    """Attention of a picture to itself and to a text whose keys and values are known already.

    softmax(Q [K_text, K]^T / sqrt(d)) [V_text, V], heads apart; to the text alone where the layer's
    only_cross_attention is set. Takes the place of diffusers' Attention with its AttnAddedKVProcessor.

    layer: which of Text.keys and Text.values are its own.
    """

    def __init__(self, attention: Attention, layer: int):
        super().__init__()
        own = [attention.to_q]
        if not attention.only_cross_attention:
            own += [attention.to_k, attention.to_v]
        self.layer, self.heads = layer, attention.heads
        self.norm, self.own, self.out = attention.group_norm, Pointwise(own), Pointwise([attention.to_out[0]])
        attention.to_q = attention.to_k = attention.to_v = attention.to_out = None
        self.reader = attention  # what is left of it reads texts

    def read(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values [1,heads,77,d] of a text [1,77,D]."""
        reader = self.reader
        if reader.norm_cross:
            hidden = reader.norm_encoder_hidden_states(hidden)
        keys, values = (project(hidden) for project in (reader.add_k_proj, reader.add_v_proj))
        return reader.head_to_batch_dim(keys, out_dim=4), reader.head_to_batch_dim(values, out_dim=4)

    def forward(self, x: Tensor, encoder_hidden_states: Text, attention_mask: None = None) -> Tensor:
        """x [N,C,H,W] -> [N,C,H,W], itself added."""
        own = self.own(self.norm(x)).flatten(2)  # [N, C or 3C, HW]
        own = own.unflatten(1, (-1, self.heads, x.shape[1] // self.heads)).transpose(3, 4)
        queries, *rest = own.unbind(1)  # [N,heads,HW,d] each
        keys, values = encoder_hidden_states.keys[self.layer], encoder_hidden_states.values[self.layer]
        if rest:
            keys, values = torch.cat([keys, rest[0]], dim=2), torch.cat([values, rest[1]], dim=2)
        seen = F.scaled_dot_product_attention(queries, keys, values)
        seen = seen.transpose(1, 2).flatten(2).unflatten(1, x.shape[2:])  # [N,H,W,C]
        return self.out(seen.permute(0, 3, 1, 2)).add_(x)
