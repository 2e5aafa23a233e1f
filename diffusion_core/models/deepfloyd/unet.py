"""A UNet of DeepFloyd IF's format behind the house's Network: what is constant is computed once.

At every step diffusers' pipelines compute again what hangs on the prompt alone: the projection of the
text, its pooled embedding, and in every attention layer the normalised text, its keys and its values.
Here they are computed when a prompt is first asked about, and kept. Beside that

- the rows of one forward may differ in time, prompt and noise level, so all users share it;
- the picture lies in memory channels last, which convolutions on a CPU and on tensor cores prefer;
- the parts of the UNet's blocks are written to compute the same with less, see blocks.py.

A forward equals UNet2DConditionModel's, up to rounding.

Source: the published configurations of DeepFloyd IF, and diffusers 0.42 as the reference.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from diffusion_core.estimates import Card
from diffusion_core.models.deepfloyd.blocks import Text, rebuild
from diffusion_core.models.network import Network, Rows

PROMPTS_KEPT = 96  # texts whose keys and values stay; 4 MB each for IF-I-M, 15 MB for XL, in half precision
SAYINGS_KEPT = 4  # combinations of prompts laid out as a batch


class NotIF(ValueError):
    """This UNet is not of DeepFloyd IF's format; the message says where it departs."""


class IFNetwork(Network):
    """unet    of IF's format, taken over: its parts are rebuilt, so use it no more elsewhere
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
        self.layers, self.times = rebuild(self.unet)
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
        text = self.said(rows.labels)
        out = self._blocks(x.to(self.device, self.dtype), self._embedded(rows, text), text)
        return out.to(home, torch.float32, memory_format=torch.contiguous_format).chunk(2, dim=1)

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
        keys, values = zip(*(layer.read(hidden) for layer in self.layers))
        return Text(pooled, keys, values)

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
