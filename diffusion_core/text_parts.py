"""The parts of text techniques: a technique's estimate, run at stage I and perhaps again at stage II.

A technique says what to ask (`Build`) and what to keep of a photo (`Keep`), both for any card. `stages_of`
makes of them the walk through stage I, and through stage II with the same technique, told the small picture
too. `developed` is one such run for a batch of seeds; `compared` is several, side by side on the same seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from torch import Tensor

from diffusion_core import sampling, text_input
from diffusion_core.estimates import Card, Condition, Estimate, guided
from diffusion_core.fields import RecipeError
from diffusion_core.levels import Level, Path
from diffusion_core.prompts import clean
from diffusion_core.recipes import Recipe
from diffusion_core.sampling import Constrain, Process, Rng, denoise, together
from diffusion_core.techniques import House, Plan
from diffusion_core.text_loop import (
    cascade,
    in_turns,
    path_of,
    row_per_seed,
    shown_to_stage_2,
    solver_of,
    threshold_of,
    with_jumps,
)

PICTURES_AT_MOST = 128  # of one run
IN_A_ROW = 4  # pictures of a batch of seeds

Settings = Mapping[str, Any]
"""The values of a recipe; a comparison changes some of them for each of its columns."""

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


# --- one run ------------------------------------------------------------------------------------------


def developed(recipe: Recipe, house: House, build: Build, keep: Keep | None = None) -> Plan:
    """Noise -> stage I -> stage II if asked for, for a batch of seeds; `keep` holds at both stages."""
    one = stages_of(recipe.values, house, build, keep)
    return Plan(
        side_by_side([one], recipe["count"]),
        columns=min(IN_A_ROW, recipe["count"]),
        captions=seeds_of(recipe.values),
    )


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
    kept = Kept(sampling.keep_all, sampling.keep_all) if keep is None else keep(stage.card, rng)
    x = noise if noise.is_meta else kept.begin(noise, stage.path[0])
    estimates = build(stage.card, stage.tell, stage.gamma)
    choices = {
        "constrain": kept.constrain,
        "solver": solver_of(settings["solver"], settings["eta"], settings["maths"]),
        "threshold": threshold_of(settings["maths"], stage.card),
    }
    if len(estimates) > 1:
        return in_turns(x, stage.path, estimates, rng, **choices)
    return denoise(x, stage.path, estimates[0], rng, **choices)


def _path(settings: Settings, card: Card, stage: str) -> Path:
    """The levels of a stage: the recipe's timesteps, from its start on, and with RePaint's jumps, if any."""
    mark, where = ("", "") if stage == "I" else ("_2", ", stage II")
    timesteps, start = text_input.timesteps(settings[f"steps{mark}"]), settings.get(f"start{mark}", 0)
    last = len(timesteps) - 1
    if start > last:
        raise RecipeError(f"Start{where}: with {last + 1} timesteps it lies in 0..{last}, not {start}.")
    path = path_of(card, timesteps, start)
    if settings.get("way") != "repaint" or settings[f"again{mark}"] == 1:
        return path
    if settings["jump"] > last:
        raise RecipeError(
            f"Jump length{where}: with {last + 1} timesteps it is at most {last}, not {settings['jump']}. "
            "Take more timesteps, shorter jumps, or one walk."
        )
    return with_jumps(path, settings["jump"], settings[f"again{mark}"])


# --- several runs, side by side -----------------------------------------------------------------------


def compared(
    recipe: Recipe,
    house: House,
    build: Build,
    columns: Sequence[tuple[str, Settings]],
    keep: Keep | None = None,
) -> Plan:
    """The same seeds with some settings changed: a column per (caption, changes), a row per seed.

    Every picture is the one that `developed` makes with these changes, up to rounding.
    """
    check_number(len(columns), recipe["count"])
    runs = [stages_of({**recipe.values, **changes}, house, build, keep) for _, changes in columns]
    captions = per_seed(recipe.values, [caption for caption, _ in columns])
    return Plan(side_by_side(runs, recipe["count"]), columns=len(columns), captions=captions)


def side_by_side(runs: Sequence[Stages], seeds: int) -> Process:
    """Runs on the same number of seeds as one process: all of stage I, then all of stage II."""
    process = _together([run.first for run in runs])
    if runs[0].second:

        def enlarge(small: Tensor) -> Process:
            return _together([run.second(part) for run, part in zip(runs, small.split(seeds))])

        steps = max(len(asked_at(run.path)) for run in runs)
        more = max(len(asked_at(run.path_2)) for run in runs)
        process = cascade(process, steps, enlarge, more)
    return process if 1 in (len(runs), seeds) else row_per_seed(process, seeds)


def _together(processes: list[Process]) -> Process:
    return processes[0] if len(processes) == 1 else together(*processes)


def check_number(columns: int, rows: int) -> None:
    """RecipeError if a sheet of so many pictures is too much for one run."""
    if columns * rows > PICTURES_AT_MOST:
        raise RecipeError(
            f"{columns} columns for {rows} seeds are {columns * rows} pictures; {PICTURES_AT_MOST} are the "
            "most in one run. Take fewer of either."
        )


# --- what a run is made of ----------------------------------------------------------------------------


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


def seeds_of(settings: Settings) -> tuple[str, ...]:
    """A caption per picture where there are several."""
    return tuple(f"seed {seed}" for seed in seeds_in(settings)) if settings["count"] > 1 else ()


def per_seed(settings: Settings, captions: Sequence[str]) -> tuple[str, ...]:
    """Captions that come again for every seed, with the seed before each if there are several."""
    seeds = [f"{each}, " for each in seeds_of(settings)] or [""]
    return tuple(f"{seed}{caption}" for seed in seeds for caption in captions)


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


def total(estimates: Sequence[Estimate]) -> Estimate:
    return Estimate(sum((estimate.terms for estimate in estimates), ()))
