"""Filters are linear, banks add up to the picture, and the blur is the published one."""

import pytest
import torch
from torch.nn.functional import conv2d, pad

from diffusion_core import filters
from diffusion_core.filters import BANKS, bank

ALL = [(name, k) for name in BANKS for k in range(len(bank(name)))]


def pictures(side: int = 64, batch: int = 2) -> torch.Tensor:
    return torch.randn(batch, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name, k", ALL)
def test_every_filter_is_linear(name, k):
    f, x, y = bank(name)[k], pictures()[:1], pictures()[1:]
    torch.testing.assert_close(f(2.5 * x - 3 * y), 2.5 * f(x) - 3 * f(y), rtol=0, atol=1e-12)


@pytest.mark.parametrize("side", [32, 64, 256])
@pytest.mark.parametrize("name", BANKS)
def test_a_bank_adds_up_to_the_picture(name, side):
    x = pictures(side)
    torch.testing.assert_close(sum(f(x) for f in bank(name)), x, rtol=0, atol=1e-14)
    x = x.float()
    torch.testing.assert_close(sum(f(x) for f in bank(name)), x, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name, k", ALL)
def test_no_filter_passes_all_or_nothing(name, k):
    x = pictures()
    passed = bank(name)[k](x)
    assert passed.std() > 0.01 and (x - passed).std() > 0.01


@pytest.mark.parametrize("side, kernel, sigma", [(64, 33, 2.0), (256, 133, 8.0)])
def test_the_low_pass_is_a_gaussian_blur_with_reflected_borders(side, kernel, sigma):
    """Written out as a convolution in two dimensions, kernel and sigma scaled by hand."""
    offset = torch.arange(kernel, dtype=torch.float64) - (kernel - 1) / 2
    line = torch.exp(-(offset**2) / (2 * sigma**2))
    line = line / line.sum()
    x, r = pictures(side)[:1], kernel // 2
    padded = pad(x.transpose(0, 1), (r, r, r, r), mode="reflect")
    expected = conv2d(conv2d(padded, line.view(1, 1, 1, -1)), line.view(1, 1, -1, 1)).transpose(0, 1)
    torch.testing.assert_close(bank("low/high")[0](x), expected, rtol=0, atol=1e-12)


def test_the_triple_bank_is_two_blurs_in_a_row():
    x, fine, coarse = pictures(), filters.gaussian(1.0), filters.gaussian(2.0)
    low, medium, high = (f(x) for f in bank("low/medium/high"))
    torch.testing.assert_close(low, coarse(fine(x)))
    torch.testing.assert_close(low + medium, fine(x))
    torch.testing.assert_close(high, x - fine(x))


def test_grey_has_no_colour_and_colour_has_no_grey():
    grey, colour = (f(pictures()) for f in bank("grey/colour"))
    assert torch.equal(grey[:, 0], grey[:, 1]) and torch.equal(grey[:, 1], grey[:, 2])
    torch.testing.assert_close(colour.mean(1), torch.zeros_like(colour[:, 0]), rtol=0, atol=1e-15)


def test_motion_blurs_along_rows_and_not_across_them():
    dot = torch.zeros(1, 1, 64, 64, dtype=torch.float64)
    dot[..., 32, 32] = 1.0
    smeared = bank("moving/still")[0](dot)[0, 0]
    assert smeared.nonzero().tolist() == [[32, column] for column in range(25, 40)]
    torch.testing.assert_close(smeared[32, 25:40], torch.full((15,), 1 / 15, dtype=torch.float64))


def test_a_constant_picture_is_all_low_and_nothing_high():
    x = torch.full((1, 3, 64, 64), 0.7, dtype=torch.float64)
    low, high = (f(x) for f in bank("low/high"))
    torch.testing.assert_close(low, x)
    torch.testing.assert_close(high, torch.zeros_like(x), rtol=0, atol=1e-14)


def test_both_stages_part_the_frequencies_at_the_same_place():
    """A wave of so many periods per picture passes equally at 64 and at 256."""
    for periods in (2, 4, 8):
        passed = []
        for side in (64, 256):
            phase = torch.arange(side, dtype=torch.float64) * 2 * torch.pi * periods / side
            wave = phase.sin().expand(1, 1, side, side)
            middle = slice(side // 4, 3 * side // 4)
            low = bank("low/high")[0](wave)
            passed.append(float(low[..., middle].std() / wave[..., middle].std()))
        assert passed[0] == pytest.approx(passed[1], rel=0.02), periods


@pytest.mark.parametrize("name", ["low/high", "low/medium/high"])
@pytest.mark.parametrize("sigma", [0.5, 5.0, 10.0])
def test_a_bank_of_any_sigma_adds_up_and_has_that_sigma(name, sigma):
    """The first filter spreads a dot with the deviation that was asked for; a wide one is not cut off."""
    x = pictures(64)
    torch.testing.assert_close(sum(f(x) for f in bank(name, sigma)), x, rtol=0, atol=1e-14)
    dot = torch.zeros(1, 1, 257, 257, dtype=torch.float64)
    dot[..., 128, 128] = 1.0
    spread, offset = bank(name, sigma)[0](dot)[0, 0].sum(0), torch.arange(257) - 128
    wanted = sigma * 257 / 64 * (1 if name == "low/high" else 1.25**0.5)  # two blurs in a row
    assert float((spread * offset**2).sum()) ** 0.5 == pytest.approx(wanted, rel=0.02)


@pytest.mark.parametrize("name", ["low", "high", "grey", "colour", "moving", "still"])
def test_a_filter_by_its_name(name):
    found = filters.part(name, 3.0)
    again = [f for of in ("low/high", "grey/colour", "moving/still") for f in bank(of, 3.0) if f.name == name]
    assert found.name == name and torch.equal(found(pictures()), again[0](pictures()))


@pytest.mark.parametrize(
    "make, complaint",
    [
        (lambda: filters.gaussian(0.0), "above 0"),
        (lambda: filters.gaussian(float("nan")), "above 0"),
        (lambda: filters.gaussian(2.0, 32), "odd number of taps, not 32"),
        (lambda: filters.motion(0), "odd number of taps, not 0"),
        (lambda: filters.matrix(torch.ones(33), 16), "33 taps is too wide for 16 pixels"),
        (lambda: bank("sharp"), "no bank of filters 'sharp'; there are low/high"),
    ],
)
def test_what_makes_no_filter_is_refused_in_a_sentence(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()
