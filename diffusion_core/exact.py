"""The denoiser that needs no training: the posterior mean of a finite set of pictures.

Of all functions of x_t = alpha x0 + sigma eps, the mean of x0 given x_t has the smallest squared error; it is
what a network is trained towards. Where x0 is one of N known pictures x_i, each as likely as the others, it
can be written down (Karras et al. 2022, appendix B.3):

    x0_hat(x_t) = sum_i w_i x_i,     w = softmax_i( -|x_t - alpha x_i|^2 / (2 sigma^2) )

A class is a part of the set: told one, the sum runs over that part alone. So nothing about sampling with it
is approximate but the steps of the solver. Points of the plane are pictures too, of shape (2, 1, 1): the tab
"In two dimensions" computes the same in JavaScript, with the random numbers of Mulberry.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from diffusion_core.estimates import Answer, Ask, Card, Condition, Estimate, eps_from, given, guided
from diffusion_core.levels import Level, Path, rectified_levels, schedule, strided
from diffusion_core.loop import Process, denoise
from diffusion_core.samplers import Rng, Solver, ancestral, ddim, euler

POINT = (2, 1, 1)
"""The shape of a point of the plane, as a picture: two channels, one pixel."""

SAMPLERS = {"ddpm": ancestral, "ddim": ddim(), "flow": euler}
CARDS = {
    "ddpm": Card("exact", "eps", POINT, "if-cosine"),
    "ddim": Card("exact", "eps", POINT, "if-cosine"),
    "flow": Card("exact", "velocity", POINT, "rectified"),
}


@dataclass(frozen=True, eq=False)
class Dataset:
    """pictures [N, C, H, W], all equally likely; labels: the class of each, or None where there are none."""

    pictures: Tensor
    labels: tuple[Hashable, ...] | None = None

    def posterior_mean(self, x: Tensor, level: Level, told: Sequence[Hashable] | None = None) -> Tensor:
        """x0_hat of x [B,C,H,W] at a level, in double precision. told: the class of each row, None for any.

        ValueError for a class that the set does not have, and at sigma 0, where x says all there is to say.
        """
        if level.sigma == 0:
            raise ValueError("where sigma is 0 there is nothing to estimate")
        away = (x.double()[:, None] - level.alpha * self.pictures.double()).flatten(2).square().sum(2)
        logits = -away / (2 * level.sigma**2)
        for row, label in enumerate(told or ()):
            if label is not None:
                logits[row, ~self._of_class(label)] = -torch.inf
        return (logits.softmax(1) @ self.pictures.double().flatten(1)).view(x.shape)

    def answer(self, ask: Ask, predicts: str) -> Answer:
        """What a perfectly trained network answers: x0_hat, or its eps or velocity x0_hat - eps."""
        x0 = self.posterior_mean(ask.x, ask.level, ask.cond.labels)
        eps = eps_from(x0, ask.x.double(), ask.level)
        return Answer({"x0": x0, "eps": eps, "velocity": x0 - eps}[predicts])

    def _of_class(self, label: Hashable) -> Tensor:
        mask = torch.tensor([each == label for each in self.labels or ()], dtype=torch.bool)
        if not mask.any():
            raise ValueError(f"the data set has no class {label!r}")
        return mask


class Mulberry(Rng):
    """Normal numbers that a page can draw too, in double precision: a mulberry32 generator per row, and two
    of its uniform numbers to two normal ones (Box and Muller 1958):

        r = sqrt(-2 ln(1 - u_1)),    z_1 = r cos(2 pi u_2),    z_2 = r sin(2 pi u_2)
    """

    def __init__(self, seeds: Sequence[int]):
        self._state = np.array([seed % 2**32 for seed in seeds], dtype=np.uint32)

    def _uniform(self) -> np.ndarray:
        """The next number of each row, in [0, 1)."""
        with np.errstate(over="ignore"):
            self._state = a = self._state + np.uint32(0x6D2B79F5)
            t = (a ^ (a >> np.uint32(15))) * (a | np.uint32(1))
            t = (t + (t ^ (t >> np.uint32(7))) * (t | np.uint32(61))) ^ t
        return (t ^ (t >> np.uint32(14))) / 2**32

    def normal(self, shape: Sequence[int], device: torch.device | str = "cpu") -> Tensor:
        """[B, *shape] of N(0, 1), float64, row b from generator b."""
        rows, size = len(self._state), math.prod(shape)
        if torch.device(device).type == "meta":
            return torch.empty((rows, *shape), device=device, dtype=torch.float64)
        columns = []
        for _ in range((size + 1) // 2):
            r, angle = np.sqrt(-2 * np.log1p(-self._uniform())), 2 * np.pi * self._uniform()
            columns += [r * np.cos(angle), r * np.sin(angle)]
        return torch.from_numpy(np.stack(columns[:size], axis=1)).view(rows, *shape).to(device)


def trailing(T: int, n: int) -> list[int]:
    """n timesteps down from T-1, evenly, the last T/n - 1 (Lin et al. 2023, section 3.3).

    diffusers' "trailing": no step is spent where all noise is gone, and the first begins with pure
    noise. T = 1000, n = 5: 999..199.
    """
    if not 1 <= n <= T:
        raise ValueError(f"the number of steps must lie in 1..{T}, not {n}")
    return [T - 1 - k * T // n for k in range(n)]


def sampler_path(sampler: str, steps: int) -> Path:
    """The levels that a sampler of SAMPLERS walks, noisiest first, ending at CLEAN."""
    card = CARDS[sampler]
    if card.schedule == "rectified":
        return rectified_levels(steps)
    levels = schedule(card.schedule)
    return strided(levels, trailing(len(levels), steps))


def exact_points(
    sampler: str, steps: int, seeds: Sequence[int], gamma: float = 1.0, told: Sequence[Hashable] | None = None
) -> Process:
    """Points out of noise, a seed and, if told, a class for each; its asks are for Dataset.answer.

    gamma   guidance, x0_hat = (1 - gamma) x0_hat(x_t) + gamma x0_hat(x_t, class); 1 only tells the class
    """
    rng, card, null = Mulberry(seeds), CARDS[sampler], Condition((None,) * len(seeds))
    solver: Solver = SAMPLERS[sampler]
    estimate: Estimate = (
        given(card, null) if told is None else guided(card, Condition(tuple(told)), null, gamma)
    )
    return denoise(rng.normal(POINT), sampler_path(sampler, steps), estimate, rng, solver=solver)
