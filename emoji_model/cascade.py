"""The two stages in DeepFloyd IF's own format, and their folders.

    stage I    64 x 64: 3 -> 6 channels, epsilon and the learned variance
    stage II   64 -> 256: the enlarged small picture beside x_t, and how noisy it was made

Both are diffusers' UNet2DConditionModel as IF configures it (text through a projection, pooled into the
time embedding, and as added keys and values in the attention), with the width at low resolution; the
text is read by a small T5 encoder whose padding is masked, as IF's, so that the padded positions carry
the caption too. `save` writes what stock diffusers opens: `IFPipeline.from_pretrained(folder)`.

diffusers and transformers are imported where they are needed: they take seconds.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from diffusers import DDPMScheduler, UNet2DConditionModel
    from transformers import T5EncoderModel, T5Tokenizer

TEXT_WIDTH = 192  # d_model of the T5
TOKENS = 77  # length of every prompt, padding included, as in IF
VOCABULARY = 3000  # pieces
SHARD = "9MB"  # a Space refuses files over 10 MB

SHARED = dict(
    out_channels=6,
    layers_per_block=1,
    mid_block_type="UNetMidBlock2DSimpleCrossAttn",
    act_fn="gelu",
    norm_num_groups=8,
    attention_head_dim=32,
    cross_attention_dim=TEXT_WIDTH,
    cross_attention_norm="group_norm",
    resnet_time_scale_shift="scale_shift",
    encoder_hid_dim=TEXT_WIDTH,
    encoder_hid_dim_type="text_proj",
    addition_embed_type="text",
    addition_embed_type_num_heads=4,
    time_embedding_dim=256,
)
SMALL = SHARED | dict(
    sample_size=32,
    in_channels=3,
    act_fn="silu",
    block_out_channels=(32, 96, 160, 256),
    layers_per_block=(0, 1, 1, 1),
    down_block_types=("DownBlock2D",) * 2 + ("SimpleCrossAttnDownBlock2D",) * 2,
    up_block_types=("UpBlock2D",) * 4,
)
"""What stage I grows from (grow.py): 13.3 M parameters, 1.4 GFLOP per row, 1.2 where enlarging and the
convolution behind it are one (speed.py). Attention at 8 x 8 and 4 x 4 on the way in, convolutions alone on
the way out: SimpleCrossAttnUpBlock2D would run a whole residual block of its width at twice its size."""

STAGE_1 = SMALL | dict(
    sample_size=64,
    block_out_channels=(32, *SMALL["block_out_channels"]),
    layers_per_block=(0, 1, *SMALL["layers_per_block"][1:]),
    down_block_types=("DownBlock2D", *SMALL["down_block_types"]),
    up_block_types=(*SMALL["up_block_types"], "UpBlock2D"),
)
"""The same within a finer level, and a residual block more at 32 x 32, in and out: 13.5 M parameters,
1.8 GFLOP per row at 64 x 64 (1.6)."""

STAGE_2 = SHARED | dict(
    sample_size=256,
    in_channels=6,
    block_out_channels=(16, 32, 64, 96, 128),
    down_block_types=("ResnetDownsampleBlock2D",) * 3 + ("SimpleCrossAttnDownBlock2D",) * 2,
    up_block_types=("SimpleCrossAttnUpBlock2D",) * 2 + ("ResnetUpsampleBlock2D",) * 3,
    class_embed_type="timestep",
    time_embedding_act_fn="gelu",
    resnet_skip_time_act=True,
    resnet_out_scale_factor=1 / 0.7071,
    mid_block_scale_factor=1 / 0.7071,
    only_cross_attention=True,
)
"""4.6 M parameters, 18 GFLOP per row at 256 x 256; attends to the text alone, as IF-II does."""

SCHEDULE = dict(
    beta_schedule="squaredcos_cap_v2",
    prediction_type="epsilon",
    variance_type="learned_range",
    thresholding=True,
    dynamic_thresholding_ratio=0.95,
)
FOLDERS = {"small": "emoji-32", "stage1": "emoji-64", "stage2": "emoji-256"}


def unet(stage: str) -> UNet2DConditionModel:
    """A new UNet of "small", "stage1" or "stage2"."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(**{"small": SMALL, "stage1": STAGE_1, "stage2": STAGE_2}[stage])


def scheduler(stage: str) -> DDPMScheduler:
    """IF's scheduler: cosine schedule, learned variance, dynamic threshold (1.5 at stage I, 1 at II)."""
    from diffusers import DDPMScheduler

    return DDPMScheduler(**SCHEDULE, sample_max_value=1.0 if stage == "stage2" else 1.5)


