"""The one loop. It walks a path of levels, asks, and never calls a network itself.

`denoise` is a generator: it yields a Step that carries questions, is sent the answers, and returns the
picture. So whoever runs it decides where the networks live, how many runs share a forward, what is
shown on the way and when to stop. Everything else is a choice for one of its places:

    solver      x_t, x0^ -> x_t'   samplers.py
    threshold   x0^ -> x0^         samplers.py
    constrain   x, level -> x      constraints.py
"""

from collections.abc import Generator
from itertools import pairwise
from typing import NamedTuple

from torch import Tensor

from diffusion_core.constraints import Constrain
from diffusion_core.estimates import Answer, Ask, Estimate
from diffusion_core.levels import Level, Path
from diffusion_core.samplers import Rng, Solver, Threshold, ancestral, climb, none


class Step(NamedTuple):
    """Where a run stands before evaluation `index` of `of`: x at `level`, the last x0^, and the asks."""

    index: int
    of: int
    level: Level
    x: Tensor
    x0: Tensor | None
    asks: list[Ask]


Process = Generator[Step, list[Answer] | None, Tensor]
"""Yields steps, is sent the answers to their asks, returns the picture. Sent None instead, it walks on to
its next question without computing, so that a bare `for step in process` counts what a run will ask: from
then on pictures are on torch's "meta" device, shapes without pixels."""


def denoise(
    x: Tensor,
    path: Path,
    estimate: Estimate,
    rng: Rng,
    *,
    solver: Solver = ancestral,
    threshold: Threshold = none,
    constrain: Constrain | None = None,
) -> Process:
    """Walk `path` from x [B,C,H,W] at path[0] to path[-1]; return x there.

    At each level: ask, read x0^ from the answers, step. Where the path climbs, noise is added back.
    ValueError if the path has fewer than two levels.
    """
    if len(path) < 2:
        raise ValueError("a path needs a start and an end")
    of = sum(here.noisier_than(there) for here, there in pairwise(path))
    index, x0 = 0, None
    for here, there in pairwise(path):
        if not here.noisier_than(there):
            x = climb(x, here, there, rng)
            continue
        answers = yield Step(index, of, here, x, x0, estimate.asks(x, here))
        index += 1
        if answers is None:
            x = x.to("meta")
            continue
        x0 = threshold(estimate.clean(x, here, answers))
        x = solver(x, x0, here, there, estimate.spread(answers), rng)
        x = x if constrain is None else constrain(x, there)
    return x


def ask_once(x: Tensor, level: Level, estimate: Estimate) -> Process:
    """One-step denoising: the estimate of x0 from x at `level`, straight away."""
    answers = yield Step(0, 1, level, x, None, estimate.asks(x, level))
    return x.to("meta") if answers is None else estimate.clean(x, level, answers)
