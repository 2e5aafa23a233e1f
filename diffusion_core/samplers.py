"""Samplers: one step from a level to a cleaner one, and what happens to x0^ before it.

    solver      x_t, x0^ -> x_t'   ancestral, ddim(eta), dpmpp_2m(), euler
    threshold   x0^ -> x0^         none, clip, dynamic

Noise comes from Rng, a generator per picture. The loop that takes these steps is in loop.py.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from diffusion_core.estimates import eps_from
from diffusion_core.levels import CLEAN, Level


class Rng:
    """Noise for a batch, a generator per picture, so that no picture depends on its neighbours."""

    def __init__(self, seeds: Sequence[int]):
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def normal(self, shape: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """[B, *shape] of N(0, 1), row b from generator b. A batch of its own never changes a row. On "meta"
        nothing is drawn."""
        if torch.device(device).type == "meta":
            return torch.empty((len(self.generators), *shape), device=device)
        rows = [torch.randn((1, *shape), generator=g) for g in self.generators]
        return (rows[0] if len(rows) == 1 else torch.cat(rows)).to(device)

    def normal_like(self, x: Tensor) -> Tensor:
        return self.normal(x.shape[1:], x.device)


Solver = Callable[[Tensor, Tensor, Level, Level, Tensor | None, Rng], Tensor]
Threshold = Callable[[Tensor], Tensor]


def none(x0: Tensor) -> Tensor:
    """No threshold: the course's loop."""
    return x0


def clip(low: float = -1.0, high: float = 1.0) -> Threshold:
    """x0^ <- clamp(x0^, low, high)."""
    return lambda x0: x0.clamp(low, high)


def dynamic(ratio: float = 0.95, largest: float = 1.5) -> Threshold:
    """Imagen's dynamic threshold (Saharia et al. 2022, section 2.3), per picture over C*H*W:

    s = clamp(quantile_ratio(|x0^|), 1, largest),    x0^ <- clamp(x0^, -s, s) / s = clamp(x0^ / s, -1, 1)

    The quantile lies between two neighbours in the order of sizes. Only the largest are sorted for it.
    """

    def threshold(x0: Tensor) -> Tensor:
        sizes = x0.abs().reshape(len(x0), 1, 1, -1)
        last = sizes.shape[-1] - 1
        rank = ratio * last
        top = sizes.topk(last - math.floor(rank) + 1).values  # the largest first
        above, below = (top.narrow(-1, last - place, 1) for place in (math.ceil(rank), math.floor(rank)))
        s = torch.lerp(below, above, rank % 1).clamp(1.0, largest)
        return (x0 / s).clamp(-1.0, 1.0)

    return threshold


class Posterior(NamedTuple):
    """q(x_t' | x_t, x0) of two levels (DDPM, eq. 6 and 7): its mean is towards_x0 x0 + towards_x x.

    variance  of it, beta~ of DDPM
    beta      the variance of q(x_t | x_t')
    """

    towards_x0: float
    towards_x: float
    variance: float
    beta: float


def posterior(here: Level, there: Level) -> Posterior:
    """For any two levels, with the ratio r = snr(here) / snr(there):

    mean  = alpha' (1 - r) x0 + (alpha / alpha') (sigma'/sigma)^2 x
    var   = sigma'^2 (1 - r),    beta = sigma^2 - (alpha / alpha')^2 sigma'^2
    """
    shrink = here.alpha / there.alpha
    keep = shrink * there.sigma**2 / here.sigma**2
    r = shrink * keep
    return Posterior(
        towards_x0=there.alpha * (1 - r),
        towards_x=keep,
        variance=there.sigma**2 * (1 - r),
        beta=here.sigma**2 - shrink**2 * there.sigma**2,
    )


