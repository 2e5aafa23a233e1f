"""A UNet of DeepFloyd IF's format behind the house's Network: what is constant is computed once.

At every step diffusers' pipelines compute again what hangs on the prompt alone: the projection of the
text, its pooled embedding, and in every attention layer the normalised text, its keys and its values.
Here they are computed when a prompt is first asked about, and kept. Beside that

- the rows of one forward may differ in time, prompt and noise level, so all users share it;
- the time embedding of every residual block comes from one matrix product instead of one per block;
- queries, keys and values of the picture come from one product instead of three;
- the picture lies in memory channels last, which convolutions on a CPU and on tensor cores prefer.

The blocks themselves are diffusers' own, so a forward equals UNet2DConditionModel's, up to rounding.

Source: the published configurations of DeepFloyd IF, and diffusers 0.42 as the reference.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import NamedTuple

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import Attention
from diffusers.models.resnet import ResnetBlock2D
from torch import Tensor, nn
from torch.nn import functional as F

from diffusion_core.estimates import Card
from diffusion_core.networks import Network, Rows

PROMPTS_KEPT = 96  # texts whose keys and values stay; 4 MB each for IF-I-M, 15 MB for XL, in half precision
SAYINGS_KEPT = 4  # combinations of prompts laid out as a batch


class NotIF(ValueError):
    """This UNet is not of DeepFloyd IF's format; the message says where it departs."""


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


class IFNetwork(Network):
    """unet    of IF's format, taken over: its attention is rebuilt, so use it no more elsewhere
    card    what the house calls it
    embed   prompt -> embedding [77,D]; asked once per prompt, see prompts.py
    device, dtype  where and how it computes; x and the answers are float32 on x's device

    An ask's labels are prompts; None is the null prompt "". NotIF if the UNet is of another kind.
    """

    def __init__(
        self,
        unet: UNet2DConditionModel,
        card: Card,
        embed: Callable[[str], Tensor],
        *,
        device: torch.device | str = "cpu",
        dtype: torch.dtype = torch.float32,
        rows_at_most: int = 48,
    ):
        check_format(unet)
        self.card, self.embed, self.rows_at_most = card, embed, rows_at_most
        self.device, self.dtype = torch.device(device), dtype
        self.unet = (
            unet.eval().requires_grad_(False).to(self.device, dtype, memory_format=torch.channels_last)
        )
        self.layers = [_rebuilt(m, k) for k, m in enumerate(_attentions(unet))]
        self.times = _one_product(unet)
        self._texts: OrderedDict[str, Text] = OrderedDict()
        self._said: OrderedDict[tuple[Hashable, ...], Text] = OrderedDict()

    @torch.inference_mode()
    def forward(self, rows: Rows) -> tuple[Tensor, Tensor]:
        """epsilon [N,3,H,W] and the raw learned variance [N,3,H,W], float32."""
        x = rows.spread_out(rows.x)
        home = x.device
        if rows.beside is not None:
            x = torch.cat([x, rows.beside], dim=1)
        if x.shape[1] != self.unet.config.in_channels:
            raise ValueError(
                f"{self.card.name} sees {self.unet.config.in_channels} channels, not {x.shape[1]}"
            )
        x = x.to(self.device, self.dtype, memory_format=torch.channels_last)
        text = self.said(rows.labels)
        out = self._blocks(x, self._embedded(rows, text), text).to(home, torch.float32)
        return out.chunk(2, dim=1)

    def prepare(self, labels: Iterable[Hashable]) -> None:
        """Read the prompts of a run ahead of its first ask: the text encoder may be slow."""
        read_all = getattr(self.embed, "read_all", None)
        prompts = sorted({label or "" for label in labels})
        if read_all:
            read_all(prompts)
        else:
            for prompt in prompts:
                self.embed(prompt)

    def said(self, labels: tuple[Hashable, ...]) -> Text:
        """The text path of these prompts, a row each."""
        if labels not in self._said:
            self._said[labels] = Text.stacked([self._text(label or "") for label in labels])
        return _recent(self._said, labels, SAYINGS_KEPT)

    def _text(self, prompt: str) -> Text:
        if prompt not in self._texts:
            self._texts[prompt] = self._read(self.embed(prompt)[None].to(self.device, self.dtype))
        return _recent(self._texts, prompt, PROMPTS_KEPT)

    def _read(self, embedding: Tensor) -> Text:
        """[1,77,D] -> its pooled embedding, and keys and values for every layer."""
        pooled = self.unet.add_embedding(embedding)
        hidden = self.unet.encoder_hid_proj(embedding)
        keys, values = [], []
        for attention in self.layers:
            normed = attention.norm_encoder_hidden_states(hidden) if attention.norm_cross else hidden
            keys.append(attention.head_to_batch_dim(attention.add_k_proj(normed), out_dim=4))
            values.append(attention.head_to_batch_dim(attention.add_v_proj(normed), out_dim=4))
        return Text(pooled, tuple(keys), tuple(values))

    def _embedded(self, rows: Rows, text: Text) -> Tensor:
        """Time, noise level and pooled text, projected for all blocks at once: [N, sum of widths]."""
        unet = self.unet
        emb = unet.time_embedding(unet.time_proj(rows.t.to(self.device)).to(self.dtype))
        if unet.class_embedding is not None:
            emb = emb + unet.class_embedding(unet.time_proj(rows.noise.to(self.device)).to(self.dtype))
        emb = emb + text.pooled
        return self.times(emb if unet.time_embed_act is None else unet.time_embed_act(emb))

    def _blocks(self, x: Tensor, emb: Tensor, text: Text) -> Tensor:
        """[N,3 or 6,H,W] -> [N,6,H,W] through the UNet's own blocks."""
        unet = self.unet
        h = unet.conv_in(x)
        skips = [h]
        for block in unet.down_blocks:
            h, more = block(hidden_states=h, temb=emb, **_told(block, text))
            skips += more
        h = unet.mid_block(h, emb, **_told(unet.mid_block, text))
        for block in unet.up_blocks:
            taken = len(block.resnets)
            h = block(
                hidden_states=h,
                temb=emb,
                res_hidden_states_tuple=tuple(skips[-taken:]),
                upsample_size=None,
                **_told(block, text),
            )
            del skips[-taken:]
        return unet.conv_out(unet.conv_act(unet.conv_norm_out(h)))


