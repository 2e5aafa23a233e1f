"""What techniques on a text-to-image cascade share: an estimate, run at stage I and perhaps at stage II.

A technique says what to ask (`Build`) and what to keep of a photo (`Keep`), both for any card. `stages_of`
makes of them the walk through stage I, and through stage II with the same technique, told the small picture
too. batch.py makes of that a run for a batch of seeds.

Two presets of the maths stand side by side. "course" is CS180's loop: no threshold, and the known part of
a photo is noised anew. "diffusers" is the published pipelines': x0^ is thresholded as the model's scheduler
says, the known part stays clean, and the coefficients are rounded as its DDPMScheduler rounds them, so
that pictures are equal to its own to the fifth digit; tests/test_parity.py holds that.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from torch import Tensor
from torch.nn import functional as F

from diffusion_core import samplers
from diffusion_core.constraints import Constrain
from diffusion_core.estimates import Card, Condition, Estimate, guided
from diffusion_core.levels import Level, Path, noised, schedule, strided, with_jumps
from diffusion_core.loop import Process, denoise
from diffusion_core.processes import in_turns
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.recipes.parsing import clean
from diffusion_core.samplers import (
    Rng,
    Solver,
    Threshold,
    ancestral_as_published,
    anew_after_climbs,
)
from diffusion_core.techniques.registry import House
from diffusion_core.techniques.timesteps import timesteps


def path_of(card: Card, ts: Sequence[int], start: int = 0) -> Path:
    """The levels at the timesteps, from number `start` on, down to CLEAN. IndexError past the end."""
    return strided(schedule(card.schedule), list(ts)[start:])


def threshold_of(maths: str, card: Card) -> Threshold:
    """None in the course; else what the model was published with."""
    if maths == "course" or card.threshold is None:
        return samplers.none
    return samplers.dynamic(*card.threshold)


def solver_of(name: str, eta: float = 0.0, maths: str = "diffusers") -> Solver:
    """A fresh solver. eta: DDIM's noise, 0..1. maths: which rounding the ancestral one has."""
    if name == "ddim":
        return samplers.ddim(eta)
    if name == "dpm++ 2m":
        return anew_after_climbs(samplers.dpmpp_2m)
    return ancestral_as_published if maths == "diffusers" else samplers.ancestral


def shown_to_stage_2(small: Tensor, card: Card, noise_level: int, eps: Tensor) -> Tensor:
    """What stage II sees beside x: the small picture enlarged (bilinear, corners aligned) and noised."""
    large = F.interpolate(small, card.shape[1:], mode="bilinear", align_corners=True)
    return noised(large, schedule("if-cosine")[noise_level], eps)


Settings = Mapping[str, Any]
"""The values of a recipe; a comparison changes some of them for each of its columns."""

Tell = Callable[[str], Condition]
"""prompt -> what a network is told, a row per picture, with the small picture beside x at stage II."""

Build = Callable[[Card, Tell, float], list[Estimate]]
"""(card, tell, gamma) -> one estimate, or several that take turns."""


class Kept(NamedTuple):
    """What is kept of a photo: after every step, if anything, and where the walk begins, (noise, first
    level) -> x."""

    constrain: Constrain | None
    begin: Callable[[Tensor, Level], Tensor]


Keep = Callable[[Card, Rng], Kept]
"""(card, rng) -> what is kept of a photo at the size of that stage."""


class Stage(NamedTuple):
    """One walk of a cascade: with which network, along which levels, told what, guided how much."""

    card: Card
    path: Path
    tell: Tell
    gamma: float


class Stages(NamedTuple):
    """A technique on a batch of seeds. first: stage I along path; then, if asked for, second(its picture):
    stage II along path_2, else None and empty."""

    first: Process
    path: Path
    second: Callable[[Tensor], Process] | None = None
    path_2: Path = ()

    @property
    def levels(self) -> list[Level]:
        """Where the networks are asked, stage I and then stage II."""
        return [*asked_at(self.path), *asked_at(self.path_2)]


def asked_at(path: Path) -> list[Level]:
    """The levels of a path at which a network is asked; climbing back asks nothing."""
    return [here for here, there in pairwise(path) if here.noisier_than(there)]


