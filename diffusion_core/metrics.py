"""How close a picture is to another: the two usual numbers, PSNR and SSIM.

    PSNR = 10 log10( L^2 / mean (a - b)^2 )                                          in decibels
    SSIM = mean over places of (2 ma mb + C1)(2 cab + C2) / (ma^2 + mb^2 + C1)(va + vb + C2)

with L the range of values, C1 = (0.01 L)^2, C2 = (0.03 L)^2, and the means m, variances v and the covariance
c taken under a Gaussian window of 11 x 11 pixels and sigma 1.5: Wang, Bovik, Sheikh, Simoncelli, "Image
Quality Assessment: From Error Visibility to Structural Similarity", 2004, eq. 13 and section III-C. Only
places where the whole window fits count, as in the authors' own program; of a colour picture, the mean over
its channels. Neither number knows what a person sees: a blurred picture may well beat a sharp one.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW, SIGMA = 11, 1.5  # pixels
K1, K2 = 0.01, 0.03


def psnr(a: Tensor, b: Tensor, span: float = 2.0) -> float:
    """Peak signal to noise ratio in dB of pictures of one shape, with values span apart; inf if they are
    equal. ValueError unless the shapes agree."""
    _same_shape(a, b)
    error = float((a.double() - b.double()).square().mean())
    return 10 * math.log10(span**2 / error) if error else math.inf


def ssim(a: Tensor, b: Tensor, span: float = 2.0) -> float:
    """Structural similarity of pictures [..., H, W], 1 if they are equal, about 0 if nothing is alike.

    ValueError unless the shapes agree and the window fits.
    """
    _same_shape(a, b)
    if min(a.shape[-2:]) < WINDOW:
        raise ValueError(f"SSIM needs pictures of at least {WINDOW} x {WINDOW} pixels")
    a, b = (each.double().reshape(-1, 1, *each.shape[-2:]) for each in (a, b))
    c1, c2 = (K1 * span) ** 2, (K2 * span) ** 2
    mean_a, mean_b = _windowed(a), _windowed(b)
    var_a, var_b = _windowed(a * a) - mean_a**2, _windowed(b * b) - mean_b**2
    covariance = _windowed(a * b) - mean_a * mean_b
    alike = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    return float((alike / ((mean_a**2 + mean_b**2 + c1) * (var_a + var_b + c2))).mean())


def decibels(value: float) -> str:
    """A PSNR for people: 23.4 dB, ∞ dB."""
    return "∞ dB" if math.isinf(value) else f"{value:.1f} dB"


def _windowed(x: Tensor) -> Tensor:
    """The mean under the window, at every place where it fits: [N,1,H,W] -> [N,1,H-10,W-10]."""
    place = torch.arange(WINDOW, dtype=x.dtype) - WINDOW // 2
    line = torch.exp(-(place**2) / (2 * SIGMA**2))
    line = line / line.sum()
    return F.conv2d(F.conv2d(x, line.view(1, 1, -1, 1)), line.view(1, 1, 1, -1))


def _same_shape(a: Tensor, b: Tensor) -> None:
    if a.shape != b.shape:
        raise ValueError(f"pictures of one shape are compared, not {tuple(a.shape)} and {tuple(b.shape)}")
