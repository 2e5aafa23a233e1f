"""The techniques on digits: one step, pure noise, digits out of noise, a sweep of guidance scales, and two
snapshots of the weights side by side."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch

from diffusion_core import processes, samplers
from diffusion_core.estimates import Card, Condition, given, guided
from diffusion_core.levels import Level, Path, evenly, noised, rectified_levels, schedule, strided
from diffusion_core.loop import Process, Step, ask_once, denoise
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.recipes.schema import Choice, Number, Numbers, Picture, Text
from diffusion_core.samplers import Rng, Solver
from diffusion_core.techniques.fields import SEED
from diffusion_core.techniques.registry import House, Plan, technique
from mnist_models.digits import SIDE_BY_SIDE, columns, digit, digits

MODEL = (
    Choice("model", "Model", "flow", choices=("flow", "ddpm")),
    Choice("conditioning", "Conditioned on", "class", choices=("class", "time")),
)

SAMPLER = (
    Number("steps", "Steps", 50, "network evaluations", low=1, high=300, step=1, whole=True),
    Choice(
        "solver",
        "Solver",
        "as trained",
        "as trained is Euler for flow and ancestral for DDPM",
        choices=("as trained", "ddim", "dpm++ 2m", "ancestral"),
    ),
    Choice("snapshot", "Trained", "last", choices=("early", "last")),
    SEED,
)

SCHEMAS.update(
    {
        "mnist-denoise": (
            Picture("picture", "Digit", "example:Digit 3"),
            Number(
                "sigma",
                "sigma",
                0.5,
                "how much noise; the model was trained at 0.5",
                low=0,
                high=1.5,
                step=0.05,
            ),
            SEED,
        ),
        "mnist-pure-noise": (
            Number(
                "count", "Draws", 64, "how many times pure noise goes in", low=1, high=100, step=1, whole=True
            ),
            Choice("snapshot", "Trained", "last", choices=("early", "last")),
            SEED,
        ),
        "mnist-sample": (
            *MODEL,
            Number(
                "gamma",
                "gamma",
                5.0,
                "guidance scale: 0 ignores the digit, 1 is plain",
                low=0,
                high=20,
                step=0.5,
            ),
            Text("digits", "Digits", "0-9", "like 0-9, 3141592653, or a grid 4x10", parse=digits),
            *SAMPLER,
        ),
        "mnist-gamma-sweep": (
            *MODEL[:1],
            Numbers("gammas", "gamma", [0, 1, 2, 5, 10, 20], "guidance scales, a row each", low=0, high=20),
            Text("digits", "Digits", "0-9", "the columns, at most ten", parse=partial(digits, most=10)),
            *SAMPLER,
        ),
    }
)
SCHEMAS["mnist-snapshots"] = tuple(field for field in SCHEMAS["mnist-sample"] if field.name != "snapshot")


SNAPSHOTS = ("early", "last")
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
    return Plan.of(process, low=0.0, columns=len(levels), captions=captions)


@technique("mnist-pure-noise")
def mnist_pure_noise(recipe: Recipe, house: House) -> Plan:
    """What a denoiser makes of noise that holds no digit: network(eps), a row per draw of eps.

    The answer that minimises the squared error without any information is the mean of the data.
    """
    card = house.card(f"mnist/denoiser/{recipe['snapshot']}")
    eps = Rng(range(recipe["seed"], recipe["seed"] + recipe["count"])).normal(card.shape)
    nothing = Condition((None,) * recipe["count"])
    begin = partial(ask_once, eps, Level(0.0, 0.0, 1.0), given(card, nothing))
    return Plan.of(begin, low=0.0, columns=SIDE_BY_SIDE)


@technique("mnist-sample")
def mnist_sample(recipe: Recipe, house: House) -> Plan:
    """Digits out of noise, with classifier-free guidance where the model knows classes."""
    wanted = digits(recipe["digits"])
    told, gamma = recipe["conditioning"], recipe["gamma"]
    begin = partial(_mnist_digits, recipe.values, house, told, wanted, gamma)
    return Plan.of(begin, low=0.0, columns=columns(recipe["digits"]), captions=_names(wanted))


@technique("mnist-gamma-sweep")
def mnist_gamma_sweep(recipe: Recipe, house: House) -> Plan:
    """The same noise under several guidance scales: a row per gamma, a column per digit."""
    wanted = digits(recipe["digits"])

    def begin() -> Process:
        rows = [_mnist_digits(recipe.values, house, "class", wanted, gamma) for gamma in recipe["gammas"]]
        return processes.together(*rows)

    captions = tuple(f"{digit}, gamma = {gamma:g}" for gamma in recipe["gammas"] for digit in wanted)
    return Plan.of(begin, low=0.0, columns=len(wanted), captions=captions)


@technique("mnist-snapshots")
def mnist_snapshots(recipe: Recipe, house: House) -> Plan:
    """The same noise and settings on two snapshots of the weights: first the digits of the early one, then
    those of the last."""
    wanted, told = digits(recipe["digits"]), recipe["conditioning"]
    settings = [{**recipe.values, "snapshot": each} for each in SNAPSHOTS]

    def begin() -> Process:
        runs = [_mnist_digits(each, house, told, wanted, recipe["gamma"]) for each in settings]
        return processes.together(*runs)

    captions = tuple(f"{digit}, {each}" for each in SNAPSHOTS for digit in wanted)
    return Plan.of(begin, low=0.0, columns=columns(recipe["digits"]), captions=captions)


def _mnist_digits(
    settings: Mapping[str, Any], house: House, told: str, wanted: list[int], gamma: float
) -> Process:
    card = house.card(f"mnist/{settings['model']}-{told}/{settings['snapshot']}")
    null = Condition((None,) * len(wanted))
    cond = Condition(tuple(wanted))
    estimate = guided(card, cond, null, gamma) if told == "class" else given(card, null)
    rng = Rng(range(settings["seed"], settings["seed"] + len(wanted)))
    return denoise(
        rng.normal(card.shape),
        path_of(card, settings["steps"]),
        estimate,
        rng,
        solver=solver_of(settings["solver"], card),
    )


def path_of(card: Card, steps: int) -> Path:
    """The levels a network was trained on, in so many steps, down to CLEAN."""
    if card.schedule == "rectified":
        return rectified_levels(steps)
    levels = schedule(card.schedule)
    return strided(levels, evenly(len(levels), steps))


def solver_of(name: str, card: Card) -> Solver:
    """A fresh solver by its name; "as trained" is Euler on a straight path and ancestral elsewhere."""
    as_trained = samplers.euler if card.schedule == "rectified" else samplers.ancestral
    return {
        "as trained": as_trained,
        "ancestral": samplers.ancestral,
        "ddim": samplers.ddim(0.0),
        "dpm++ 2m": samplers.dpmpp_2m(),
    }[name]


def _names(wanted: list[int]) -> tuple[str, ...]:
    return tuple(map(str, wanted))
