"""What techniques share that begin from a photo, a drawing or any picture.

With x0 the photo at the size of a stage, x_t = alpha x0 + sigma eps, and eps drawn anew for every seed. At
stage II each works on the photo at that size; where a network is asked, the picture that stage I made with
the same technique lies beside x_t.
"""

import torch
from torch import Tensor

from diffusion_core.estimates import Card
from diffusion_core.images import convert
from diffusion_core.levels import Level, noised, schedule
from diffusion_core.loop import Process, Step
from diffusion_core.recipes import Recipe
from diffusion_core.samplers import Rng
from diffusion_core.techniques.batch import check_number
from diffusion_core.techniques.cascade import (
    Keep,
    Kept,
    Settings,
    stage_card,
)
from diffusion_core.techniques.registry import House


def last_card(recipe: Recipe, house: House) -> Card:
    return stage_card(recipe.values, house, "II" if recipe["enlarge"] == "yes" else "I")


def noised_at(
    recipe: Recipe, house: House, card: Card, rng: Rng, device: torch.device | str = "cpu"
) -> Tensor:
    """The photo at each of the recipe's ts, with one eps per seed for all of them: [count,T,3,H,W]."""
    check_number(len(recipe["ts"]), recipe["count"])
    photo, levels = photo_at(recipe.values, house, card).to(device), schedule(card.schedule)
    eps = rng.normal_like(photo)
    return torch.stack([noised(photo, levels[t], eps) for t in recipe["ts"]], dim=1)


def at_once(x_ts: Tensor, pictures: Tensor, level: Level) -> Process:
    """A process that asks nothing."""
    yield Step(0, 1, level, x_ts.flatten(0, 1), None, [])
    return pictures


def table(*rows: Tensor) -> Tensor:
    """Rows of [count,T,C,H,W] -> [count rows T,C,H,W]: for each seed its rows, of T columns."""
    return torch.stack(rows, dim=1).flatten(0, 2)


def at_each(recipe: Recipe, what: str) -> list[str]:
    return [f"{what}, t = {t}" for t in recipe["ts"]]


def from_photo(settings: Settings, house: House) -> Keep:
    """Nothing of the photo is held, but the walk begins from it: noised to the first level."""

    def keep(card: Card, rng: Rng) -> Kept:
        photo = photo_at(settings, house, card)
        return Kept(None, begin=lambda noise, level: noised(photo, level, noise))

    return keep


def photo_at(settings: Settings, house: House, card: Card) -> Tensor:
    """The recipe's picture at the size of a stage, for each seed: [count,3,H,W] in [-1, 1]."""
    picture = convert.squared(convert.as_rgb(house.picture(settings["picture"])), card.shape[-1])
    return convert.to_tensor(picture).expand(settings["count"], -1, -1, -1)
