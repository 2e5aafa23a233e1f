"""Forward noise: x_t = alpha x0 + sigma eps at several t, on any picture."""

from functools import partial

import torch

from diffusion_core.images import convert
from diffusion_core.levels import noised, schedule
from diffusion_core.loop import Process, Step
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.recipes.schema import Choice, Field, Number, Numbers, Picture
from diffusion_core.samplers import Rng
from diffusion_core.techniques.batch import per_seed
from diffusion_core.techniques.cascade import (
    rng_of,
)
from diffusion_core.techniques.fields import AT_STAGE_2, COUNT, MODEL, PHOTO, SEED, TS
from diffusion_core.techniques.photo import at_once, last_card, noised_at, table
from diffusion_core.techniques.registry import House, Plan, technique

FIELDS: tuple[Field, ...] = (
    Picture("picture", "Picture", "example:Rocket"),
    Choice("schedule", "Schedule", "if-cosine", choices=("if-cosine", "ddpm-linear", "rectified")),
    Number("t", "t", 500, "0 is the picture, 999 is noise", low=0, high=999, step=1, whole=True),
    Choice("form", "x_t is", "scaled", choices=("scaled", "only added noise")),
    Numbers("strip", "Strip at t", [250, 500, 750], low=0, high=999, whole=True),
    SEED,
)

SCHEMAS["forward-noise"] = FIELDS

NOISE_FIELDS: tuple[Field, ...] = (MODEL, PHOTO, TS, COUNT, SEED, AT_STAGE_2)


def noise(recipe: Recipe, house: House) -> Plan:
    """A photo with noise at several t: x_t = alpha x0 + sigma eps (Ho et al. 2020, eq. 4).

    One eps for all t of a row. At stage II the picture is larger, and the same t hides less of it: what
    neighbouring pixels agree on outlives their noise.
    """
    card = last_card(recipe, house)
    x_ts, levels = noised_at(recipe, house, card, rng_of(recipe.values)), schedule(card.schedule)
    captions = per_seed(recipe.values, [f"t = {t}, {levels[t].snr_db:+.1f} dB" for t in recipe["ts"]])
    begin = partial(at_once, x_ts, table(x_ts), levels[recipe["ts"][0]])
    return Plan.of(begin, columns=len(recipe["ts"]), captions=captions)


@technique("forward-noise")
def forward_noise(recipe: Recipe, house: House) -> Plan:
    """x_t = alpha x0 + sigma eps (DDPM, eq. 4) at t, then at each t of the strip; one eps for all.

    "only added noise" shows x_t / alpha = x0 + (sigma / alpha) eps: as noisy, but not scaled, so that its
    values leave the range of pictures more and more.
    """
    x0 = convert.to_tensor(convert.squared(convert.as_rgb(house.picture(recipe["picture"])), 256))[None]
    levels = schedule(recipe["schedule"])
    chosen = [levels[t] for t in (recipe["t"], *recipe["strip"])]
    eps = Rng([recipe["seed"]]).normal_like(x0)
    scale = [1.0 if recipe["form"] == "scaled" else 1 / level.alpha for level in chosen]

    def process() -> Process:
        x_ts = [s * noised(x0, level, eps) for s, level in zip(scale, chosen)]
        yield Step(0, 1, chosen[0], x_ts[0], x0, [])
        return torch.cat(x_ts)

    captions = tuple(
        f"t = {t}, {level.snr_db:+.1f} dB" for t, level in zip((recipe["t"], *recipe["strip"]), chosen)
    )
    return Plan.of(process, columns=len(chosen), captions=captions)
