"""Styles made by filters: what turns a clean emoji into "an oil painting of" it.

Every filter takes pictures [B,3,S,S] in [0,1] and noise [B,1,S,S] (standard normal, of the scene's own
seed), and gives pictures of the same shape and range. Lengths are in parts of S, so that a scene looks
alike at 32, 64 and 256 pixels.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)


def grey(x: Tensor) -> Tensor:
    """Luma, ITU-R BT.601: [B,3,S,S] -> [B,1,S,S]."""
    return (x * x.new_tensor(LUMA).view(3, 1, 1)).sum(1, keepdim=True)


def smooth(x: Tensor, radius: int) -> Tensor:
    """The mean over a square of 2 radius + 1 pixels, edges repeated."""
    if radius < 1:
        return x
    return F.avg_pool2d(F.pad(x, (radius,) * 4, mode="replicate"), 2 * radius + 1, stride=1)


def patches(noise: Tensor, cells: int) -> Tensor:
    """Smooth noise with `cells` cells along a side, of variance about 1."""
    size = noise.shape[-1]
    coarse = F.adaptive_avg_pool2d(noise, cells) * (size / cells)
    return F.interpolate(coarse, size=size, mode="bicubic", align_corners=False)


def waves(size: int, per_side: float, angle: float, like: Tensor) -> Tensor:
    """[S,S] a sine in [-1,1] with `per_side` periods along a side, its crests at right angles to angle."""
    at = (torch.arange(size, device=like.device, dtype=like.dtype) + 0.5) / size
    across = math.cos(angle) * at[None, :] + math.sin(angle) * at[:, None]
    return torch.sin(2 * math.pi * per_side * across)


def displaced(x: Tensor, dx: Tensor, dy: Tensor) -> Tensor:
    """x read at places moved by dx, dy [B,S,S], in parts of the side."""
    size = x.shape[-1]
    at = (torch.arange(size, device=x.device, dtype=x.dtype) + 0.5) / size * 2 - 1
    grid = torch.stack([at[None, None, :] + 2 * dx, at[None, :, None] + 2 * dy], dim=-1)
    return F.grid_sample(x, grid, padding_mode="border", align_corners=False)


def oil_painting(x: Tensor, noise: Tensor) -> Tensor:
    """Kuwahara et al. 1976: every pixel takes the mean of the calmest of the four squares at its corners;
    before it, edges wobble like a brush; after it, warm varnish and the ridges of the strokes."""
    size = x.shape[-1]
    bend = patches(noise, min(8, size)).squeeze(1) * 0.008
    x = displaced(x, bend, bend.flip(-1))
    reach = max(1, round(size / 40))
    flat = F.pad(x, (reach,) * 4, mode="replicate")
    means = F.avg_pool2d(flat, reach + 1, stride=1)
    spread = (F.avg_pool2d(flat.square(), reach + 1, stride=1) - means.square()).sum(1, keepdim=True)
    best, calm = None, None
    for down in (0, reach):
        for right in (0, reach):
            place = (..., slice(down, down + size), slice(right, right + size))
            mean, here = means[place], spread[place]
            better = torch.ones_like(here, dtype=torch.bool) if calm is None else here < calm
            best = mean if best is None else torch.where(better, mean, best)
            calm = here if calm is None else torch.minimum(here, calm)
    ridges = waves(size, 14, 0.9, x) * patches(noise.flip(-1), min(6, size)).clamp(-1.5, 1.5)
    warm = best * x.new_tensor((1.0, 0.955, 0.85)).view(3, 1, 1)
    return (warm * 0.97 + 0.03 * ridges).clamp(0, 1)


def pencil_drawing(x: Tensor, noise: Tensor) -> Tensor:
    """Dodging: grey / blurred grey leaves the lines; slanted hatching where it is dark; grainy paper."""
    size = x.shape[-1]
    tone = grey(x)
    lines = (tone / smooth(tone, max(1, round(size / 32))).clamp(min=0.05)).clamp(0, 1) ** 2
    hatching = 1 - 0.55 * (1 - tone) * (0.55 + 0.45 * waves(size, 16, 0.785, x))
    paper = 0.96 + 0.02 * noise.clamp(-2, 2)
    return (lines * hatching * paper).clamp(0, 1).expand(-1, 3, -1, -1)


def lithograph(x: Tensor, noise: Tensor) -> Tensor:
    """A greasy crayon on stone: black or paper, the grain of the stone deciding in between."""
    size = x.shape[-1]
    tone = grey(x)
    edges = (tone - smooth(tone, max(1, round(size / 32)))).clamp(max=0) * 2.5
    grain = 0.13 * waves(size, 20, 2.2, x) + 0.09 * patches(noise, min(32, size)).clamp(-2, 2)
    ink = torch.sigmoid(7 * (tone + edges + grain - 0.55))
    paper, black = x.new_tensor((0.93, 0.89, 0.79)), x.new_tensor((0.14, 0.12, 0.12))
    return ink * paper.view(3, 1, 1) + (1 - ink) * black.view(3, 1, 1)


def mosaic(x: Tensor, noise: Tensor) -> Tensor:
    """Sixteen tiles along a side, each of one colour and its own brightness, in dark mortar."""
    size = x.shape[-1]
    tiles = min(16, size)
    colour = F.adaptive_avg_pool2d(x, tiles)
    colour = colour * (1 + 0.06 * F.adaptive_avg_pool2d(noise, tiles) * (size / tiles))
    flat = F.interpolate(colour, size=size, mode="nearest")
    at = torch.arange(size, device=x.device, dtype=x.dtype) * tiles / size
    near = torch.minimum(at % 1, 1 - (at + tiles / size) % 1 if size > tiles else at % 1)
    joint = (near < 0.08).to(x.dtype)
    mortar = (joint[:, None] + joint[None, :]).clamp(max=1) * 0.35
    return (flat * (1 - mortar) + 0.3 * mortar).clamp(0, 1)


def photo(x: Tensor, noise: Tensor) -> Tensor:
    """A lens: a little blur, darker corners, light from the upper left, and grain."""
    size = x.shape[-1]
    at = torch.linspace(-1, 1, size, device=x.device, dtype=x.dtype)
    across, down = at[None, :], at[:, None]
    light = 1 - 0.16 * (across.square() + down.square()) - 0.07 * (across + down)
    soft = 0.75 * x + 0.25 * smooth(x, max(1, round(size / 96)))
    return (soft * light + 0.015 * noise).clamp(0, 1)


FILTERS = {
    "oil painting": oil_painting,
    "pencil drawing": pencil_drawing,
    "lithograph": lithograph,
    "mosaic": mosaic,
    "photo": photo,
}
