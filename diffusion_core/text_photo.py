"""Techniques that begin from a photo, a drawing or any picture: noise on it, and ways to take noise off.

With x0 the photo at the size of a stage, x_t = alpha x0 + sigma eps, and eps drawn anew for every seed:

    noise        x_t                                                        Ho et al. 2020, eq. 4
    blur         G * x_t, a Gaussian blur: denoising without a network
    one step     x0^ = (x_t - sigma eps^) / alpha                           Ho et al. 2020, eq. 15
    iterative    x_t -> x_t' -> ... -> x0, from timestep number `start` on  Ho et al. 2020, eq. 6 and 7

At stage II each works on the photo at that size; where a network is asked, the picture that stage I made
with the same technique lies beside x_t. text_techniques.py registers them; text_edit.py has those that
change a photo.
"""

import torch
from torch import Tensor

from diffusion_core import images
from diffusion_core.estimates import Card, given
from diffusion_core.filters import frequencies
from diffusion_core.levels import Level, noised, schedule
from diffusion_core.recipes import Recipe
from diffusion_core.sampling import Process, Rng, Step, ask_once, keep_all, together
from diffusion_core.techniques import House, Plan
from diffusion_core.text_loop import cascade, every_kth, row_per_seed, shown_to_stage_2
from diffusion_core.text_parts import (
    Keep,
    Kept,
    Settings,
    asked_at,
    check_number,
    developed,
    guided_by,
    per_seed,
    rng_of,
    side_by_side,
    stage_card,
    stages_of,
    telling,
)

# --- a table: a column per t, rows for each seed --------------------------------------------------------


def noise(recipe: Recipe, house: House) -> Plan:
    """A photo with noise at several t: x_t = alpha x0 + sigma eps (Ho et al. 2020, eq. 4).

    One eps for all t of a row. At stage II the picture is larger, and the same t hides less of it: what
    neighbouring pixels agree on outlives their noise.
    """
    card = _card(recipe, house)
    x_ts, levels = _noised_at(recipe, house, card, rng_of(recipe.values)), schedule(card.schedule)
    captions = per_seed(recipe.values, [f"t = {t}, {levels[t].snr_db:+.1f} dB" for t in recipe["ts"]])
    process = _at_once(x_ts, _table(x_ts), levels[recipe["ts"][0]])
    return Plan(process, columns=len(recipe["ts"]), captions=captions)


def blur(recipe: Recipe, house: House) -> Plan:
    """A photo with noise, and what a Gaussian blur makes of it: G * x_t, denoising without a network.

    sigma is given at 64 pixels and grows with the picture.
    """
    card = _card(recipe, house)
    x_ts, low = _noised_at(recipe, house, card, rng_of(recipe.values)), frequencies(recipe["sigma"])[0]
    captions = per_seed(recipe.values, [*_at(recipe, "noisy"), *_at(recipe, "blurred")])
    level = schedule(card.schedule)[recipe["ts"][0]]
    process = _at_once(x_ts, _table(x_ts, low(x_ts)), level)
    return Plan(process, columns=len(recipe["ts"]), captions=captions)


def one_step(recipe: Recipe, house: House) -> Plan:
    """A photo with noise, and the network's estimate of it in one step:

    x0^ = (x_t - sigma eps^) / alpha    (Ho et al. 2020, eq. 15)

    Stage II is asked about the large picture at the same t, and sees the estimate of stage I, clamped to
    what pictures are, as the small one.
    """
    rng, count, ts = rng_of(recipe.values), recipe["count"], recipe["ts"]

    def asked(card: Card, x_ts: Tensor, besides: list[Tensor | None]) -> Process:
        levels, one = schedule(card.schedule), []
        for x, t, beside in zip(x_ts.unbind(1), ts, besides):
            level_2 = None if beside is None else recipe["noise_level"]
            cond = telling(count, beside, level_2)(recipe["prompt"])
            one.append(ask_once(x, levels[t], given(card, cond)))
        return together(*one)

    card = stage_card(recipe.values, house, "I")
    x_ts = _noised_at(recipe, house, card, rng)
    process = asked(card, x_ts, [None] * len(ts))
    if recipe["enlarge"] == "yes":
        large = stage_card(recipe.values, house, "II")

        def enlarge(small: Tensor) -> Process:
            nonlocal x_ts
            x_ts = _noised_at(recipe, house, large, rng, small.device)
            eps, parts = rng.normal(large.shape, small.device), small.clamp(-1, 1).split(count)
            seen = [shown_to_stage_2(part, large, recipe["noise_level"], eps) for part in parts]
            return asked(large, x_ts, seen)

        process = cascade(process, 1, enlarge, 1)

    def with_noisy_above() -> Process:
        x0 = yield from row_per_seed(process, count)
        return _table(x_ts.to(x0.device), x0.unflatten(0, (count, len(ts))))

    captions = per_seed(recipe.values, [*_at(recipe, "noisy"), *_at(recipe, "one step")])
    return Plan(with_noisy_above(), columns=len(ts), captions=captions)


