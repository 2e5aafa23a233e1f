"""A batch of seeds: `developed` is one run for all, `compared` is several, side by side on the same seeds."""

from collections.abc import Callable, Sequence

from torch import Tensor

from diffusion_core.loop import Process
from diffusion_core.processes import cascade, row_per_seed, together
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.techniques.cascade import (
    Build,
    Keep,
    Settings,
    Stages,
    asked_at,
    seeds_in,
    stages_of,
)
from diffusion_core.techniques.registry import House, Plan

PICTURES_AT_MOST = 128  # of one run
IN_A_ROW = 4  # pictures of a batch of seeds


def developed(recipe: Recipe, house: House, build: Build, keep: Keep | None = None) -> Plan:
    """Noise -> stage I -> stage II if asked for, for a batch of seeds; `keep` holds at both stages."""
    return Plan.of(
        lambda: side_by_side([stages_of(recipe.values, house, build, keep)], recipe["count"]),
        columns=min(IN_A_ROW, recipe["count"]),
        captions=seeds_of(recipe.values),
    )


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

    def begin() -> Process:
        runs = [stages_of({**recipe.values, **changes}, house, build, keep) for _, changes in columns]
        return side_by_side(runs, recipe["count"])

    captions = per_seed(recipe.values, [caption for caption, _ in columns])
    return Plan.of(begin, columns=len(columns), captions=captions)


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


def seeds_of(settings: Settings) -> tuple[str, ...]:
    """A caption per picture where there are several."""
    return tuple(f"seed {seed}" for seed in seeds_in(settings)) if settings["count"] > 1 else ()


def per_seed(settings: Settings, captions: Sequence[str]) -> tuple[str, ...]:
    """Captions that come again for every seed, with the seed before each if there are several."""
    seeds = [f"{each}, " for each in seeds_of(settings)] or [""]
    return tuple(f"{seed}{caption}" for seed in seeds for caption in captions)


def laid_out(
    recipe: Recipe, runs: Callable[[], Sequence[Stages]], columns: int, captions: Sequence[str]
) -> Plan:
    """Runs side by side, one per caption, for each seed in rows of so many columns."""
    check_number(len(captions), recipe["count"])
    begin = lambda: side_by_side(runs(), recipe["count"])  # noqa: E731
    return Plan.of(begin, columns=columns, captions=per_seed(recipe.values, captions))
