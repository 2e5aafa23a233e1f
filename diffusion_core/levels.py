"""Noise levels, and paths through them.

A level says how a picture and noise are mixed,

    x_t = alpha x0 + sigma eps,        eps ~ N(0, I),

and a path is a list of levels, noisiest first, that ends at CLEAN. Striding, SDEdit's late start,
one-step denoising and RePaint's climbs are all lists of levels; the loop in loop.py only walks.

Sources: Ho et al. 2020 (DDPM), eq. 4; Nichol and Dhariwal 2021, eq. 17 (cosine); Liu et al. 2022
(rectified flow); Lugmayr et al. 2022, appendix B (RePaint's jumps).
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor


class Level(NamedTuple):
    """How much picture and how much noise: x_t = alpha x0 + sigma eps.

    t      what the network is told; its unit is the network's (a timestep index for DDPM and IF,
           the share of the way from noise to picture, 0..1, for rectified flow)
    alpha  the factor of the picture, sqrt(abar_t) for DDPM, in [0, 1]
    sigma  the factor of the noise, sqrt(1 - abar_t) for DDPM, >= 0
    """

    t: float
    alpha: float
    sigma: float

    @property
    def snr_db(self) -> float:
        """Signal to noise in decibels, 20 log10(alpha / sigma); +inf when clean, -inf for pure noise."""
        if self.sigma == 0:
            return math.inf
        return 20 * math.log10(self.alpha / self.sigma) if self.alpha > 0 else -math.inf

    def noisier_than(self, other: "Level") -> bool:
        """True if the signal to noise ratio here is lower than there."""
        return self.sigma * other.alpha > other.sigma * self.alpha


CLEAN = Level(t=-1.0, alpha=1.0, sigma=0.0)
"""Where every path ends. No network is asked here, so its t means nothing."""

Path = list[Level]


def noised(x0: Tensor, level: Level, eps: Tensor) -> Tensor:
    """The forward process x_t = alpha x0 + sigma eps (DDPM eq. 4). x0, eps and x_t share one shape."""
    return level.alpha * x0 + level.sigma * eps


def linear_alphas_cumprod(T: int = 1000, beta_1: float = 1e-4, beta_T: float = 0.02) -> Tensor:
    """abar_t = prod_{s<=t} (1 - beta_s) for T betas evenly spaced (DDPM section 4). [T] float32."""
    return torch.cumprod(1.0 - torch.linspace(beta_1, beta_T, T, dtype=torch.float32), dim=0)


def cosine_alphas_cumprod(T: int = 1000, max_beta: float = 0.999) -> Tensor:
    """Improved DDPM eq. 17: beta_t = min(1 - f(t+1)/f(t), .999), f(u) = cos^2(pi/2 (u/T + .008)/1.008).

    diffusers calls this `squaredcos_cap_v2`; DeepFloyd IF uses it with T = 1000. [T] float32.
    """

    def f(u: float) -> float:
        return math.cos((u + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - f((t + 1) / T) / f(t / T), max_beta) for t in range(T)]
    return torch.cumprod(1.0 - torch.tensor(betas, dtype=torch.float32), dim=0)


def ddpm_levels(alphas_cumprod: Tensor) -> list[Level]:
    """One level per timestep: t, sqrt(abar_t), sqrt(1 - abar_t). Index the list by t."""
    abar = alphas_cumprod.double()
    return [Level(float(t), math.sqrt(a), math.sqrt(1 - a)) for t, a in enumerate(abar.tolist())]


def rectified_levels(steps: int) -> Path:
    """The straight path from noise to picture in `steps` equal steps: alpha = t, sigma = 1 - t.

    t = 0 is pure noise and t = 1 the picture, as in the course; the list ends at CLEAN.
    """
    if steps < 1:
        raise ValueError(f"a path needs at least 1 step, not {steps}")
    return [Level(k / steps, k / steps, 1 - k / steps) for k in range(steps)] + [CLEAN]


def strided(levels: Sequence[Level], timesteps: Sequence[int]) -> Path:
    """The path through `levels` at the given timesteps, largest first, then CLEAN.

    ValueError if the list is empty, not strictly falling, or leaves 0..T-1.
    """
    steps = list(timesteps)
    if not steps:
        raise ValueError("a path needs at least one timestep")
    if any(a <= b for a, b in pairwise(steps)):
        raise ValueError("timesteps must fall strictly, each one once")
    if steps[0] >= len(levels) or steps[-1] < 0:
        raise ValueError(f"timesteps must lie in 0..{len(levels) - 1}")
    return [levels[t] for t in steps] + [CLEAN]


def leading(T: int, n: int) -> list[int]:
    """diffusers' "leading" spacing: n timesteps k (T // n), largest first. n = 10, T = 1000: 900..0."""
    if not 1 <= n <= T:
        raise ValueError(f"the number of steps must lie in 1..{T}, not {n}")
    return [k * (T // n) for k in reversed(range(n))]


def evenly(T: int, n: int) -> list[int]:
    """n timesteps from T-1 down to 0, as even as whole numbers allow. n = T gives every one."""
    if not 1 <= n <= T:
        raise ValueError(f"the number of steps must lie in 1..{T}, not {n}")
    return [round((T - 1) * k / (n - 1)) for k in reversed(range(n))] if n > 1 else [T - 1]


@lru_cache
def schedule(name: str) -> tuple[Level, ...]:
    """The levels of a schedule by name, cleanest first, so that schedule(name)[t] is the level at t.

    if-cosine         1000 levels, cosine (DeepFloyd IF)
    ddpm-linear       1000 levels, linear beta 1e-4..0.02 (DDPM)
    ddpm-linear-300   300 levels, the same betas (the course's MNIST models)
    rectified         1000 levels on the straight path, alpha = 1 - k/1000 at index k, t = alpha
    """
    if name == "if-cosine":
        return tuple(ddpm_levels(cosine_alphas_cumprod(1000)))
    if name == "ddpm-linear":
        return tuple(ddpm_levels(linear_alphas_cumprod(1000)))
    if name == "ddpm-linear-300":
        return tuple(ddpm_levels(linear_alphas_cumprod(300)))
    if name == "rectified":
        return tuple(Level(1 - k / 1000, 1 - k / 1000, k / 1000) for k in range(1000))
    raise ValueError(f"no schedule is called {name!r}")


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