def check_format(unet: UNet2DConditionModel) -> None:
    """NotIF, saying where, unless the UNet has the parts that IFNetwork drives."""
    config = unet.config
    wanted = {
        "encoder_hid_dim_type": ("text_proj",),
        "addition_embed_type": ("text",),
        "class_embed_type": (None, "timestep"),
        "out_channels": (6,),
        "in_channels": (3, 6),
        "mid_block_type": ("UNetMidBlock2DSimpleCrossAttn",),
        "time_cond_proj_dim": (None,),
        "class_embeddings_concat": (False,),
        "center_input_sample": (False,),
        "resnet_time_scale_shift": ("scale_shift",),
    }
    for name, allowed in wanted.items():
        if config[name] not in allowed:
            expected = " or ".join(map(repr, allowed))
            raise NotIF(
                f"This UNet is not of DeepFloyd IF's format: {name} is {config[name]!r}, not {expected}."
            )
    if config.sample_size % 2**unet.num_upsamplers:
        raise NotIF(
            f"A UNet that halves {unet.num_upsamplers} times cannot take {config.sample_size} pixels."
        )


def _told(block: nn.Module, text: Text) -> dict:
    """What only blocks that attend to the text are given: the blocks hand it on to KeptText untouched."""
    return {"encoder_hidden_states": text} if getattr(block, "has_cross_attention", False) else {}


def _recent(kept: OrderedDict, key: Hashable, at_most: int) -> Text:
    """kept[key], as the latest; the oldest go where there are too many."""
    kept.move_to_end(key)
    while len(kept) > at_most:
        kept.popitem(last=False)
    return kept[key]


