"""The parts of text techniques: a technique's estimate, run at stage I and perhaps again at stage II.

A technique says what to ask (`Build`) and what to keep of a photo (`Keep`), both for any card. `developed`
walks stage I from noise, enlarges the picture, and walks stage II with the same technique, told the small
picture too.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from diffusion_core import images, sampling, text_recipes
from diffusion_core.estimates import Card, Condition, Estimate, guided
from diffusion_core.fields import RecipeError
from diffusion_core.levels import Level, Path, noised, schedule
from diffusion_core.prompts import clean
from diffusion_core.recipes import Recipe
from diffusion_core.sampling import Constrain, Process, Rng, denoise
from diffusion_core.techniques import House, Plan
from diffusion_core.text_loop import (
    cascade,
    in_turns,
    path_of,
    shown_to_stage_2,
    solver_of,
    threshold_of,
    with_jumps,
)
from diffusion_core.views import View

Tell = Callable[[str], Condition]
"""prompt -> what a network is told, a row per picture, with the small picture beside x at stage II."""

Build = Callable[[Card, Tell, float], list[Estimate]]
"""(card, tell, gamma) -> one estimate, or several that take turns."""


class Kept(NamedTuple):
    """What is kept of a photo: after every step, and where the walk begins, (noise, first level) -> x."""

    constrain: Constrain
    begin: Callable[[Tensor, Level], Tensor]


Keep = Callable[[Card, Rng], Kept]
"""(card, rng) -> what is kept of a photo at the size of that stage."""


class Stage(NamedTuple):
    """One walk of a cascade: with which network, along which levels, told what, guided how much."""

    card: Card
    path: Path
    tell: Tell
    gamma: float

    @property
    def calls(self) -> int:
        """How many steps ask the network; climbing back does not."""
        return sum(here.noisier_than(there) for here, there in pairwise(self.path))


def rng_of(recipe: Recipe) -> Rng:
    """A stream of noise per picture: seed, seed + 1, ..."""
    return Rng(range(recipe["seed"], recipe["seed"] + recipe["count"]))


def guided_by(recipe: Recipe) -> Build:
    """Classifier-free guidance to the recipe's prompt, away from its negative one."""

    def build(card: Card, tell: Tell, gamma: float) -> list[Estimate]:
        return [guided(card, tell(recipe["prompt"]), tell(recipe["negative"]), gamma)]

    return build


def developed(recipe: Recipe, house: House, build: Build, keep: Keep | None = None) -> Plan:
    """Noise -> stage I -> stage II if asked for; `keep` holds at both stages."""
    count = recipe["count"]
    card, rng = house.card(f"{recipe['model']}/I"), rng_of(recipe)
    path = _path(recipe, card, "steps", "start")
    if recipe.values.get("way") == "repaint":
        path = with_jumps(path, recipe["jump"], recipe["again"])
    first = Stage(card, path, telling(count), recipe["gamma"])
    process = _walked(recipe, first, rng.normal(card.shape), rng, build, keep)
    if recipe["enlarge"] == "yes":
        more = len(_path(recipe, house.card(f"{recipe['model']}/II"), "steps_2", "start_2")) - 1
        process = cascade(
            process, first.calls, lambda small: enlarged(recipe, house, small, rng, build, keep), more
        )
    return Plan(process, columns=min(4, count), captions=seeds_of(recipe))


def enlarged(
    recipe: Recipe, house: House, small: Tensor, rng: Rng, build: Build, keep: Keep | None = None
) -> Process:
    """Stage II: small [count,3,h,w] -> a picture of its size, made by the same technique."""
    card = house.card(f"{recipe['model']}/II")
    noise = rng.normal(card.shape)
    beside = shown_to_stage_2(small, card, recipe["noise_level"], rng)
    tell = telling(recipe["count"], beside, recipe["noise_level"])
    second = Stage(card, _path(recipe, card, "steps_2", "start_2"), tell, recipe["gamma_2"])
    return _walked(recipe, second, noise, rng, build, keep)


def seeds_of(recipe: Recipe) -> tuple[str, ...]:
    """A caption per picture where there are several."""
    first, count = recipe["seed"], recipe["count"]
    return tuple(f"seed {first + k}" for k in range(count)) if count > 1 else ()


def _walked(
    recipe: Recipe, stage: Stage, noise: Tensor, rng: Rng, build: Build, keep: Keep | None
) -> Process:
    """One stage, from noise [B,C,H,W] to a picture."""
    kept = Kept(sampling.keep_all, sampling.keep_all) if keep is None else keep(stage.card, rng)
    x, estimates = kept.begin(noise, stage.path[0]), build(stage.card, stage.tell, stage.gamma)
    choices = {"constrain": kept.constrain, **_choices(recipe, stage.card)}
    if len(estimates) > 1:
        return in_turns(x, stage.path, estimates, rng, **choices)
    return denoise(x, stage.path, estimates[0], rng, **choices)


