"""Linear filters on pictures, in banks that add up to the picture: for hybrids.

A hybrid shows one thing from afar and another from near, because each prompt writes only its part of
the picture (factorized diffusion):

    eps = sum_i f_i( eps_i ),      f_1 + f_2 + ... = identity

Every filter here but the grey one treats rows and columns apart, so on a picture X of H x W it is two
small matrices, and all that a convolution with padding does is in their entries:

    f(X) = V X W^T        V [H,H] mixes rows, W [W,W] mixes columns

A bank is a tuple of filters; its last one is defined as the picture less the others, which makes the
sum the identity. Widths are given at 64 pixels and grow with the picture, so that both stages of a
cascade part their frequencies at the same place.

Source: Geng, Park and Owens 2024, "Factorized Diffusion", https://arxiv.org/abs/2404.11615, section 3;
the course's hybrids use its low and high pass with kernel 33 and sigma 2.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

BASE = 64  # pixels: the size at which the widths below are meant
KERNEL = 33  # taps of a Gaussian
SIGMA = 2.0  # pixels: low and high pass part here
SIGMA_FINE = 1.0  # pixels: where the triple bank parts medium from high
MOTION = 15  # pixels: how far the picture moves while the shutter is open


@dataclass(frozen=True)
class Filter:
    """A linear map of pictures: name, and what of a picture passes, for people.

    Calling it takes and gives [..., C, H, W], any floating dtype, on x's device. ValueError where its
    kernel is wider than the reflected picture.
    """

    name: str
    says: str
    apply: Callable[[Tensor], Tensor] = field(repr=False)

    def __call__(self, x: Tensor) -> Tensor:
        return self.apply(x)


Bank = tuple[Filter, ...]


def frequencies(sigma: float = SIGMA, kernel: int | None = None) -> Bank:
    """(low, high): a Gaussian blur, and what it takes away. sigma and kernel in pixels at 64."""
    blur = gaussian(sigma, kernel)
    return (
        Filter("low", "coarse shapes, seen from afar", blur),
        Filter("high", "edges and texture, seen from near", lambda x: x - blur(x)),
    )


def triple(sigma_fine: float = SIGMA_FINE, sigma: float = SIGMA, kernel: int | None = None) -> Bank:
    """(low, medium, high): high is what a fine blur takes away, medium what a second blur takes then."""
    fine, coarse = gaussian(sigma_fine, kernel), gaussian(sigma, kernel)

    def medium(x: Tensor) -> Tensor:
        soft = fine(x)
        return soft - coarse(soft)

    return (
        Filter("low", "coarse shapes, seen from afar", lambda x: coarse(fine(x))),
        Filter("medium", "what shows at arm's length", medium),
        Filter("high", "edges and texture, seen from near", lambda x: x - fine(x)),
    )


def greys() -> Bank:
    """(grey, colour): the mean of the channels in each of them, and what is left of each."""

    def grey(x: Tensor) -> Tensor:
        return x.mean(-3, keepdim=True).expand_as(x)

    return (
        Filter("grey", "the picture without colour", grey),
        Filter("colour", "what colour adds", lambda x: x - grey(x)),
    )


def motions(length: int = MOTION) -> Bank:
    """(moving, still): a blur to the side, as of a moving camera, and what it takes away.

    length: how many pixels (at 64) each pixel is spread over; odd, so that nothing shifts.
    """
    blur = motion(length)
    return (
        Filter("moving", "what survives being moved sideways", blur),
        Filter("still", "what only holds still", lambda x: x - blur(x)),
    )


BANKS: dict[str, Callable[[float], Bank]] = {
    "low/high": frequencies,
    "low/medium/high": lambda sigma: triple(SIGMA_FINE * sigma / SIGMA, sigma),
    "grey/colour": lambda sigma: greys(),
    "moving/still": lambda sigma: motions(),
}


def bank(name: str, sigma: float = SIGMA) -> Bank:
    """A bank by name. sigma: where its frequencies part, in pixels at 64, if it has any; three bands part
    again at half of it. ValueError, naming all, if there is no such bank."""
    if name not in BANKS:
        raise ValueError(f"there is no bank of filters {name!r}; there are {', '.join(BANKS)}")
    return BANKS[name](sigma)


def part(name: str, sigma: float = SIGMA) -> Filter:
    """A filter by name, of the banks with two bands: low, high, grey, colour, moving or still."""
    pairs = [each for each in map(lambda of: bank(of, sigma), BANKS) if len(each) == 2]
    return next(each for pair in pairs for each in pair if each.name == name)


def gaussian(sigma: float = SIGMA, kernel: int | None = None) -> Callable[[Tensor], Tensor]:
    """A Gaussian blur. At 64 px: `kernel` taps (odd), deviation `sigma` px; at 256 px 133 and 8.

    Without `kernel`, 33 taps as published, or more where sigma is so wide that they would cut it off:
    3 sigma to both sides. ValueError if sigma is not positive or kernel not a positive odd number.
    """
    if not sigma > 0:
        raise ValueError(f"the sigma of a blur must be above 0, not {sigma:g}")
    kernel = max(KERNEL, 2 * math.ceil(3 * sigma) + 1) if kernel is None else kernel
    _odd(kernel)

    def taps(side: int) -> Tensor:
        count = _taps(kernel, side)
        offset = torch.arange(count, dtype=torch.float64) - count // 2
        weights = torch.exp(-0.5 * (offset / (sigma * side / BASE)) ** 2)
        return weights / weights.sum()

    return _separable(taps, taps)


def motion(length: int = MOTION) -> Callable[[Tensor], Tensor]:
    """The mean over `length` (odd) neighbours in a row, at 64 px; wider in larger pictures."""
    _odd(length)

    def taps(side: int) -> Tensor:
        count = _taps(length, side)
        return torch.full((count,), 1 / count, dtype=torch.float64)

    return _separable(None, taps)


def as_large(x: Tensor, side: int) -> Tensor:
    """[...,h,w] -> [...,side,side], every pixel repeated, so that pictures of both stages of a cascade fit
    on one sheet; what is as large already stays as it is."""
    k = max(1, side // x.shape[-1])
    return x.repeat_interleave(k, -2).repeat_interleave(k, -1)


def _odd(count: int) -> None:
    if count < 1 or count % 2 == 0:
        raise ValueError(f"a kernel needs an odd number of taps, not {count}")


def _taps(at_base: int, side: int) -> int:
    """The number of taps at this size: in proportion, and odd (33 at 64 px is 133 at 256)."""
    return math.floor(at_base * side / BASE) | 1


def _separable(
    rows: Callable[[int], Tensor] | None, columns: Callable[[int], Tensor]
) -> Callable[[Tensor], Tensor]:
    """X -> V X W^T. rows and columns give the taps for a length; None leaves the rows as they are.

    The lengths scale with the shorter side, so that a blur is round on a picture that is not square.
    """
    made: dict[tuple, tuple[Tensor | None, Tensor]] = {}

    def apply(x: Tensor) -> Tensor:
        height, width = x.shape[-2:]
        key = (height, width, x.dtype, x.device)
        if key not in made:
            side = min(height, width)
            v = None if rows is None else matrix(rows(side), height).to(x)
            made[key] = v, matrix(columns(side), width).T.contiguous().to(x)
        v, w = made[key]
        return x @ w if v is None else v @ x @ w

    return apply


def matrix(taps: Tensor, length: int) -> Tensor:
    """The convolution of `length` pixels with `taps`, an odd number, reflected at both ends: [length,length].

    y_i = sum_k taps_k x_{i+k},  k = -r..r,  and beyond the ends x_{-j} = x_j (the end is not repeated).
    ValueError if the taps reach further than the reflection: r >= length.
    """
    reach = len(taps) // 2
    if reach >= length:
        raise ValueError(f"a kernel of {len(taps)} taps is too wide for {length} pixels")
    source = torch.arange(length)[:, None] + torch.arange(-reach, reach + 1)
    source = (length - 1) - ((length - 1) - source.abs()).abs()
    return torch.zeros(length, length, dtype=taps.dtype).scatter_add_(1, source, taps.expand(length, -1))
