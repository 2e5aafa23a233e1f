"""What each MNIST model learns: a noisy picture, a time, and the target the network should answer.

Every objective is a function (x0 [B,1,28,28] in [0,1], rng) -> Example(x_t, t, target); the loss is
the mean squared error between the network's answer and the target.

    denoiser  x_t = x0 + sigma eps, sigma .5                           target x0
    ddpm      x_t = sqrt(abar_t) x0 + sqrt(1-abar_t) eps, T = 300      target eps       (DDPM, eq. 14)
    flow      x_t = t x0 + (1-t) eps, t ~ U[0,1]                       target x0 - eps  (rectified flow)

The course writes x1 for the picture and x0 for the noise in flow matching; here x0 is the picture
everywhere, so that one symbol means one thing.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from diffusion_core.levels import linear_alphas_cumprod

DDPM_T = 300
DENOISER_SIGMA = 0.5


class Example(NamedTuple):
    """x_t [B,1,28,28], t [B] in [0,1] as the network is told, target [B,1,28,28]."""

    x_t: Tensor
    t: Tensor
    target: Tensor


Objective = Callable[[Tensor, torch.Generator], Example]


def denoiser(x0: Tensor, rng: torch.Generator, sigma: float = DENOISER_SIGMA) -> Example:
    eps = _normal_like(x0, rng)
    return Example(x0 + sigma * eps, torch.zeros(len(x0), device=x0.device), x0)


def ddpm(x0: Tensor, rng: torch.Generator) -> Example:
    eps = _normal_like(x0, rng)
    t = torch.randint(DDPM_T, (len(x0),), generator=rng, device=x0.device)
    abar = linear_alphas_cumprod(DDPM_T).to(x0.device)[t].view(-1, 1, 1, 1)
    return Example(abar.sqrt() * x0 + (1 - abar).sqrt() * eps, t / DDPM_T, eps)


def flow(x0: Tensor, rng: torch.Generator) -> Example:
    eps = _normal_like(x0, rng)
    t = torch.rand(len(x0), generator=rng, device=x0.device)
    s = t.view(-1, 1, 1, 1)
    return Example(s * x0 + (1 - s) * eps, t, x0 - eps)


def one_hot(labels: Tensor, dropped: float, rng: torch.Generator) -> Tensor:
    """labels [B] -> c [B,10]; a share `dropped` of the rows is zero, which means "no class".

    This is what lets one network answer with and without the class (Ho and Salimans 2022).
    """
    c = torch.nn.functional.one_hot(labels, 10).float()
    keep = torch.rand(len(labels), generator=rng, device=labels.device) >= dropped
    return c * keep[:, None]


OBJECTIVES: dict[str, Objective] = {"denoiser": denoiser, "ddpm": ddpm, "flow": flow}


def _normal_like(x: Tensor, rng: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=rng, device=x.device, dtype=x.dtype)