# --- the UNet, rebuilt where it repeats itself --------------------------------------------------------


def _attentions(unet: UNet2DConditionModel) -> list[Attention]:
    return [module for module in unet.modules() if isinstance(module, Attention)]


def _rebuilt(attention: Attention, layer: int) -> Attention:
    """One product for queries, keys and values, and the text's keys and values from what was kept."""
    parts = (
        [attention.to_q]
        if attention.only_cross_attention
        else [attention.to_q, attention.to_k, attention.to_v]
    )
    attention.set_processor(KeptText(layer, _joined(parts)))
    attention.to_q = attention.to_k = attention.to_v = None
    return attention


def _joined(parts: Sequence[nn.Linear]) -> nn.Linear:
    """The layers side by side: one product with the outputs of all, one after the other."""
    first = parts[0]
    with torch.device("meta"):
        joined = nn.Linear(first.in_features, sum(p.out_features for p in parts), bias=first.bias is not None)
    joined.weight = nn.Parameter(torch.cat([p.weight for p in parts]), requires_grad=False)
    if first.bias is not None:
        joined.bias = nn.Parameter(torch.cat([p.bias for p in parts]), requires_grad=False)
    return joined


class KeptText(nn.Module):
    """Attention of a picture to itself and to a text whose keys and values are known already.

    softmax(Q [K_text, K]^T / sqrt(d)) [V_text, V], heads apart; to the text alone where the layer's
    only_cross_attention is set. Takes the place of diffusers' AttnAddedKVProcessor.
    """

    def __init__(self, layer: int, project: nn.Linear):
        super().__init__()
        self.layer, self.project = layer, project

    def __call__(
        self, attn: Attention, hidden_states: Tensor, encoder_hidden_states: Text, attention_mask: None = None
    ) -> Tensor:
        """hidden_states [N,C,H,W] -> [N,C,H,W], the residual added."""
        channels, height, width = hidden_states.shape[1:]
        normed = attn.group_norm(hidden_states).flatten(2).transpose(1, 2)  # [N,HW,C]
        own = self.project(normed).unflatten(-1, (-1, attn.heads, channels // attn.heads))
        own = own.permute(2, 0, 3, 1, 4)  # [1 or 3,N,heads,HW,d]
        keys, values = encoder_hidden_states.keys[self.layer], encoder_hidden_states.values[self.layer]
        if len(own) == 3:
            keys, values = torch.cat([keys, own[1]], dim=2), torch.cat([values, own[2]], dim=2)
        seen = F.scaled_dot_product_attention(own[0], keys, values)
        seen = attn.to_out[0](seen.transpose(1, 2).flatten(2))
        return seen.transpose(1, 2).unflatten(2, (height, width)) + hidden_states


class Slice(nn.Module):
    """Columns start..stop of what was projected for all blocks at once."""

    def __init__(self, start: int, stop: int):
        super().__init__()
        self.start, self.stop = start, stop

    def forward(self, emb: Tensor) -> Tensor:
        return emb[:, self.start : self.stop]


def _one_product(unet: UNet2DConditionModel) -> nn.Sequential:
    """The time projections of all residual blocks as one, each block keeping a slice of the result.

    A block applies its activation to the embedding first, unless it was built to skip that; all blocks
    of a UNet agree on it, so it is applied once. emb [N,E] -> [N, sum of widths].
    """
    resnets = [module for module in unet.modules() if isinstance(module, ResnetBlock2D)]
    joined = _joined([resnet.time_emb_proj for resnet in resnets])
    activation = nn.Identity() if resnets[0].skip_time_act else resnets[0].nonlinearity
    start = 0
    for resnet in resnets:
        stop = start + resnet.time_emb_proj.out_features
        resnet.time_emb_proj, resnet.skip_time_act = Slice(start, stop), True
        start = stop
    return nn.Sequential(activation, joined)
