"""What text-to-image techniques share: the published maths, chaining, strips, and what is kept of a photo.

Two presets of the maths stand side by side. "course" is CS180's loop: no threshold, and the known part of
a photo is noised anew. "diffusers" is the published pipelines': x0^ is thresholded as the model's scheduler
says, the known part stays clean, and the coefficients are rounded as its DDPMScheduler rounds them, so
that pictures are equal to its own to the fifth digit; tests/test_parity.py holds that.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from diffusion_core import sampling
from diffusion_core.estimates import Card, Estimate
from diffusion_core.filters import as_large
from diffusion_core.levels import CLEAN, Level, Path, noised, schedule, strided
from diffusion_core.sampling import Constrain, Posterior, Process, Rng, Solver, Step, Threshold, denoise


def path_of(card: Card, timesteps: Sequence[int], start: int = 0) -> Path:
    """The levels at the timesteps, from number `start` on, down to CLEAN. IndexError past the end."""
    return strided(schedule(card.schedule), list(timesteps)[start:])


def threshold_of(maths: str, card: Card) -> Threshold:
    """None in the course; else what the model was published with."""
    if maths == "course" or card.threshold is None:
        return sampling.none
    return sampling.dynamic(*card.threshold)


def solver_of(name: str, eta: float = 0.0, maths: str = "diffusers") -> Solver:
    """A fresh solver. eta: DDIM's noise, 0..1. maths: which rounding the ancestral one has."""
    if name == "ddim":
        return sampling.ddim(eta)
    if name == "dpm++ 2m":
        return anew_after_climbs(sampling.dpmpp_2m)
    return ancestral_as_published if maths == "diffusers" else sampling.ancestral


def anew_after_climbs(make: Callable[[], Solver]) -> Solver:
    """A solver that remembers steps, and forgets them where the path has climbed back (RePaint).

    What it remembers belongs to the level where its last step ended; from anywhere else it starts anew.
    """
    solver, ended = make(), None

    def anew(x, x0, here, there, spread, rng) -> Tensor:
        nonlocal solver, ended
        if ended not in (None, here):
            solver = make()
        ended = there
        return solver(x, x0, here, there, spread, rng)

    return anew


def ancestral_as_published(
    x: Tensor, x0: Tensor, here: Level, there: Level, spread: Tensor | None, rng: Rng
) -> Tensor:
    """sampling.ancestral with the rounding of diffusers' DDPMScheduler.

    It takes beta = 1 - abar / abar' in float32. Where steps are small that is a difference of nearly equal
    numbers, and wrong from the fourth digit on: 100 steps end 4e-5 away from exact coefficients. The eye
    sees nothing of it; equality with published pictures does.
    """
    if there.sigma == 0:
        return there.alpha * x0
    one, abar, abar_next = (np.float32(level.alpha**2) for level in (CLEAN, here, there))
    ratio = abar / abar_next
    beta = one - ratio
    rounded = Posterior(
        towards_x0=float(np.sqrt(abar_next) * beta / (one - abar)),
        towards_x=float(np.sqrt(ratio) * (one - abar_next) / (one - abar)),
        variance=float((one - abar_next) / (one - abar) * beta),
        beta=float(beta),
    )
    return sampling.drawn(x, x0, rounded, spread, rng)


# --- chaining -----------------------------------------------------------------------------------------


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


# --- strips: several pictures of a run, in rows -------------------------------------------------------


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


# --- RePaint's path -----------------------------------------------------------------------------------


def with_jumps(path: Path, length: int, again: int) -> Path:
    """RePaint's path (Lugmayr et al. 2022, appendix B): every `length` steps climb back as many, so that
    each stretch is walked `again` times.

    33 steps make 65 calls of the network with length 1, again 2, and 303 with 10 and 10; 250 make 2410.
    """
    if length < 1 or again < 1:
        raise ValueError("jumps have a length of at least 1 and happen at least once")
    rising = path[-2::-1]  # cleanest first, CLEAN left out
    climbs_left = dict.fromkeys(range(0, len(rising) - length, length), again - 1)
    walked, t = [], len(rising)
    while t > 0:
        t -= 1
        walked.append(rising[t])
        if climbs_left.get(t, 0) > 0:
            climbs_left[t] -= 1
            t += length
            walked.append(rising[t])
    return [*walked, CLEAN]


# --- what is kept of a photo --------------------------------------------------------------------------


def keep_clean(photo: Tensor, mask: Tensor) -> Constrain:
    """Outside the mask the photo itself, at every level: what diffusers' inpainting does.

    photo [B,C,H,W]; mask [B or 1,1,H,W], 1 = new, 0 = known. x <- (1 - m) photo + m x
    """
    return lambda x, level: (1 - mask) * photo + mask * x


def keep_renoised(photo: Tensor, mask: Tensor, rng: Rng) -> Constrain:
    """Outside the mask the photo, noised to the level: the course's and RePaint's way.

    x <- (1 - m) (alpha photo + sigma z) + m x, with fresh z at every level
    """

    def constrain(x: Tensor, level: Level) -> Tensor:
        known = noised(photo, level, rng.normal_like(x)) if level.sigma else photo
        return (1 - mask) * known + mask * x

    return constrain


def keep_part(photo: Tensor, part: Callable[[Tensor], Tensor], rng: Rng) -> Constrain:
    """A part of the photo, like its low frequencies: an inverse hybrid (Geng et al. 2024b, section 3.4).

    x <- x - part(x) + part(alpha photo + sigma z), with fresh z at every level
    """

    def constrain(x: Tensor, level: Level) -> Tensor:
        known = noised(photo, level, rng.normal_like(x)) if level.sigma else photo
        return x + part(known - x)

    return constrain


def but_at_the_end(constrain: Constrain) -> Constrain:
    """The constraint at every level but the last, the clean one: nothing is pasted back."""
    return lambda x, level: constrain(x, level) if level.sigma else x


def shown_to_stage_2(small: Tensor, card: Card, noise_level: int, eps: Tensor) -> Tensor:
    """What stage II sees beside x: the small picture enlarged (bilinear, corners aligned) and noised."""
    large = F.interpolate(small, card.shape[1:], mode="bilinear", align_corners=True)
    return noised(large, schedule("if-cosine")[noise_level], eps)