def text_encoder(vocabulary: int) -> T5EncoderModel:
    """Three layers of T5 v1.1: 1.7 M parameters."""
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=vocabulary,
        d_model=TEXT_WIDTH,
        d_kv=32,
        d_ff=512,
        num_layers=3,
        num_heads=6,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
    )
    return T5EncoderModel(config)


def tokenizer(captions: Iterable[str]) -> T5Tokenizer:
    """A Unigram vocabulary (Kudo 2018) of the captions, in T5's format; letters not met are <unk>."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
    from transformers import T5Tokenizer

    fresh = Tokenizer(models.Unigram())
    fresh.normalizer = normalizers.Lowercase()
    fresh.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        initial_alphabet=list("abcdefghijklmnopqrstuvwxyz0123456789,.'-"),
        show_progress=False,
    )
    fresh.train_from_iterator(captions, trainer)
    pieces = json.loads(fresh.to_str())["model"]["vocab"]
    return T5Tokenizer(vocab=[(piece, score) for piece, score in pieces], extra_ids=0)


def tokens(tokenizer: T5Tokenizer, captions: list[str], length: int = TOKENS) -> tuple[Tensor, Tensor]:
    """Ids and mask [B,length] int64, as IFPipeline makes them: lower case, cut, padded."""
    read = tokenizer(
        [caption.lower().strip() for caption in captions],
        padding="max_length",
        max_length=length,
        truncation=True,
        return_tensors="pt",
    )
    return read.input_ids, read.attention_mask


class Stage(torch.nn.Module):
    """A UNet and the T5 that reads its captions, trained as one."""

    def __init__(self, unet: UNet2DConditionModel, text: T5EncoderModel):
        super().__init__()
        self.unet, self.text = unet, text

    def read(self, ids: Tensor, mask: Tensor) -> Tensor:
        """[B,77] -> embeddings [B,77,D]."""
        return self.text(input_ids=ids, attention_mask=mask).last_hidden_state

    def forward(
        self, x: Tensor, t: Tensor, ids: Tensor, mask: Tensor, noise_level: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """epsilon and the raw variance, [B,3,H,W] each; x [B,3 or 6,H,W], t [B] in 0..999."""
        out = self.unet(x, t, self.read(ids, mask), class_labels=noise_level).sample
        return out.float().chunk(2, dim=1)


@torch.no_grad()
def fix_variance(unet: UNet2DConditionModel) -> None:
    """Let a UNet answer v = -1 everywhere: its steps scatter as the posterior does, sigma^2 = beta~.

    For a network that has not learned better yet: what is too wide stays in the picture as grain.
    """
    unet.conv_out.weight[3:] = 0
    unet.conv_out.bias[3:] = -1


def save(
    stage: str, trained: Stage, tokenizer: T5Tokenizer, folder: Path, *, fixed_variance: bool = False
) -> None:
    """Write the folder that diffusers opens: half precision, safetensors, shards of at most 9 MB."""
    from diffusers import DDPMScheduler, IFPipeline, IFSuperResolutionPipeline

    trained = copy.deepcopy(trained).cpu()  # half precision is for the file alone
    if fixed_variance:
        fix_variance(trained.unet)
    parts = dict(
        tokenizer=tokenizer,
        text_encoder=trained.text,
        unet=trained.unet,
        scheduler=scheduler(stage),
        safety_checker=None,
        feature_extractor=None,
        watermarker=None,
        requires_safety_checker=False,
    )
    if stage != "stage2":
        pipeline = IFPipeline(**parts)
    else:
        noising = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
        pipeline = IFSuperResolutionPipeline(**parts, image_noising_scheduler=noising)
    pipeline.to(dtype=torch.float16, silence_dtype_warnings=True)
    pipeline.save_pretrained(folder, safe_serialization=True, max_shard_size=SHARD)


def load(stage: str, folder: Path) -> tuple[Stage, T5Tokenizer]:
    """What `save` wrote, in float32 on the CPU."""
    from diffusers import UNet2DConditionModel
    from transformers import T5EncoderModel, T5Tokenizer

    network = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32)
    text = T5EncoderModel.from_pretrained(folder, subfolder="text_encoder", dtype=torch.float32)
    return Stage(network, text), T5Tokenizer.from_pretrained(folder, subfolder="tokenizer")
