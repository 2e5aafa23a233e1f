"""A whole DeepFloyd IF cascade in small: the real classes, the real formats, random weights.

    folder/stage-1   IFPipeline: T5 and its tokenizer, a UNet of 16 x 16 pixels, DDPMScheduler
    folder/stage-2   IFSuperResolutionPipeline: a UNet of 32 x 32 that sees the small picture and is
                     told its noise level, and the image_noising_scheduler

What the published configurations have and matters for the mathematics is here: text_proj and text
embeddings, simple cross attention with a normalised text, scale_shift, a learned variance, and at
the second stage resnet_skip_time_act, sqrt(2) scale factors and attention to the text only.
"""

from pathlib import Path
from typing import NamedTuple

import torch
from diffusers import DDPMScheduler, IFPipeline, IFSuperResolutionPipeline, UNet2DConditionModel
from transformers import T5Config, T5EncoderModel, T5Tokenizer

SIZES = 16, 32  # pixels of stages I and II
TEXT_WIDTH = 32  # d_model of the T5
SENTENCES = (
    "a high quality photo of a dog",
    "an oil painting of people around a campfire",
    "an oil painting of an old man",
    "a lithograph of waterfalls",
    "a lithograph of a skull",
    "a photo of the amalfi coast",
    "a rocket ship and a pencil",
    "a man wearing a hat, in the snow",
    "ugly, blurred, low quality",
)


class TinyIF(NamedTuple):
    """The two folders of the cascade."""

    stage_1: Path
    stage_2: Path


def build(folder: Path) -> TinyIF:
    """Make the cascade with fixed weights and save both stages under `folder`, as safetensors."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        text = dict(tokenizer=tokenizer(), text_encoder=text_encoder())
        nothing = dict(safety_checker=None, feature_extractor=None, watermarker=None)
        first = IFPipeline(
            **text, unet=stage_1_unet(), scheduler=scheduler(1.5), **nothing, requires_safety_checker=False
        )
        second = IFSuperResolutionPipeline(
            **text,
            unet=stage_2_unet(),
            scheduler=scheduler(1.0),
            image_noising_scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
            **nothing,
            requires_safety_checker=False,
        )
    made = TinyIF(folder / "stage-1", folder / "stage-2")
    for pipeline, path in zip((first, second), made):
        pipeline.save_pretrained(path, safe_serialization=True)
    return made


def stage_1(made: TinyIF) -> IFPipeline:
    """diffusers' own pipeline, opened from the folder."""
    return _quiet(IFPipeline.from_pretrained(made.stage_1, safety_checker=None, watermarker=None))


def stage_2(made: TinyIF) -> IFSuperResolutionPipeline:
    """diffusers' own pipeline, opened from the folder."""
    return _quiet(
        IFSuperResolutionPipeline.from_pretrained(made.stage_2, safety_checker=None, watermarker=None)
    )


def _quiet(pipeline):
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def tokenizer() -> T5Tokenizer:
    """A Unigram vocabulary in T5's format: the words of SENTENCES, and single letters for all others."""
    words = sorted({word.strip(",") for sentence in SENTENCES for word in sentence.split()})
    letters = ["\u2581", *"abcdefghijklmnopqrstuvwxyz0123456789,.-'"]
    pieces = [(piece, 0.0) for piece in ("<pad>", "</s>", "<unk>")]
    pieces += [(f"\u2581{word}", -3.0) for word in words] + [(letter, -6.0) for letter in letters]
    return T5Tokenizer(vocab=pieces, extra_ids=0)


def text_encoder() -> T5EncoderModel:
    """Two layers of T5 v1.1; like IF's it embeds every token to a vector of d_model."""
    config = T5Config(
        vocab_size=256,
        d_model=TEXT_WIDTH,
        d_kv=8,
        d_ff=64,
        num_layers=2,
        num_heads=4,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
    )
    encoder = T5EncoderModel(config).eval()
    torch.nn.init.normal_(encoder.shared.weight, std=1.0)
    return encoder


def scheduler(sample_max_value: float) -> DDPMScheduler:
    """IF's: cosine, epsilon, learned range, dynamic threshold."""
    return DDPMScheduler(
        beta_schedule="squaredcos_cap_v2",
        prediction_type="epsilon",
        variance_type="learned_range",
        thresholding=True,
        dynamic_thresholding_ratio=0.95,
        sample_max_value=sample_max_value,
    )


def stage_1_unet(**changes) -> UNet2DConditionModel:
    """3 -> 6 channels: epsilon and the learned variance."""
    settings = dict(
        sample_size=SIZES[0],
        in_channels=3,
        out_channels=6,
        layers_per_block=1,
        block_out_channels=(16, 32, 32),
        down_block_types=(
            "ResnetDownsampleBlock2D",
            "SimpleCrossAttnDownBlock2D",
            "SimpleCrossAttnDownBlock2D",
        ),
        mid_block_type="UNetMidBlock2DSimpleCrossAttn",
        up_block_types=("SimpleCrossAttnUpBlock2D", "SimpleCrossAttnUpBlock2D", "ResnetUpsampleBlock2D"),
        act_fn="gelu",
        norm_num_groups=8,
        attention_head_dim=8,
        cross_attention_dim=64,
        cross_attention_norm="group_norm",
        resnet_time_scale_shift="scale_shift",
        encoder_hid_dim=TEXT_WIDTH,
        encoder_hid_dim_type="text_proj",
        addition_embed_type="text",
        addition_embed_type_num_heads=4,
    )
    return _stirred(UNet2DConditionModel(**settings | changes))


def stage_2_unet() -> UNet2DConditionModel:
    """6 -> 6 channels: x_t and the enlarged small picture in, epsilon and the learned variance out."""
    return stage_1_unet(
        sample_size=SIZES[1],
        in_channels=6,
        class_embed_type="timestep",
        time_embedding_act_fn="gelu",
        resnet_skip_time_act=True,
        resnet_out_scale_factor=1 / 0.7071,
        mid_block_scale_factor=1 / 0.7071,
        only_cross_attention=True,
    )


def _stirred(unet: UNet2DConditionModel) -> UNet2DConditionModel:
    """A random UNet that minds its prompt, and is as even-tempered as a trained one.

    Freshly made, it hardly hears the text, and would let a forgotten prompt pass for the right one. And its
    epsilon does not follow x, so that guidance with 7 blows the last bit of a float up to a visible spot.
    """
    with torch.no_grad():
        for name, weight in unet.named_parameters():
            if "add_v_proj.weight" in name:
                weight.mul_(6.0)
        unet.conv_out.weight.mul_(0.25)
    return unet.eval()