def _card(recipe: Recipe, house: House) -> Card:
    return stage_card(recipe.values, house, "II" if recipe["enlarge"] == "yes" else "I")


def _noised_at(
    recipe: Recipe, house: House, card: Card, rng: Rng, device: torch.device | str = "cpu"
) -> Tensor:
    """The photo at each of the recipe's ts, with one eps per seed for all of them: [count,T,3,H,W]."""
    check_number(len(recipe["ts"]), recipe["count"])
    photo, levels = photo_at(recipe.values, house, card).to(device), schedule(card.schedule)
    eps = rng.normal_like(photo)
    return torch.stack([noised(photo, levels[t], eps) for t in recipe["ts"]], dim=1)


def _at_once(x_ts: Tensor, pictures: Tensor, level: Level) -> Process:
    """A process that asks nothing."""
    yield Step(0, 1, level, x_ts.flatten(0, 1), None, [])
    return pictures


def _table(*rows: Tensor) -> Tensor:
    """Rows of [count,T,C,H,W] -> [count rows T,C,H,W]: for each seed its rows, of T columns."""
    return torch.stack(rows, dim=1).flatten(0, 2)


def _at(recipe: Recipe, what: str) -> list[str]:
    return [f"{what}, t = {t}" for t in recipe["ts"]]


# --- step by step ---------------------------------------------------------------------------------------


def iterative(recipe: Recipe, house: House) -> Plan:
    """A photo noised to timestep number `start`, and denoised step by step:

    x_t' = sqrt(abar') beta / (1 - abar) x0^ + sqrt(alpha) (1 - abar') / (1 - abar) x_t + noise
    (Ho et al. 2020, eq. 6 and 7), alpha and beta between neighbours in the list of timesteps

    Stage II does the same to the large picture from its own start, told the small one (the image to image
    super-resolution of diffusers). Every k-th x_t of both stages may be kept and laid beside the result.
    """
    keep, k = from_photo(recipe.values, house), recipe["every"]
    if not k:
        return developed(recipe, house, guided_by(recipe), keep)
    run = stages_of(recipe.values, house, guided_by(recipe), keep)
    stages = [f"t = {level.t:.0f}" for level in asked_at(run.path)]
    stages += [f"stage II, t = {level.t:.0f}" for level in asked_at(run.path_2)]
    columns = [*stages[::k], "end"]
    check_number(len(columns), recipe["count"])
    process = every_kth(side_by_side([run], recipe["count"]), k)
    return Plan(process, columns=len(columns), captions=per_seed(recipe.values, columns))


def from_photo(settings: Settings, house: House) -> Keep:
    """Nothing of the photo is held, but the walk begins from it: noised to the first level."""

    def keep(card: Card, rng: Rng) -> Kept:
        photo = photo_at(settings, house, card)
        return Kept(keep_all, begin=lambda noise, level: noised(photo, level, noise))

    return keep


# --- the photo ---------------------------------------------------------------------------------------


def photo_at(settings: Settings, house: House, card: Card) -> Tensor:
    """The recipe's picture at the size of a stage, for each seed: [count,3,H,W] in [-1, 1]."""
    picture = images.squared(images.as_rgb(house.picture(settings["picture"])), card.shape[-1])
    return images.to_tensor(picture).expand(settings["count"], -1, -1, -1)
