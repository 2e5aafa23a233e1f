"""Inpainting: new pixels where a mask is white, and the rest kept.

With x0 the photo at the size of a stage, and m the mask, 1 = new: from noise, x <- (1 - m) known + m x after
every step (Lugmayr et al. 2022, eq. 8).
"""

import numpy as np
from PIL import Image
from torch import Tensor

from diffusion_core.constraints import but_at_the_end, keep_clean, keep_renoised
from diffusion_core.estimates import Card
from diffusion_core.images import convert
from diffusion_core.levels import noised
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.recipes.schema import Choice, Field, Number, Picture
from diffusion_core.samplers import Rng
from diffusion_core.techniques.batch import developed, laid_out
from diffusion_core.techniques.cascade import Keep, Kept, Settings, Stages, guided_by, stages_of
from diffusion_core.techniques.fields import MODEL, NOISE_LEVEL, PHOTO, SAMPLER, STAGE_2, TOLD, enlarge
from diffusion_core.techniques.photo import photo_at
from diffusion_core.techniques.registry import House, Plan

FIELDS: tuple[Field, ...] = (
    MODEL,
    PHOTO,
    Picture("mask", "Mask", "", "white is new, black is kept", optional=True),
    *TOLD[1:],
    Choice(
        "way",
        "Known part",
        "re-noised",
        "how the rest is held at every level: noised to it (the course), clean (diffusers), noised "
        "and with jumps back (RePaint)",
        choices=("re-noised", "kept clean", "repaint", "all three"),
    ),
    Choice(
        "paste",
        "Paste back",
        "yes",
        "at the end, all outside the mask is the picture itself; no: what the network made of it",
        choices=("yes", "no"),
    ),
    Number(
        "jump",
        "Jump length",
        10,
        "RePaint climbs back so many steps, at both stages",
        low=1,
        high=100,
        step=1,
        whole=True,
    ),
    Number(
        "again",
        "Walks",
        2,
        "and walks each stretch so many times; 1 is no jump",
        low=1,
        high=20,
        step=1,
        whole=True,
    ),
    Number("again_2", "Walks, stage II", 2, "as for stage I", low=1, high=20, step=1, whole=True),
    *SAMPLER,
    enlarge("stage II, with the mask held again at its size"),
    *STAGE_2,
    NOISE_LEVEL,
)

WAYS = ("re-noised", "kept clean", "repaint")
ALL_WAYS = "all three"  # inpainting's `way`: a column for each of WAYS


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

    def runs() -> list[Stages]:
        return [stages_of(each, house, build, _held(each, house)) for each in settings]

    return laid_out(recipe, runs, len(WAYS), WAYS)


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
    grey = convert.as_rgb(mask).convert("L")
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
    new = (convert.to_tensor(convert.squared(black_and_white(mask), side), 0.0, 1.0) >= 0.5).float()[None]
    if not new.any():
        raise RecipeError("Mask: nothing is painted. Paint white over what shall be new.")
    if new.all():
        raise RecipeError("Mask: everything is painted, so nothing of the photo is kept. Leave a part black.")
    return new
