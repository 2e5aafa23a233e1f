"""Constraints: what is kept of a photo while the rest is drawn, x <- constrain(x, level) after every step."""

from collections.abc import Callable

from torch import Tensor

from diffusion_core.levels import Level, noised
from diffusion_core.samplers import Rng

Constrain = Callable[[Tensor, Level], Tensor]


def keep_clean(photo: Tensor, mask: Tensor) -> Constrain:
    """Outside the mask the photo itself, at every level: what diffusers' inpainting does.

    photo [B,C,H,W]; mask [B or 1,1,H,W], 1 = new, 0 = known. x <- (1 - m) photo + m x
    """
    return lambda x, level: (1 - mask) * photo + mask * x


def keep_renoised(photo: Tensor, mask: Tensor, rng: Rng) -> Constrain:
    """Outside the mask the photo, noised to the level: the course's and RePaint's way.

    x <- (1 - m) (alpha photo + sigma z) + m x, with fresh z at every level
    """

    def constrain(x: Tensor, level: Level) -> Tensor:
        known = noised(photo, level, rng.normal_like(x)) if level.sigma else photo
        return (1 - mask) * known + mask * x

    return constrain


def keep_part(photo: Tensor, part: Callable[[Tensor], Tensor], rng: Rng) -> Constrain:
    """A part of the photo, like its low frequencies: an inverse hybrid (Geng et al. 2024b, section 3.4).

    x <- x - part(x) + part(alpha photo + sigma z), with fresh z at every level
    """

    def constrain(x: Tensor, level: Level) -> Tensor:
        known = noised(photo, level, rng.normal_like(x)) if level.sigma else photo
        return x + part(known - x)

    return constrain


def but_at_the_end(constrain: Constrain) -> Constrain:
    """The constraint at every level but the last, the clean one: nothing is pasted back."""
    return lambda x, level: constrain(x, level) if level.sigma else x
