"""Editing a photo or a drawing towards a prompt: all of it (SDEdit), or what a mask marks (inpainting).

With x0 the photo at the size of a stage, and m the mask, 1 = new:

    SDEdit       x_t = alpha x0 + sigma eps at a late start, and from there as from noise
                                                                        Meng et al. 2022
    inpainting   from noise, x <- (1 - m) known + m x after every step   Lugmayr et al. 2022, eq. 8

Both work at both stages, and lay out what a person would compare: several starts, without and with the
prompt, all ways to hold the known part. text_techniques.py registers them.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from diffusion_core import images
from diffusion_core.estimates import Card
from diffusion_core.fields import RecipeError
from diffusion_core.levels import noised
from diffusion_core.recipes import Recipe
from diffusion_core.sampling import Rng
from diffusion_core.techniques import House, Plan
from diffusion_core.text_loop import but_at_the_end, keep_clean, keep_renoised
from diffusion_core.text_parts import (
    Keep,
    Kept,
    Settings,
    Stages,
    check_number,
    developed,
    guided_by,
    per_seed,
    side_by_side,
    stages_of,
)
from diffusion_core.text_photo import from_photo, photo_at

WITH_AND_WITHOUT = "without and with"  # SDEdit's `told`: a row with no prompt above the row with it
WAYS = ("re-noised", "kept clean", "repaint")
ALL_WAYS = "all three"  # inpainting's `way`: a column for each of WAYS


def sdedit(recipe: Recipe, house: House) -> Plan:
    """SDEdit (Meng et al. 2022): a photo or drawing, noised to several levels and denoised to a prompt.

    x_t = alpha x0 + sigma eps at timestep number `start`, and from there as from noise. The smaller the
    start, the noisier it begins, and the more is made up. Without a prompt, both prompts empty, it
    projects the drawing onto what the model takes for pictures.
    """
    starts, rows, captions = recipe["starts"], [recipe.values], [""]
    if recipe["told"] == WITH_AND_WITHOUT:
        if not recipe["prompt"]:
            raise RecipeError("Prompt: there is none yet, so with it and without it are the same. Write one.")
        rows, captions = [dict(recipe.values, prompt="", negative=""), *rows], ["no prompt, ", "prompt, "]
    keep = from_photo(recipe.values, house)
    runs = [
        stages_of({**row, "start": start}, house, guided_by(row), keep) for row in rows for start in starts
    ]
    return _laid_out(
        recipe, runs, len(starts), [f"{told}start {start}" for told in captions for start in starts]
    )


def inpaint(recipe: Recipe, house: House) -> Plan:
    """New pixels where the mask m is white: x <- (1 - m) known + m x at every level, at both stages.

    re-noised    known = alpha x0 + sigma z, the photo noised to every level (the course)
    kept clean   known = x0, the photo itself at every level (diffusers)
    repaint      re-noised, and climbing back now and then so that both parts agree (Lugmayr et al. 2022)

    At the end known = x0, so the photo is pasted back to the last bit, unless that is not wanted.
    """
    if not recipe["mask"]:
        raise RecipeError("Mask: nothing is painted yet. Paint white over what shall be new.")
    build = guided_by(recipe)
    if recipe["way"] != ALL_WAYS:
        return developed(recipe, house, build, _held(recipe.values, house))
    settings = [{**recipe.values, "way": way} for way in WAYS]
    runs = [stages_of(each, house, build, _held(each, house)) for each in settings]
    return _laid_out(recipe, runs, len(WAYS), WAYS)


def _laid_out(recipe: Recipe, runs: Sequence[Stages], columns: int, captions: Sequence[str]) -> Plan:
    """Runs side by side, for each seed in rows of so many columns."""
    check_number(len(runs), recipe["count"])
    process = side_by_side(runs, recipe["count"])
    return Plan(process, columns=columns, captions=per_seed(recipe.values, captions))


def _held(settings: Settings, house: House) -> Keep:
    """The photo outside the mask, in the way of the settings; and a walk that begins in pure noise there."""

    def keep(card: Card, rng: Rng) -> Kept:
        photo = photo_at(settings, house, card)
        mask = mask_of(house.picture(settings["mask"]), house.picture(settings["picture"]), card.shape[-1])
        if settings["way"] == "kept clean":
            hold = keep_clean(photo, mask)
            kept = Kept(hold, begin=lambda noise, level: hold(noised(photo, level, noise), level))
        else:
            hold = keep_renoised(photo, mask, rng)
            kept = Kept(hold, begin=hold)
        return kept if settings["paste"] == "yes" else kept._replace(constrain=but_at_the_end(hold))

    return keep


GREY_AT_MOST = 0.25  # share of a mask's pixels that may be neither black nor white: soft edges


def black_and_white(mask: Image.Image) -> Image.Image:
    """The mask in grey. RecipeError if too many of its pixels are neither black nor white."""
    grey = images.as_rgb(mask).convert("L")
    values = np.asarray(grey, dtype=np.float32) / 255
    if ((values > 0.1) & (values < 0.9)).mean() > GREY_AT_MOST:
        raise RecipeError("Mask: it is not black and white. White is new, black is kept; there is no half.")
    return grey


def mask_of(mask: Image.Image, picture: Image.Image, side: int) -> Tensor:
    """A painted mask at the size of a stage, [1,1,side,side]: 1 = new (white), 0 = kept (black).

    RecipeError if it has another size than the picture, is no black and white, or marks nothing or all.
    """
    if mask.size != picture.size:
        raise RecipeError(
            f"Mask: it has {mask.width} x {mask.height} pixels and the picture "
            f"{picture.width} x {picture.height}; paint on the picture itself."
        )
    new = (images.to_tensor(images.squared(black_and_white(mask), side), 0.0, 1.0) >= 0.5).float()[None]
    if not new.any():
        raise RecipeError("Mask: nothing is painted. Paint white over what shall be new.")
    if new.all():
        raise RecipeError("Mask: everything is painted, so nothing of the photo is kept. Leave a part black.")
    return new
