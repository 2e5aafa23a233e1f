"""What the judges learn from, and are tested on: real pictures alone, none made by a model.

    DoodleLessons(things)    people's doodles to train on, a little bent, in pens of every width
    PictureLessons(things)   artists' pictures and photographs to train on, one to a scene, on every ground

and `held_doodles`, `held_pictures`: those that neither the model nor a judge was trained on.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from random import Random

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from diffusion_core.filters import gaussian
from emoji_model.captions import Cast, Scene, rows_in
from emoji_model.data.doodles import raster
from emoji_model.evaluate.networks import IGNORED, Batch
from emoji_model.mixes import Mix
from emoji_model.scenes import Painter
from emoji_model.things import Things
from emoji_model.vocabulary import OF_DOODLES, STYLES

SIDE = 64  # of what the judges are shown


def ink(x: Tensor) -> Tensor:
    """Doodles in any colours on any paper or board [B,3,S,S] -> where the ink is, [B,1,S,S] in [0,1].

    The paper's colour is the median of the picture's edge; ink is the largest distance from it of any
    channel, and the strongest half a percent counts as 1.
    """
    edge = torch.cat([x[..., :2, :].flatten(2), x[..., -2:, :].flatten(2), x[..., :2].flatten(2)], 2)
    paper = edge.median(2).values[..., None, None]
    return _full((x - paper).abs().amax(1, keepdim=True))


def _full(ink: Tensor) -> Tensor:
    """[B,1,S,S], the strongest half a percent made 1, so that pale and blurred lines count like others."""
    most = ink.flatten(1).quantile(0.995, dim=1).clamp(min=0.1)
    return (ink / most.view(-1, 1, 1, 1)).clamp(0, 1)


class DoodleLessons:
    """Batches of doodles to train on, as ink [B,1,S,S] in [0,1], head "doodles": rows of Doodles.names."""

    def __init__(self, things: Things, batch: int, seed: int = 0):
        self.doodles, self.batch, self.seed = things.doodles, batch, seed
        self.rows = np.flatnonzero(~things.doodles.held_out)
        self.per_epoch = max(1, len(self.rows) // batch)

    def __call__(self, step: int, side: int) -> Batch:
        epoch, place = divmod(step, self.per_epoch)
        order = np.random.default_rng((self.seed, epoch)).permutation(self.rows)
        rows = order[place * self.batch : (place + 1) * self.batch]
        rng = np.random.default_rng((self.seed, epoch, place))
        pictures = np.stack([self._bent(int(row), side, rng) for row in rows])
        x = torch.from_numpy(pictures)[:, None]
        if rng.random() < 0.3:  # soft lines, as young models draw them, and what hybrids show from afar
            x = _full(gaussian(rng.uniform(0.3, 2.2))(x))
        noise = torch.from_numpy(rng.normal(0, 0.04, x.shape).astype(np.float32))
        labels = torch.from_numpy(self.doodles.label[rows].astype(np.int64))
        return (x + noise).clamp(0, 1), {"doodles": labels}

    def _bent(self, row: int, side: int, rng: np.random.Generator) -> np.ndarray:
        """[S,S] float32: turned, sheared, stretched, moved; one in eight filled."""
        bend = (np.eye(2) + rng.normal(0, 0.09, (2, 2))).astype(np.float32)
        fill = rng.random() < 0.125
        drawn = raster(
            [stroke.astype(np.float32) @ bend for stroke in self.doodles.strokes(row)],
            side,
            at=(*(0.5 + rng.uniform(-0.05, 0.05, 2)), rng.uniform(0.72, 0.96)),
            width=rng.uniform(0.018, 0.06),
            turn=rng.normal(0, 0.08),
            flip=rng.random() < 0.4,
            fill=fill,
        )
        lines, inside = drawn.astype(np.float32) / 255
        return np.maximum(lines, inside * rng.uniform(0.1, 0.5)) if fill else lines


def doodles_of(things: Things, rows: Sequence[int], side: int = SIDE, turn: float = 0.0) -> Tensor:
    """Ink [N,1,S,S] in [0,1] of real doodles, as captions.one places them; turn in radians."""
    drawn = np.stack([raster(things.doodles.strokes(int(row)), side, turn=turn)[0] for row in rows])
    return torch.from_numpy(drawn)[:, None].float() / 255


def held_doodles(things: Things, each: int | None = None) -> tuple[np.ndarray, Tensor]:
    """Rows of the doodles held out, and their classes [N]; at most `each` of a class."""
    rows = np.flatnonzero(things.doodles.held_out)
    if each is not None:
        label = things.doodles.label[rows]
        rows = np.concatenate([rows[label == k][:each] for k in range(len(things.doodles.names))])
    return rows, torch.from_numpy(things.doodles.label[rows].astype(np.int64))


SHARES = {
    "cartoon": 0.12,
    "sticker": 0.12,
    "3d render": 0.12,
    "comic": 0.04,
    "line drawing": 0.10,
    "pixel art": 0.08,
    "clip art": 0.04,
    "photo": 0.06,
    "oil painting": 0.05,
    "pencil drawing": 0.05,
    "lithograph": 0.05,
    "mosaic": 0.05,
    "doodle": 0.04,
    "chalk drawing": 0.04,
    "ink drawing": 0.04,
}
"""How often the reader of pictures sees which style."""

MIX = Mix(empty=0.0, counts=(1.0,), grounds=0.25, core=1.0, jitter=0.06, styles=SHARES)


def named(things: Things) -> list[str]:
    """The things that the reader of pictures knows: all of which there are pictures to train on."""
    return sorted(name for name, thing in things.items() if thing.pictures)


class PictureLessons:
    """Batches of painted scenes of one thing [B,3,64,64] in [-1,1]; heads "things" (rows of `named`; doodles
    teach none) and "styles" (rows of STYLES)."""

    def __init__(self, things: Things, painter: Painter, batch: int, seed: int = 0):
        self.painter, self.batch, self.seed = painter, batch, seed
        self.cast = Cast(things, MIX)
        self.row = {name: k for k, name in enumerate(named(things))}

    def __call__(self, step: int, side: int) -> Batch:
        rng = Random(f"judge {self.seed} {step}")
        scenes = [self.cast.scene(rng) for _ in range(self.batch)]
        x = self.painter.paint(scenes)
        noise = torch.Generator().manual_seed(rng.getrandbits(31))
        light = 1 + 0.1 * torch.randn(len(x), 1, 1, 1, generator=noise)
        x = (x * light + 0.03 * torch.randn(x.shape, generator=noise)).clamp(-1, 1)
        if rng.random() < 0.2:
            x = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
        if side != x.shape[-1]:
            x = F.interpolate(x, size=side, mode="area")
        return x, self.labels(scenes)

    def labels(self, scenes: Sequence[Scene]) -> dict[str, Tensor]:
        things = [IGNORED if s.style in OF_DOODLES else self.row.get(s.names[0], IGNORED) for s in scenes]
        return {
            "things": torch.tensor(things),
            "styles": torch.tensor([STYLES.index(s.style) if s.style else IGNORED for s in scenes]),
        }


def held_scenes(things: Things, *, photos: int = 4, made: int = 2, seed: int = 0) -> list[Scene]:
    """Scenes of the combinations held out: every picture that there is of one (of photographs, and of what
    filters make of other pictures, so many at most). Things held out wholly are not among them."""
    cast, rng, scenes = Cast(things), Random(f"held {seed}"), []
    for name, thing in things.items():
        if thing.held_out or not thing.pictures:
            continue
        for style in sorted(thing.without - set(OF_DOODLES)):
            rows = list(thing.held.get(style, ()))
            if style == "photo" and rows:
                rows = rng.sample(rows, min(photos, len(rows)))
            if not rows:
                there = rows_in(thing, "")
                rows = rng.sample(there, min(made, len(there)))
            for row in rows:
                scene = cast.one(name, rng=rng, row=row)
                ground = "table" if style == "photo" and things.pictures[row].set != "photo" else "plain"
                scenes.append(replace(scene, style=style, ground=ground))
    return scenes


def all_rows(things: Things) -> list[int]:
    """Rows of every picture of the things, trained on or held out."""
    there = (rows for t in things.values() for part in (t.pictures, t.held) for rows in part.values())
    return sorted({row for rows in there for row in rows})


def digest(things: Things) -> str:
    """SHA-256 of what the judges learn from: which pictures (by the checksums in their archives), which
    doodles, and which of them are held out."""
    known = sha256()
    doodles = things.doodles
    for array in (doodles.key_id, doodles.label, doodles.held_out):
        known.update(np.ascontiguousarray(array).tobytes())
    for archive in sorted({picture.archive for picture in things.pictures}):
        with zipfile.ZipFile(archive) as opened:
            known.update(repr([(each.filename, each.CRC) for each in opened.infolist()]).encode())
    known.update(repr([(name, sorted(t.pictures.items())) for name, t in things.items()]).encode())
    return known.hexdigest()