def drawn(x: Tensor, x0: Tensor, q: Posterior, spread: Tensor | None, rng: Rng) -> Tensor:
    """A draw from q. With a learned spread v in [-1, 1] its variance lies between beta~ and beta, where
    f = (v + 1) / 2 says (Improved DDPM, eq. 15):

    log var = f log beta + (1 - f) log beta~,    so    std = (beta beta~)^1/4 (beta / beta~)^(v/4)
    """
    mean = torch.add(q.towards_x * x, x0, alpha=q.towards_x0)
    z = rng.normal_like(x)
    if spread is None:
        return torch.add(mean, z, alpha=math.sqrt(q.variance))
    small = max(q.variance, 1e-20)
    lean = torch.pow((q.beta / small) ** 0.25, spread)
    return torch.addcmul(mean, lean, z, value=(q.beta * small) ** 0.25)


def ancestral(x: Tensor, x0: Tensor, here: Level, there: Level, spread: Tensor | None, rng: Rng) -> Tensor:
    """A draw from q(x_t' | x_t, x0) with x0^ for x0 (DDPM), for any two levels: see posterior and drawn."""
    if there.sigma == 0:
        return there.alpha * x0
    return drawn(x, x0, posterior(here, there), spread, rng)


def ancestral_as_published(
    x: Tensor, x0: Tensor, here: Level, there: Level, spread: Tensor | None, rng: Rng
) -> Tensor:
    """`ancestral` with the rounding of diffusers' DDPMScheduler.

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
    return drawn(x, x0, rounded, spread, rng)


def ddim(eta: float = 0.0) -> Solver:
    """Song et al. 2021, eq. 12 and 16. eta 0 draws nothing; eta 1 has ancestral's mean and variance.

    x_t' = alpha' x0^ + sqrt(sigma'^2 - s^2) eps^ + s z,   s^2 = eta^2 sigma'^2 (1 - snr / snr')
    """

    def solver(x, x0, here, there, spread, rng) -> Tensor:
        s = eta * math.sqrt(posterior(here, there).variance) if eta else 0.0
        direction = math.sqrt(max(there.sigma**2 - s**2, 0.0))
        x_next = there.alpha * x0 + direction * eps_from(x0, x, here)
        return x_next + s * rng.normal_like(x) if s > 0 else x_next

    return solver


def euler(x: Tensor, x0: Tensor, here: Level, there: Level, spread, rng) -> Tensor:
    """One straight step along the velocity x0^ - eps^ of a rectified path (alpha + sigma = 1):

    x_t' = x_t + (alpha' - alpha) (x0^ - eps^)
    """
    return x + (there.alpha - here.alpha) * (x0 - eps_from(x0, x, here))


def dpmpp_2m() -> Solver:
    """DPM-Solver++ (2M) of Lu et al. 2022, algorithm 2, in x0^; draws nothing. One solver per run.

    lambda = log(alpha / sigma),  h = lambda' - lambda,  D = x0^ + (x0^ - x0^_before) h / (2 h_before)
    x_t' = (sigma' / sigma) x_t - alpha' (exp(-h) - 1) D
    """
    before: list[tuple[Tensor, float]] = []

    def solver(x, x0, here, there, spread, rng) -> Tensor:
        if there.sigma == 0 or here.alpha == 0:  # the ends, where lambda is infinite: first order
            return there.alpha * x0 + there.sigma * eps_from(x0, x, here)
        h = math.log(there.alpha / there.sigma) - math.log(here.alpha / here.sigma)
        D = x0
        if before:
            x0_before, h_before = before.pop()
            D = x0 + (x0 - x0_before) * (h / (2 * h_before))
        before.append((x0, h))
        return (there.sigma / here.sigma) * x - there.alpha * math.expm1(-h) * D

    return solver


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


def climb(x: Tensor, here: Level, there: Level, rng: Rng) -> Tensor:
    """Back up to a noisier level (RePaint, Lugmayr et al. 2022): q(x_there | x_here).

    x <- (alpha' / alpha) x + sqrt(sigma'^2 - (alpha' / alpha)^2 sigma^2) z
    """
    shrink = there.alpha / here.alpha
    added = math.sqrt(max(there.sigma**2 - (shrink * here.sigma) ** 2, 0.0))
    return shrink * x + added * rng.normal_like(x)
