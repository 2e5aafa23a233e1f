"""PSNR and SSIM against values of another program, against their definitions, and on easy pictures."""

import math

import pytest
import torch

from diffusion_core.metrics import decibels, psnr, ssim


def waves() -> tuple[torch.Tensor, torch.Tensor]:
    """Two pictures [48,64] in [-1, 1], the second a faded and disturbed copy of the first."""
    y, x = torch.meshgrid(
        torch.arange(48, dtype=torch.float64), torch.arange(64, dtype=torch.float64), indexing="ij"
    )
    a = (torch.sin(x / 5) + torch.cos(y / 7)) / 2
    return a, (0.8 * a + 0.1 + 0.3 * torch.sin(x * y / 11)).clamp(-1, 1)


def test_values_are_those_of_scikit_image():
    """structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=2),
    which is Wang et al.'s program, and peak_signal_noise_ratio; scikit-image 0.26, numpy float64."""
    a, b = waves()
    assert ssim(a, b) == pytest.approx(0.25371468441829115, abs=1e-9)
    assert psnr(a, b) == pytest.approx(18.09422956542815, abs=1e-9)
    c, d = torch.stack([a, b, a * b]), torch.stack([b, a * a, a])
    assert ssim(c, d) == pytest.approx(0.24426654078382068, abs=1e-9)
    assert psnr(c, d) == pytest.approx(12.86100908262863, abs=1e-9)


def test_ssim_is_wangs_formula_at_a_single_place():
    a, b = torch.rand(2, 11, 11, dtype=torch.float64)
    line = torch.exp(-((torch.arange(11).double() - 5) ** 2) / (2 * 1.5**2))
    w = line.outer(line) / line.outer(line).sum()
    ma, mb = (w * a).sum(), (w * b).sum()
    va, vb, c = (w * (a - ma) ** 2).sum(), (w * (b - mb) ** 2).sum(), (w * (a - ma) * (b - mb)).sum()
    c1, c2 = 0.01**2, 0.03**2
    expected = (2 * ma * mb + c1) * (2 * c + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert ssim(a, b, span=1.0) == pytest.approx(float(expected), abs=1e-12)


def test_equal_pictures():
    a, _ = waves()
    assert ssim(a, a) == pytest.approx(1.0)
    assert psnr(a, a) == math.inf
    assert decibels(psnr(a, a)) == "∞ dB"


def test_flat_pictures_differ_in_their_brightness_only():
    a, b = torch.full((3, 16, 16), 0.2), torch.full((3, 16, 16), 0.6)
    c1 = (0.01 * 2) ** 2
    assert ssim(a, b) == pytest.approx((2 * 0.2 * 0.6 + c1) / (0.2**2 + 0.6**2 + c1), rel=1e-6)
    assert psnr(a, b) == pytest.approx(10 * math.log10(4 / 0.16), rel=1e-6)
    assert decibels(psnr(a, b)) == "14.0 dB"


def test_they_are_symmetric_and_fall_with_noise():
    a, b = waves()
    assert ssim(a, b) == pytest.approx(ssim(b, a)) and psnr(a, b) == pytest.approx(psnr(b, a))
    eps = torch.randn(a.shape, dtype=a.dtype)
    noisy = [a + sigma * eps for sigma in (0.05, 0.2, 0.8)]
    for measure in (psnr, ssim):
        near, middle, far = (measure(a, each) for each in noisy)
        assert near > middle > far


def test_what_cannot_be_compared_is_refused():
    with pytest.raises(ValueError, match="one shape"):
        psnr(torch.zeros(3, 16, 16), torch.zeros(3, 32, 32))
    with pytest.raises(ValueError, match="one shape"):
        ssim(torch.zeros(3, 16, 16), torch.zeros(1, 16, 16))
    with pytest.raises(ValueError, match="at least 11"):
        ssim(torch.zeros(3, 10, 16), torch.zeros(3, 10, 16))
