"""The techniques on text-to-image models: their schemas and functions, and how they get into the tables."""

from collections.abc import Callable

from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.recipes.schema import Field
from diffusion_core.techniques import (
    anagram,
    arithmetic,
    compare,
    denoise,
    enlarge,
    forward_noise,
    hybrid,
    hybrid_photo,
    inpaint,
    iterative,
    sample,
    sdedit,
)
from diffusion_core.techniques.registry import TECHNIQUES, House, Plan

TEXT_SCHEMAS: dict[str, tuple[Field, ...]] = {
    "text-sample": sample.FIELDS,
    "text-enlarge": enlarge.FIELDS,
    "text-steps": compare.STEPS_FIELDS,
    "text-gamma-sweep": compare.SWEEP_FIELDS,
    "text-arithmetic": arithmetic.FIELDS,
    "text-anagram": anagram.FIELDS,
    "text-hybrid": hybrid.FIELDS,
    "text-hybrid-photo": hybrid_photo.FIELDS,
    "text-noise": forward_noise.NOISE_FIELDS,
    "text-blur": denoise.BLUR_FIELDS,
    "text-one-step": denoise.ONE_STEP_FIELDS,
    "text-denoise": denoise.FIELDS,
    "text-iterative": iterative.FIELDS,
    "text-sdedit": sdedit.FIELDS,
    "text-inpaint": inpaint.FIELDS,
}
TEXT_TECHNIQUES: dict[str, Callable[[Recipe, House], Plan]] = {
    "text-sample": sample.sample,
    "text-enlarge": enlarge.enlarge,
    "text-steps": compare.steps,
    "text-gamma-sweep": compare.gamma_sweep,
    "text-arithmetic": arithmetic.arithmetic,
    "text-anagram": anagram.anagram,
    "text-hybrid": hybrid.hybrid,
    "text-hybrid-photo": hybrid_photo.hybrid_photo,
    "text-noise": forward_noise.noise,
    "text-blur": denoise.blur,
    "text-one-step": denoise.one_step,
    "text-denoise": denoise.denoise,
    "text-iterative": iterative.iterative,
    "text-sdedit": sdedit.sdedit,
    "text-inpaint": inpaint.inpaint,
}


def install() -> None:
    """Add the text techniques and their schemas to the house; more than once does no harm."""
    SCHEMAS.update(TEXT_SCHEMAS)
    TECHNIQUES.update(TEXT_TECHNIQUES)
