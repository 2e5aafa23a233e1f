"""What the cascade learns: epsilon, and how far its steps should scatter (Nichol & Dhariwal 2021).

    x_t = sqrt(abar_t) x0 + sqrt(1 - abar_t) eps
    L   = w_t |eps - eps_theta|^2  +  L_vlb / 1000

w_t is min-SNR (Hang et al. 2023, eq. 8): min(SNR, 5) / SNR. L_vlb is the KL divergence of the model's
step from the posterior, in bits per channel, with the mean detached, so that it trains the variance
alone (their eq. 15 and section 3.1); t = 0, whose variance no sampler uses, is left out.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from diffusion_core.levels import cosine_alphas_cumprod

STEPS = 1000
SNR_CAP = 5.0
VLB_SHARE = 0.001  # lambda of Improved DDPM, for L_vlb estimated from one t as 1000 times its term


class Objective:
    """The cosine schedule of IF and the loss on it; `abar` [1000] is alphas_cumprod."""

    def __init__(self, device: torch.device | str = "cpu"):
        abar = cosine_alphas_cumprod(STEPS).double()
        self.abar = abar.float().to(device)
        before = torch.cat([abar.new_ones(1), abar[:-1]])
        beta = 1 - abar / before
        snr = abar / (1 - abar)
        self.beta = beta.float().to(device)
        self.beta_tilde = (beta * (1 - before) / (1 - abar)).float().to(device)
        self.x0_share = (before.sqrt() * beta / (1 - abar)).float().to(device)
        self.weight = (snr.clamp(max=SNR_CAP) / snr).float().to(device)

    def times(self, count: int, rng: torch.Generator, late: float = 0.4) -> Tensor:
        """[count] int64: a share `late` from 500..999, where the caption matters, the rest from 0..999."""
        anywhere = torch.randint(0, STEPS, (count,), generator=rng, device=rng.device)
        noisy = torch.randint(STEPS // 2, STEPS, (count,), generator=rng, device=rng.device)
        return torch.where(torch.rand(count, generator=rng, device=rng.device) < late, noisy, anywhere)

    def noised(self, x0: Tensor, t: Tensor, eps: Tensor) -> Tensor:
        """x_t [B,3,H,W]."""
        abar = self.abar[t].view(-1, 1, 1, 1)
        return abar.sqrt() * x0 + (1 - abar).sqrt() * eps

    def loss(self, eps: Tensor, predicted: Tensor, raw: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        """(L [], |eps - eps_theta|^2 per picture [B], detached); all pictures [B,3,H,W]."""
        error = (predicted - eps).square().mean((1, 2, 3))
        scatter = self.vlb(eps, predicted.detach(), raw, t)
        total = (self.weight[t] * self.felt(predicted - eps)).mean() + VLB_SHARE * STEPS * scatter.mean()
        return total, error.detach()

    def felt(self, wrong: Tensor) -> Tensor:
        """How bad an error of eps [B,3,H,W] is, without its weight by t: [B]."""
        return wrong.square().mean((1, 2, 3))

    def vlb(self, eps: Tensor, predicted: Tensor, raw: Tensor, t: Tensor) -> Tensor:
        """KL( q(x_{t-1} | x_t, x0) || p_theta ) in bits per channel [B], 0 at t = 0.

        With v in [-1,1], f = (v+1)/2: log var = f log beta_t + (1-f) log beta~_t. The means differ by
        x0_share (x0 - x0^) = x0_share sqrt((1-abar)/abar) (eps^ - eps).
        """
        at = t.clamp(min=1)
        low, high = self.beta_tilde[at].log(), self.beta[at].log()
        low, high = low.view(-1, 1, 1, 1), high.view(-1, 1, 1, 1)
        share = (raw + 1) / 2
        log_var = share * high + (1 - share) * low
        per_eps = self.x0_share[at] * ((1 - self.abar[at]) / self.abar[at]).sqrt()
        apart = (per_eps.view(-1, 1, 1, 1) * (predicted - eps)).square()
        nats = 0.5 * (log_var - low + (low - log_var).exp() + apart * (-log_var).exp() - 1)
        return nats.mean((1, 2, 3)) / math.log(2) * (t > 0)


class Coarse(Objective):
    """For stage II: what makes a picture tinted weighs more.

    Where x_t is mostly noise, errors count as errors of x0: w_t = 1 / SNR, to CAP at most. And means over
    squares of pixels count beside single pixels, |d|^2 + SHARE |mean d|^2, as in the multiscale loss of
    simple diffusion (Hoogeboom et al. 2023, section 3.3): a tint is an error of 0.02 everywhere.
    """

    CAP, SQUARE, SHARE = 20.0, 8, 8.0

    def __init__(self, device: torch.device | str = "cpu"):
        super().__init__(device)
        noise = ((1 - self.abar) / self.abar).clamp(1, self.CAP)
        self.weight = self.weight * noise

    def felt(self, wrong: Tensor) -> Tensor:
        return super().felt(wrong) + self.SHARE * super().felt(F.avg_pool2d(wrong, self.SQUARE))
