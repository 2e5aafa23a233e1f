"""Stage II on pictures that it never met, against bicubic, per set of artists and for doodles.

    upscale_psnr, bicubic_psnr        dB, the mean over pictures of 10 log10(4 / MSE)
    perceptual, bicubic_perceptual    the distance that follows, to the true picture
    white_std                         grain: how far white is from white (the root of the mean square), far
                                      from the thing, in 1/255
    halo_std                          the same close to it, where rings would be

The perceptual distance is that of LPIPS (Zhang et al. 2018, eq. 1) without its learned weights, in the
features of the evaluation's own reader of pictures (readers.py):

    d(x, y) = mean over levels l of  mean over places of  | f_l(x) - f_l(y) |^2,    |f_l| = 1 at each place

Targets are 256 pixels large for Noto and for doodles, which are enlarged from 64, and 128 for the other sets,
from 32; what is shown to stage II is the mean of 4 x 4 pixels.
"""

from collections.abc import Sequence
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from emoji_model import cascade, progress
from emoji_model.captions import Cast
from emoji_model.data import enlarged_noto
from emoji_model.evaluate.drawing import say
from emoji_model.evaluate.networks import Reader
from emoji_model.evaluate.plan import Plan
from emoji_model.evaluate.readers import Judges, parts
from emoji_model.scenes import Painter
from emoji_model.things import Things
from emoji_model.vocabulary import STYLE_SETS, article

FACTOR = 4
NEAR, FAR = 1, 3  # in pixels of the small picture: halo lies between them, grain beyond
AT_ONCE = 5


class Enlarger:
    """Stage II as it is shipped."""

    def __init__(self, folder: Path, steps: int, bf16: bool = True):
        self.stage, self.tokenizer = cascade.load("stage2", folder)
        self.stage.eval().to(memory_format=torch.channels_last)
        self.steps, self.bf16 = steps, bf16

    def enlarged(self, small: Tensor, prompts: Sequence[str], first: int = 0) -> Tensor:
        """[B,3,s,s] -> [B,3,4s,4s], all in [-1,1]; seeds first, first + 1, ..."""
        made = progress.enlarged(
            self.stage, self.tokenizer, prompts, small, steps=self.steps, seed=first, bf16=self.bf16
        )
        return made.clamp(-1, 1)


def bicubic(small: Tensor, prompts: Sequence[str] = (), first: int = 0) -> Tensor:
    return F.interpolate(small, scale_factor=FACTOR, mode="bicubic", align_corners=False).clamp(-1, 1)


def targets(things: Things, each: int) -> dict[str, tuple[Tensor, list[str]]]:
    """Set -> pictures held out [N,3,S,S] in [-1,1], and what they are called; at most `each` of a set."""
    cast, found = Cast(things), {}
    held = [(t.name, row) for t in things.values() if t.held_out for rows in t.held.values() for row in rows]
    for artist in (a for style, artists in STYLE_SETS.items() if style != "photo" for a in artists):
        mine = [(name, row) for name, row in held if things.pictures[row].set == artist]
        if not mine:
            continue
        mine = Random(artist).sample(mine, min(each, len(mine)))
        rows = sorted({row for _, row in mine})
        large = artist == "noto"
        atlas = enlarged_noto(things.folders, [things.pictures[row] for row in rows]) if large else None
        painter = Painter(things, 256 if large else 128, rows=rows, atlas=atlas)
        scenes = [cast.one(name, row=row) for name, row in mine]
        found[artist] = painter.paint(scenes), [article(name) for name, _ in mine]
    rng, doodled = Random("doodles"), [(t, row) for t in things.values() for row in t.held_doodles]
    mine = rng.sample(doodled, min(each, len(doodled)))
    if mine:
        scenes = [cast.one(thing.name, "doodle", row=row) for thing, row in mine]
        found["doodles"] = Painter(things, 256, rows=[]).paint(scenes), [scene.caption for scene in scenes]
    return found


def upscale(enlarger, judges: Judges, plan: Plan) -> dict:
    """The figures of every set under "sets", and their means over sets."""
    sets = {}
    for name, (x0, prompts) in targets(judges.real, plan.enlarged).items():
        small = F.avg_pool2d(x0, FACTOR)
        made = []
        for k, part in enumerate(parts(prompts, AT_ONCE)):
            made.append(enlarger.enlarged(small[AT_ONCE * k : AT_ONCE * (k + 1)], part, AT_ONCE * k))
            say(f"enlarged, {name}", len(torch.cat(made)), len(x0))
        sets[name] = compared(torch.cat(made), bicubic(small), x0, judges.picture_reader)
    keys = ("upscale_psnr", "bicubic_psnr", "perceptual", "bicubic_perceptual", "white_std", "halo_std")
    means = {key: round(sum(each[key] for each in sets.values()) / len(sets), 4) for key in keys}
    return means | {
        "worst_psnr_gain": round(min(s["upscale_psnr"] - s["bicubic_psnr"] for s in sets.values()), 2),
        "perceptual_of_bicubic": round(means["perceptual"] / max(means["bicubic_perceptual"], 1e-9), 3),
        "upscaled": sum(each["pictures"] for each in sets.values()),
        "sets": sets,
    }


def compared(made: Tensor, other: Tensor, x0: Tensor, net: Reader) -> dict:
    """How far what was made, and bicubic, are from the truth; all [N,3,S,S]."""
    near, far = on_white(made, x0)
    return {
        "upscale_psnr": psnr(made, x0),
        "bicubic_psnr": psnr(other, x0),
        "perceptual": perceptual(net, made, x0),
        "bicubic_perceptual": perceptual(net, other, x0),
        "white_std": far,
        "halo_std": near,
        "pictures": len(x0),
    }


def psnr(x: Tensor, y: Tensor) -> float:
    """The mean over pictures of 10 log10(4 / MSE), in dB; pictures in [-1,1]."""
    error = (x - y).square().mean((1, 2, 3)).clamp(min=1e-10)
    return round(float((10 * torch.log10(4 / error)).mean()), 2)


@torch.no_grad()
def perceptual(net: Reader, x: Tensor, y: Tensor) -> float:
    """The mean distance of two batches, 0 for the same pictures."""
    total = 0.0
    for a, b in zip(x.split(AT_ONCE), y.split(AT_ONCE)):
        levels = [
            (F.normalize(p, dim=1) - F.normalize(q, dim=1)).square().sum(1).mean((1, 2))
            for p, q in zip(net.levels(a), net.levels(b))
        ]
        total += float(torch.stack(levels).mean(0).sum())
    return round(total / len(x), 5)


def on_white(made: Tensor, x0: Tensor) -> tuple[float, float]:
    """How far from white it is, in 1/255, where the truth is white: near the thing, and far from it. A mean
    over pictures; 0 where there is no white."""
    thing = (x0 < 0.999).any(1, keepdim=True).float()
    reach = {px: F.max_pool2d(thing, 2 * px * FACTOR + 1, 1, px * FACTOR) > 0 for px in (NEAR, FAR)}
    places = (reach[FAR] & ~reach[NEAR], ~reach[FAR])
    near, far = (
        sum(_deviation(picture, mask) for picture, mask in zip(made, place)) / len(made) for place in places
    )
    return round(near, 3), round(far, 3)


def _deviation(picture: Tensor, mask: Tensor) -> float:
    """[3,S,S] and bool [1,S,S]. Taken from white, not from the mean, so that a tint counts too."""
    here = picture[:, mask[0]]
    return float((here - 1).square().mean().sqrt()) * 127.5 if here.numel() else 0.0
