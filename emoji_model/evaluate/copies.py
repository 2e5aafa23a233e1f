"""Spaces in which pictures are compared with the ones trained on: is it a copy, are several alike?

doodles    the ink, cut to its box, 20 x 20 cells, blurred a little; the pen's width, place and size do not
           count, and those trained on are looked at turned a little to both sides, and mirrored
pictures   where colour lies at 16 x 16, its mean taken off, beside where edges lie:

    f(x) = [ x at 16 x 16, its mean colour taken off | 2 |grad luma| at 16 x 16 ]

All vectors have length 1; likeness is the cosine, and the distance of two is |f - g|. A picture is called a
copy if it is nearer to a picture trained on, of the same thing, than 95% of the held-out pictures of that
thing are: of pictures that nobody copied, one in twenty is.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from emoji_model.styles import grey

CELLS, BOX = 16, 20
EDGES = 2.0  # the weight of edges against colours
TURNS = (-0.1, 0.0, 0.1)  # radians
INK = 0.35  # what is darker belongs to the drawing
UNCOPIED = 0.05  # share of held-out pictures that count as copies, by definition


def picture_space(x: Tensor) -> Tensor:
    """[B,3,S,S] in [-1,1], S at least 32 -> [B,1024] of length 1."""
    colour = F.adaptive_avg_pool2d(x, CELLS)
    colour = colour - colour.mean((2, 3), keepdim=True)
    tone = F.pad(grey(F.adaptive_avg_pool2d(x, 32)), (0, 1, 0, 1), mode="replicate")
    across, down = tone[..., :-1, 1:] - tone[..., :-1, :-1], tone[..., 1:, :-1] - tone[..., :-1, :-1]
    edges = F.adaptive_avg_pool2d((across.square() + down.square()).sqrt(), CELLS)
    return F.normalize(torch.cat([colour.flatten(1), EDGES * edges.flatten(1)], 1))


def doodle_space(ink: Tensor) -> Tensor:
    """Ink [B,1,S,S] in [0,1] -> [B,400] of length 1."""
    there = ink[:, 0] > INK
    size = ink.shape[-1]
    at = (torch.arange(size) + 0.5) / size * 2 - 1
    boxes = []
    for lines in (there.any(1), there.any(2)):  # columns, rows
        low = torch.where(lines, at, at.new_tensor(1.0)).amin(1)
        high = torch.where(lines, at, at.new_tensor(-1.0)).amax(1)
        boxes.append((low, high))
    side = torch.stack([(high - low) / 2 for low, high in boxes]).amax(0).clamp(min=0.1) * 1.1
    cell = (torch.arange(BOX) + 0.5) / BOX * 2 - 1
    (x, y) = ((low + high)[:, None] / 2 + side[:, None] * cell for low, high in boxes)
    grid = torch.stack([x[:, None, :].expand(-1, BOX, -1), y[:, :, None].expand(-1, -1, BOX)], -1)
    soft = F.avg_pool2d(F.pad(ink, (1,) * 4), 3, stride=1)
    cut = F.grid_sample(soft, grid, align_corners=False)
    cut = F.avg_pool2d(F.pad(cut, (1,) * 4), 3, stride=1)
    return F.normalize(cut.flatten(1) + 1e-6)


def mirrored(space: Tensor) -> Tensor:
    """doodle_space of the mirrored doodles."""
    return space.unflatten(1, (BOX, BOX)).flip(-1).flatten(1)


def nearest(mine: Tensor, known: Tensor) -> Tensor:
    """The likeness [B] to the nearest of the known ones [N,D]."""
    return (mine @ known.T).amax(1)


def copied(mine: Tensor, known: Tensor, held: Tensor) -> Tensor:
    """[B] bool: nearer to one of `known` than 95% of `held` are. All are of one thing."""
    return nearest(mine, known) > nearest(held, known).quantile(1 - UNCOPIED, interpolation="higher")


def spread(space: Tensor) -> float:
    """The mean distance of two of them."""
    distance = torch.pdist(space)
    return float(distance.mean()) if len(distance) else 0.0


def diversity(made: Sequence[Tensor], real: Sequence[Tensor]) -> float:
    """The mean distance between the ones made of a thing, over that between real ones; a mean over things."""
    mine = sum(spread(each) for each in made)
    return mine / max(sum(spread(each) for each in real), 1e-9)
