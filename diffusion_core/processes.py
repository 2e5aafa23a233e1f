"""Processes made of processes: side by side, one after the other, in turns, laid out as strips."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

from diffusion_core.estimates import Answer, Estimate
from diffusion_core.filters import as_large
from diffusion_core.levels import Path
from diffusion_core.loop import Process, Step, denoise
from diffusion_core.samplers import Rng


def together(*processes: Process) -> Process:
    """Several processes as one, in step: their asks are asked at once, their pictures stacked.

    For comparisons on one seed (a gamma sweep, step counts). All have pictures of one size; one that
    ends early waits with its picture for the others.
    """
    done: dict[int, Tensor] = {}
    steps = [_advance(process, None, done, k) for k, process in enumerate(processes)]
    while len(done) < len(processes):
        running = [k for k in range(len(processes)) if k not in done]
        longest = max((steps[k] for k in running), key=lambda step: step.of - step.index)
        xs = [done[k] if k in done else steps[k].x for k in range(len(processes))]
        x0s = [done[k] if k in done else steps[k].x0 for k in range(len(processes))]
        x0 = None if any(each is None for each in x0s) else torch.cat(x0s)
        asks = [ask for k in running for ask in steps[k].asks]
        answers = yield longest._replace(x=torch.cat(xs), x0=x0, asks=asks)
        rest = iter(answers or ())
        for k in running:
            mine = None if answers is None else [next(rest) for _ in steps[k].asks]
            steps[k] = _advance(processes[k], mine, done, k)
    return torch.cat([done[k] for k in range(len(processes))])


def _advance(process: Process, answers: list[Answer] | None, done: dict, k: int) -> Step | None:
    try:
        return process.send(answers)
    except StopIteration as end:
        done[k] = end.value
        return None


def cascade(small: Process, steps: int, enlarge: Callable[[Tensor], Process], steps_more: int) -> Process:
    """One process after the other: `enlarge` is given the picture of `small`. Steps are counted through.

    Until the second has an x0^ of its own, the picture of the first is shown in its place, enlarged.
    """
    of = steps + steps_more
    picture = yield from numbered(small, 0, of)
    return (yield from numbered(enlarge(picture), steps, of, so_far=picture))


def in_turns(x: Tensor, path: Path, estimates: Sequence[Estimate], rng: Rng, **choices) -> Process:
    """`denoise` with another estimate at every step, round and round ("alternate" of Geng et al. 2024)."""
    for k, (here, there) in enumerate(pairwise(path)):
        step = denoise(x, [here, there], estimates[k % len(estimates)], rng, **choices)
        x = yield from numbered(step, k, len(path) - 1)
    return x


def drained(process: Process) -> Tensor:
    """The picture of a process that asks no network, at once. ValueError if it does ask."""
    try:
        while True:
            if next(process).asks:
                raise ValueError("this process asks a network; submit it to an engine")
    except StopIteration as end:
        return end.value


def numbered(process: Process, first: int, of: int, so_far: Tensor | None = None) -> Process:
    """The process, its steps counted from `first` on as steps of `of`; so_far stands in for its first x0^."""
    shown = None

    def renumbered(step: Step) -> Step:
        nonlocal shown
        x0 = step.x0
        if x0 is None and so_far is not None:
            x0 = shown = as_large(so_far, step.x.shape[-1]) if shown is None else shown
        return step._replace(index=first + step.index, of=of, x0=x0)

    return shown_as(process, renumbered)


def shown_as(process: Process, look: Callable[[Step], Step]) -> Process:
    """The process, each of its steps shown otherwise; what it asks and returns is left alone."""
    answers = None
    try:
        while True:
            answers = yield look(process.send(answers))
    except StopIteration as end:
        return end.value
    finally:
        process.close()


def row_per_seed(process: Process, seeds: int) -> Process:
    """Pictures [K seeds,C,H,W], value by value, are laid out seed by seed: a row per seed, K columns."""

    def turned(x: Tensor | None) -> Tensor | None:
        return None if x is None else x.unflatten(0, (-1, seeds)).transpose(0, 1).flatten(0, 1)

    return turned((yield from shown_as(process, lambda s: s._replace(x=turned(s.x), x0=turned(s.x0)))))


def every_kth(process: Process, k: int) -> Process:
    """The process as a strip: x before steps 0, k, 2k, ..., and its end. [B,C,H,W] -> [B (n + 1),C,H,W],
    a row per picture. On the way, what is still to come is grey; at the end of a cascade all is as large."""
    xs: list[Tensor] = []
    x0s: list[Tensor] = []

    def strip(pictures: list[Tensor], n: int) -> Tensor:
        last = pictures[-1]
        pictures = [as_large(x.to(last.device), last.shape[-1]) for x in pictures]
        to_come = [torch.zeros_like(last)] * (n + 1 - len(pictures))
        return torch.stack([*pictures, *to_come], dim=1).flatten(0, 1)

    def so_far(step: Step) -> Step:
        nonlocal n
        n = -(-step.of // k)
        x0 = torch.zeros_like(step.x) if step.x0 is None else step.x0
        now = ([*xs, step.x], [*x0s, x0])
        if step.index % k == 0:
            xs.append(step.x)
            x0s.append(x0)
        shown = None if step.x0 is None else strip(now[1], n)
        return step._replace(x=strip(now[0], n), x0=shown)

    n = 0
    end = yield from shown_as(process, so_far)
    return strip([*xs, end], n)
