"""The Frechet distance between two sets of features: how far samples are from real pictures.

Both sets are summed up as Gaussians, and the distance (squared, as is customary) is

    d2 = |mu_a - mu_b|^2 + tr(S_a + S_b - 2 (S_a^1/2 S_b S_a^1/2)^1/2).

With Inception features this is the FID of Heusel et al. 2017; here the features come from our own
classifier of digits, so the numbers compare models of digits with each other and with nothing else.
A small set looks farther away than it is (its covariance is noisy), so always compare sets of one size.
"""

import torch
from torch import Tensor


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """d2 between features a [N,F] and b [M,F], N and M at least 2. Nonnegative; 0 for equal statistics."""
    return gaussian_distance(*moments(a), *moments(b))


def moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """features [N,F] -> mean [F] and covariance [F,F] (divided by N-1), both float64."""
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(f"features must be [N,F] with N at least 2, not {list(features.shape)}")
    if not features.isfinite().all():
        raise ValueError("features must be finite; a network answered with inf or nan")
    x = features.double().cpu()
    mean = x.mean(dim=0)
    deviations = x - mean
    return mean, deviations.T @ deviations / (len(x) - 1)


def gaussian_distance(mean_a: Tensor, cov_a: Tensor, mean_b: Tensor, cov_b: Tensor) -> float:
    """d2 between N(mean_a, cov_a) and N(mean_b, cov_b); means [F], covariances [F,F], float64.

    The trace of the last square root is the sum of the square roots of the eigenvalues of the symmetric
    S_a^1/2 S_b S_a^1/2. Those are real and nonnegative even if a covariance is singular (fewer samples
    than features), where a general matrix square root of S_a S_b turns complex or fails.
    """
    if mean_a.shape != mean_b.shape:
        raise ValueError(f"feature sizes differ: {len(mean_a)} and {len(mean_b)}")
    values, vectors = torch.linalg.eigh(cov_a)
    root_a = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    shared = torch.linalg.eigvalsh(root_a @ cov_b @ root_a).clamp(min=0).sqrt().sum()
    d2 = (mean_a - mean_b).square().sum() + cov_a.trace() + cov_b.trace() - 2 * shared
    return max(float(d2), 0.0)  # rounding may leave -1e-12