def one_picture(recipe: Recipe, house: House, timesteps: list[int] | None = None, gamma: float | None = None):
    """One picture from noise at stage I, with the recipe's timesteps and gamma unless others are given."""
    card, rng = house.card(f"{recipe['model']}/I"), Rng([recipe["seed"]])
    path = path_of(card, timesteps or text_recipes.timesteps(recipe["steps"]))
    (estimate,) = guided_by(recipe)(card, telling(1), recipe["gamma"] if gamma is None else gamma)
    return denoise(rng.normal(card.shape), path, estimate, rng, **_choices(recipe, card))


def from_photo(recipe: Recipe, house: House, start: int) -> Process:
    """The photo, noised to the level at index `start` of the timesteps, denoised from there."""
    card, rng = house.card(f"{recipe['model']}/I"), Rng([recipe["seed"]])
    path = _late(card, text_recipes.timesteps(recipe["steps"]), start)
    photo = photo_at(recipe, house, card, 1)
    (estimate,) = guided_by(recipe)(card, telling(1), recipe["gamma"])
    return denoise(
        noised(photo, path[0], rng.normal_like(photo)), path, estimate, rng, **_choices(recipe, card)
    )


def _path(recipe: Recipe, card: Card, steps: str, start: str) -> Path:
    """The path of a stage, from the recipe's fields of these names; without a `start` from the beginning."""
    return _late(card, text_recipes.timesteps(recipe[steps]), recipe.values.get(start, 0))


def _late(card: Card, timesteps: list[int], start: int) -> Path:
    """RecipeError where the start lies past the last timestep."""
    if start >= len(timesteps):
        raise RecipeError(
            f"Start: with {len(timesteps)} timesteps it lies in 0..{len(timesteps) - 1}, not {start}."
        )
    return path_of(card, timesteps, start)


def _choices(recipe: Recipe, card: Card) -> dict:
    return {
        "solver": solver_of(recipe["solver"], recipe["eta"], recipe["maths"]),
        "threshold": threshold_of(recipe["maths"], card),
    }


def telling(count: int, beside: Tensor | None = None, noise_level: int | None = None) -> Tell:
    """Conditions for `count` pictures; one prompt is one condition, so that equal terms share an ask."""
    made: dict[str, Condition] = {}

    def tell(prompt: str) -> Condition:
        label = clean(prompt)
        if label not in made:
            made[label] = Condition((label,) * count, beside, noise_level)
        return made[label]

    return tell


def total(estimates: Sequence[Estimate]) -> Estimate:
    return Estimate(sum((estimate.terms for estimate in estimates), ()))


def photo_at(recipe: Recipe, house: House, card: Card, count: int) -> Tensor:
    """The recipe's picture at the size of a stage, [count,3,H,W] in [-1, 1]."""
    picture = images.squared(images.as_rgb(house.picture(recipe["picture"])), card.shape[-1])
    return images.to_tensor(picture).expand(count, -1, -1, -1)


def noised_photo(recipe: Recipe, house: House, card: Card) -> Tensor:
    """The photo at each of the recipe's ts, with one eps for all: [len(ts),3,H,W]."""
    photo, levels = photo_at(recipe, house, card, 1), schedule(card.schedule)
    eps = Rng([recipe["seed"]]).normal_like(photo)
    return torch.cat([noised(photo, levels[t], eps) for t in recipe["ts"]])


def check_fit(views: Sequence[View], card: Card) -> None:
    """RecipeError where a view does not fit the pictures of a stage."""
    for each in views:
        try:
            each.order(torch.empty(1, 1, *card.shape[1:]))
        except ValueError as error:
            raise RecipeError(f"Views: {error}.") from None


GREY_AT_MOST = 0.25  # share of a mask's pixels that may be neither black nor white: soft edges


def mask_of(mask: Image.Image, picture: Image.Image, side: int) -> Tensor:
    """A painted mask at the size of a stage, [1,1,side,side]: 1 = new (white), 0 = kept (black).

    RecipeError if it has another size than the picture, is no black and white, or marks nothing or all.
    """
    if mask.size != picture.size:
        raise RecipeError(
            f"Mask: it has {mask.width} x {mask.height} pixels and the picture "
            f"{picture.width} x {picture.height}; paint on the picture itself."
        )
    grey = images.as_rgb(mask).convert("L")
    values = np.asarray(grey, dtype=np.float32) / 255
    if ((values > 0.1) & (values < 0.9)).mean() > GREY_AT_MOST:
        raise RecipeError("Mask: it is not black and white. White is new, black is kept; there is no half.")
    new = (images.to_tensor(images.squared(grey, side), 0.0, 1.0) >= 0.5).float()[None]
    if not new.any():
        raise RecipeError("Mask: nothing is painted. Paint white over what shall be new.")
    if new.all():
        raise RecipeError("Mask: everything is painted, so nothing of the photo is kept. Leave a part black.")
    return new
