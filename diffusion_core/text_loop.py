"""What text-to-image techniques share: the published maths, chaining, and what is kept of a photo.

Two presets of the maths stand side by side. "course" is CS180's loop: no threshold, and the known part of
a photo is noised anew. "diffusers" is the published pipelines': x0^ is thresholded as the model's scheduler
says, the known part stays clean, and the coefficients are rounded as its DDPMScheduler rounds them, so
that pictures are equal to its own to the fifth digit; tests/test_parity.py holds that.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn import functional as F

from diffusion_core import sampling
from diffusion_core.estimates import Card, Estimate
from diffusion_core.levels import CLEAN, Level, Path, noised, schedule, strided
from diffusion_core.sampling import Constrain, Process, Rng, Solver, Threshold, denoise


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
        return sampling.dpmpp_2m()
    return ancestral_as_published if maths == "diffusers" else sampling.ancestral


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
    abar, abar_next = (torch.tensor(level.alpha**2, dtype=torch.float32) for level in (here, there))
    ratio = abar / abar_next
    beta = 1 - ratio
    variance = ((1 - abar_next) / (1 - abar) * beta).clamp(min=1e-20)
    towards_x0 = float(abar_next.sqrt() * beta / (1 - abar))
    towards_x = float(ratio.sqrt() * (1 - abar_next) / (1 - abar))
    log_beta, log_variance = float(beta.log()), float(variance.log())
    f = 0.0 if spread is None else (spread + 1) / 2
    log_variance = f * log_beta + (1 - f) * log_variance
    std = math.exp(0.5 * log_variance) if spread is None else torch.exp(0.5 * log_variance)
    return towards_x0 * x0 + towards_x * x + std * rng.normal_like(x)


# --- chaining -----------------------------------------------------------------------------------------


def cascade(small: Process, steps: int, enlarge: Callable[[Tensor], Process], steps_more: int) -> Process:
    """One process after the other: `enlarge` is given the picture of `small`. Steps are counted through."""
    of = steps + steps_more
    picture = yield from numbered(small, 0, of)
    return (yield from numbered(enlarge(picture), steps, of))


def in_turns(x: Tensor, path: Path, estimates: Sequence[Estimate], rng: Rng, **choices) -> Process:
    """`denoise` with another estimate at every step, round and round ("alternate" of Geng et al. 2024)."""
    for k, (here, there) in enumerate(pairwise(path)):
        step = denoise(x, [here, there], estimates[k % len(estimates)], rng, **choices)
        x = yield from numbered(step, k, len(path) - 1)
    return x


def numbered(process: Process, first: int, of: int) -> Process:
    """The process, its steps counted from `first` on as steps of `of`."""
    answers = None
    try:
        while True:
            step = process.send(answers)
            answers = yield step._replace(index=first + step.index, of=of)
    except StopIteration as end:
        return end.value
    finally:
        process.close()


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


def keep_low(photo: Tensor, low: Callable[[Tensor], Tensor], rng: Rng) -> Constrain:
    """The coarse part of the photo: an inverse hybrid (Geng et al. 2024b, section 3.4).

    x <- x - low(x) + low(alpha photo + sigma z)
    """

    def constrain(x: Tensor, level: Level) -> Tensor:
        known = noised(photo, level, rng.normal_like(x)) if level.sigma else photo
        return x + low(known - x)

    return constrain


def shown_to_stage_2(small: Tensor, card: Card, noise_level: int, rng: Rng) -> Tensor:
    """What stage II sees beside x: the small picture enlarged (bilinear, corners aligned) and noised."""
    large = F.interpolate(small, card.shape[1:], mode="bilinear", align_corners=True)
    return noised(large, schedule("if-cosine")[noise_level], rng.normal_like(large))
