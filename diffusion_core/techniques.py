"""From a recipe to a process: a short function each, made of levels, estimates and the one loop.

To add a technique: give it a schema in recipes.py, and write its function here. The function gets the
recipe, checked, and the house, which knows cards and pictures; it returns a Plan.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from PIL import Image
from torch import Tensor

from diffusion_core import fields, images, sampling
from diffusion_core.estimates import Card, Condition, given, guided
from diffusion_core.levels import Level, Path, evenly, noised, rectified_levels, schedule, strided
from diffusion_core.recipes import Recipe
from diffusion_core.sampling import Process, Rng, Solver, Step, denoise


class House(Protocol):
    """What a technique may ask for: the card of a network, and the picture that a recipe names."""

    def card(self, name: str) -> Card: ...
    def picture(self, value: str) -> Image.Image: ...


class Plan(NamedTuple):
    """A process, and how its pictures [B,C,H,W] are shown.

    low, high  the range that is black..white
    columns    pictures in a row of the grid
    captions   a text per picture, or none
    """

    process: Process
    low: float = -1.0
    high: float = 1.0
    columns: int = 1
    captions: tuple[str, ...] = ()


TECHNIQUES: dict[str, Callable[[Recipe, House], Plan]] = {}


def technique(name: str):
    """Register a function under the name of its schema."""

    def register(function: Callable[[Recipe, House], Plan]):
        TECHNIQUES[name] = function
        return function

    return register


def plan(recipe: Recipe, house: House) -> Plan:
    """The one door: any recipe -> its plan. RecipeError if a picture in it cannot be read."""
    return TECHNIQUES[recipe.technique](recipe, house)


@technique("forward-noise")
def forward_noise(recipe: Recipe, house: House) -> Plan:
    """x_t = alpha x0 + sigma eps (DDPM, eq. 4) at t, then at each t of the strip; one eps for all.

    "only added noise" shows x_t / alpha = x0 + (sigma / alpha) eps: as noisy, but not scaled, so that its
    values leave the range of pictures more and more.
    """
    x0 = images.to_tensor(images.squared(images.as_rgb(house.picture(recipe["picture"])), 256))[None]
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
    return Plan(process(), columns=len(chosen), captions=captions)


SIGMAS = (0.0, 0.2, 0.4, 0.5, 0.6, 0.8, 1.0)


@technique("mnist-denoise")
def mnist_denoise(recipe: Recipe, house: House) -> Plan:
    """One step: x0^ = network(x0 + sigma eps), for the sigma asked and for each of SIGMAS, one eps for all.

    Three rows of pictures: noisy; denoised by the early snapshot; denoised by the last one.
    """
    x0 = digit(recipe["picture"], house)
    levels = [Level(0.0, 1.0, sigma) for sigma in (recipe["sigma"], *SIGMAS)]
    eps = Rng([recipe["seed"]]).normal_like(x0)
    noisy = [noised(x0, level, eps) for level in levels]
    estimates = [
        given(house.card(f"mnist/denoiser/{snapshot}"), Condition((None,))) for snapshot in ("early", "last")
    ]

    def process() -> Process:
        asks = [ask for each in estimates for x, level in zip(noisy, levels) for ask in each.asks(x, level)]
        answers = yield Step(0, 1, levels[0], torch.cat(noisy), None, asks)
        return torch.cat([*noisy, *(answer.prediction for answer in answers or ())])

    captions = tuple(f"sigma = {level.sigma:g}" for level in levels) * 3
    return Plan(process(), low=0.0, columns=len(levels), captions=captions)


@technique("mnist-pure-noise")
def mnist_pure_noise(recipe: Recipe, house: House) -> Plan:
    """What a denoiser makes of noise that holds no digit: network(eps), a row per draw of eps.

    The answer that minimises the squared error without any information is the mean of the data.
    """
    card = house.card(f"mnist/denoiser/{recipe['snapshot']}")
    eps = Rng(range(recipe["seed"], recipe["seed"] + recipe["count"])).normal(card.shape)
    nothing = Condition((None,) * recipe["count"])
    process = sampling.ask_once(eps, Level(0.0, 0.0, 1.0), given(card, nothing))
    return Plan(process, low=0.0, columns=fields.SIDE_BY_SIDE)


@technique("mnist-sample")
def mnist_sample(recipe: Recipe, house: House) -> Plan:
    """Digits out of noise, with classifier-free guidance where the model knows classes."""
    wanted = fields.digits(recipe["digits"])
    process = _mnist_digits(recipe, house, recipe["conditioning"], wanted, recipe["gamma"])
    return Plan(process, low=0.0, columns=fields.columns(recipe["digits"]), captions=_names(wanted))


@technique("mnist-gamma-sweep")
def mnist_gamma_sweep(recipe: Recipe, house: House) -> Plan:
    """The same noise under several guidance scales: a row per gamma, a column per digit."""
    wanted = fields.digits(recipe["digits"])
    rows = [_mnist_digits(recipe, house, "class", wanted, gamma) for gamma in recipe["gammas"]]
    captions = tuple(f"{digit}, gamma = {gamma:g}" for gamma in recipe["gammas"] for digit in wanted)
    return Plan(sampling.together(*rows), low=0.0, columns=len(wanted), captions=captions)


def _mnist_digits(recipe: Recipe, house: House, told: str, wanted: list[int], gamma: float) -> Process:
    card = house.card(f"mnist/{recipe['model']}-{told}/{recipe['snapshot']}")
    null = Condition((None,) * len(wanted))
    cond = Condition(tuple(wanted))
    estimate = guided(card, cond, null, gamma) if told == "class" else given(card, null)
    rng = Rng(range(recipe["seed"], recipe["seed"] + len(wanted)))
    return denoise(
        rng.normal(card.shape),
        path_of(card, recipe["steps"]),
        estimate,
        rng,
        solver=solver_of(recipe["solver"], card),
    )


def path_of(card: Card, steps: int) -> Path:
    """The levels a network was trained on, in so many steps, down to CLEAN."""
    if card.schedule == "rectified":
        return rectified_levels(steps)
    levels = schedule(card.schedule)
    return strided(levels, evenly(len(levels), steps))


def solver_of(name: str, card: Card) -> Solver:
    """A fresh solver by its name; "as trained" is Euler on a straight path and ancestral elsewhere."""
    as_trained = sampling.euler if card.schedule == "rectified" else sampling.ancestral
    return {
        "as trained": as_trained,
        "ancestral": sampling.ancestral,
        "ddim": sampling.ddim(0.0),
        "dpm++ 2m": sampling.dpmpp_2m(),
    }[name]


def digit(value: str, house: House) -> Tensor:
    """A drawn or chosen digit as the models know digits: [1,1,28,28] in [0, 1], ink 1, centred."""
    return images.to_tensor(images.as_digit(house.picture(value)), 0.0, 1.0)[None]


def _names(wanted: list[int]) -> tuple[str, ...]:
    return tuple(map(str, wanted))


def drained(process: Process) -> Tensor:
    """The picture of a process that asks no network, at once. ValueError if it does ask."""
    try:
        while True:
            if next(process).asks:
                raise ValueError("this process asks a network; submit it to an engine")
    except StopIteration as end:
        return end.value