def stages_of(settings: Settings, house: House, build: Build, keep: Keep | None = None) -> Stages:
    """The walk through stage I, and how it goes on if stage II is wanted."""
    card, rng = stage_card(settings, house, "I"), rng_of(settings)
    path = _path(settings, card, "I")
    first = Stage(card, path, telling(settings["count"]), settings["gamma"])
    process = _walked(settings, first, rng.normal(card.shape), rng, build, keep)
    if settings["enlarge"] == "no":
        return Stages(process, path)
    path_2 = _path(settings, stage_card(settings, house, "II"), "II")
    return Stages(process, path, lambda small: enlarged(settings, house, small, rng, build, keep), path_2)


def enlarged(
    settings: Settings, house: House, small: Tensor, rng: Rng, build: Build, keep: Keep | None = None
) -> Process:
    """Stage II: small [count,3,h,w] -> a picture of its size, made by the same technique."""
    card = stage_card(settings, house, "II")
    noise, eps = (rng.normal(card.shape, small.device) for _ in range(2))
    beside = shown_to_stage_2(small, card, settings["noise_level"], eps)
    tell = telling(settings["count"], beside, settings["noise_level"])
    second = Stage(card, _path(settings, card, "II"), tell, settings["gamma_2"])
    return _walked(settings, second, noise, rng, build, keep)


def _walked(
    settings: Settings, stage: Stage, noise: Tensor, rng: Rng, build: Build, keep: Keep | None
) -> Process:
    """One stage, from noise [B,C,H,W] to a picture."""
    kept = keep(stage.card, rng) if keep else None
    x = kept.begin(noise, stage.path[0]) if kept and not noise.is_meta else noise
    estimates = build(stage.card, stage.tell, stage.gamma)
    choices = {
        "constrain": kept and kept.constrain,
        "solver": solver_of(settings["solver"], settings["eta"], settings["maths"]),
        "threshold": threshold_of(settings["maths"], stage.card),
    }
    if len(estimates) > 1:
        return in_turns(x, stage.path, estimates, rng, **choices)
    return denoise(x, stage.path, estimates[0], rng, **choices)


def _path(settings: Settings, card: Card, stage: str) -> Path:
    """The levels of a stage: the recipe's timesteps, from its start on, and with RePaint's jumps, if any."""
    mark, where = ("", "") if stage == "I" else ("_2", ", stage II")
    ts, start = timesteps(settings[f"steps{mark}"]), settings.get(f"start{mark}", 0)
    last = len(ts) - 1
    if start > last:
        raise RecipeError(f"Start{where}: with {last + 1} timesteps it lies in 0..{last}, not {start}.")
    path = path_of(card, ts, start)
    if settings.get("way") != "repaint" or settings[f"again{mark}"] == 1:
        return path
    if settings["jump"] > last:
        raise RecipeError(
            f"Jump length{where}: with {last + 1} timesteps it is at most {last}, not {settings['jump']}. "
            "Take more timesteps, shorter jumps, or one walk."
        )
    return with_jumps(path, settings["jump"], settings[f"again{mark}"])


def stage_card(settings: Settings, house: House, stage: str) -> Card:
    """The card of a stage of the recipe's model. RecipeError if the model has no stage II."""
    try:
        return house.card(f"{settings['model']}/{stage}")
    except RecipeError:
        if stage == "I":
            raise
        stage_card(settings, house, "I")  # if even that is missing, this is the sentence
        raise RecipeError(f"{settings['model']} has no stage II, so its pictures stay small.") from None


def seeds_in(settings: Settings) -> range:
    return range(settings["seed"], settings["seed"] + settings["count"])


def rng_of(settings: Settings) -> Rng:
    """A stream of noise per picture: seed, seed + 1, ..."""
    return Rng(seeds_in(settings))


def guided_by(settings: Settings | Recipe) -> Build:
    """Classifier-free guidance to the recipe's prompt, away from its negative one."""

    def build(card: Card, tell: Tell, gamma: float) -> list[Estimate]:
        return [guided(card, tell(settings["prompt"]), tell(settings["negative"]), gamma)]

    return build


def telling(count: int, beside: Tensor | None = None, noise_level: int | None = None) -> Tell:
    """Conditions for `count` pictures; one prompt is one condition, so that equal terms share an ask."""
    made: dict[str, Condition] = {}

    def tell(prompt: str) -> Condition:
        label = clean(prompt)
        if label not in made:
            made[label] = Condition((label,) * count, beside, noise_level)
        return made[label]

    return tell
