"""Scenes into pictures, a batch at a time.

    painter = Painter(things, 64)
    painter.paint(scenes)                          # [B,3,64,64] in [-1,1]

Things are pasted back to front, x <- x (1 - a) + rgb_a, with colours premultiplied by their alpha a.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from emoji_model.data.doodles import raster
from emoji_model.scene import Placed, Scene
from emoji_model.styles import FILTERS, patches
from emoji_model.things import Things

SHADOW = 0.45  # how dark the soft shadow on a table is


class Painter:
    """things  whose pictures and doodles the scenes name;  size  the side of what is painted, in pixels
    rows    the pictures to have at hand; by default all that are trained on
    atlas   they themselves, premultiplied uint8 [N,4,size,size]; read from the archives by default
    """

    def __init__(
        self, things: Things, size: int, rows: Sequence[int] | None = None, atlas: Tensor | None = None
    ):
        self.things, self.size = things, size
        if rows is None:
            rows = sorted({r for thing in things.values() for rs in thing.pictures.values() for r in rs})
        self._index = {row: k for k, row in enumerate(rows)}
        atlas = things.pictures.atlas(list(rows), size) if atlas is None else atlas
        # what is drawn small is read from a half and a quarter, so that it does not alias
        self._halves = [atlas]
        for _ in range(2):
            self._halves.append(_half(self._halves[-1]))

    def paint(self, scenes: Sequence[Scene]) -> Tensor:
        """[B,3,S,S] float32 in [-1,1]."""
        noise = self._noise(scenes)
        x, cover = self._grounds(scenes, noise), None
        layers = max(len(scene.placed) for scene in scenes)
        pasted = [self._layer(scenes, noise, k) for k in range(layers)]
        table = [k for k, scene in enumerate(scenes) if scene.ground == "table"]
        if table:
            for layer in pasted:
                alpha = layer[table, 3:]
                cover = alpha if cover is None else torch.maximum(cover, alpha)
            x[table] = x[table] * (1 - SHADOW * self._shadow(cover))
        for layer in pasted:
            x = x * (1 - layer[:, 3:]) + layer[:, :3]
        for style, apply in FILTERS.items():
            rows = [k for k, s in enumerate(scenes) if s.style == style and (style != "photo" or k in table)]
            if rows:
                x[rows] = apply(x[rows], noise[rows])
        return x.clamp(0, 1) * 2 - 1

    def _noise(self, scenes: Sequence[Scene]) -> Tensor:
        """[B,1,S,S] of every scene's own seed, alike at every size: a field of 32 x 32, enlarged."""
        fields = [
            torch.randn(1, 32, 32, generator=torch.Generator().manual_seed(scene.seed))
            if scene.style in FILTERS or scene.ground in ("night", "table", "board")
            else torch.zeros(1, 32, 32)
            for scene in scenes
        ]
        noise = torch.stack(fields)
        return noise if self.size == 32 else F.interpolate(noise, size=self.size, mode="nearest")

    def _layer(self, scenes: Sequence[Scene], noise: Tensor, k: int) -> Tensor:
        """The k-th thing of every scene in its place, [B,4,S,S] in [0,1], empty where there is none."""
        out = torch.zeros(len(scenes), 4, self.size, self.size)
        rows = [row for row, scene in enumerate(scenes) if len(scene.placed) > k]
        pictures = [r for r in rows if not scenes[r].placed[k].doodle]
        whole = [r for r in pictures if scenes[r].placed[k][2:5] == (0.5, 0.5, 1.0)]
        if whole:
            things = [scenes[r].placed[k] for r in whole]
            found = self._halves[0][[self._index[thing.row] for thing in things]].float() / 255
            turned = torch.tensor([thing.flip for thing in things]).view(-1, 1, 1, 1)
            out[whole] = torch.where(turned, found.flip(-1), found)
        for level, atlas in enumerate(self._halves):
            here = [r for r in pictures if r not in whole and _level(scenes[r].placed[k].size) == level]
            if here:
                out[here] = self._placed(atlas, [scenes[r].placed[k] for r in here])
        for row in rows:
            if scenes[row].placed[k].doodle:
                out[row] = self._doodle(scenes[row], scenes[row].placed[k], noise[row])
        return out

    def _placed(self, atlas: Tensor, things: list[Placed]) -> Tensor:
        pictures = atlas[[self._index[thing.row] for thing in things]].float() / 255
        place = torch.tensor([[t.x, t.y, t.size, -1.0 if t.flip else 1.0] for t in things])
        at = (torch.arange(self.size) + 0.5) / self.size
        across = (at[None, :] - place[:, :1]) / place[:, 2:3] * 2 * place[:, 3:]
        down = (at[None, :] - place[:, 1:2]) / place[:, 2:3] * 2
        shape = (len(things), self.size, self.size)
        grid = torch.stack([across[:, None, :].expand(shape), down[:, :, None].expand(shape)], dim=-1)
        return F.grid_sample(pictures, grid, padding_mode="zeros", align_corners=False)

    def _doodle(self, scene: Scene, thing: Placed, noise: Tensor) -> Tensor:
        """[4,S,S]: what closed strokes enclose, and the ink on it; chalk leaves gaps on a board."""
        strokes = self.things.doodles.strokes(thing.row)
        drawn = raster(
            strokes,
            self.size,
            at=(thing.x, thing.y, thing.size),
            width=scene.width * (0.6 + 0.4 * thing.size),
            turn=thing.turn,
            flip=thing.flip,
            fill=scene.fill is not None,
        )
        ink, inside = torch.from_numpy(drawn.astype(np.float32) / 255)[:, None]
        if scene.ground == "board":
            ink = ink * (0.86 + 0.2 * noise).clamp(0.35, 1)
        out = torch.cat([inside * torch.tensor(scene.fill or (0, 0, 0)).view(3, 1, 1), inside])
        return out * (1 - ink) + torch.cat([ink * torch.tensor(scene.ink).view(3, 1, 1), ink])

    def _grounds(self, scenes: Sequence[Scene], noise: Tensor) -> Tensor:
        """[B,3,S,S] in [0,1]."""
        colours = torch.tensor([scene.colours for scene in scenes])  # [B,2,3]
        mix = torch.linspace(0, 1, self.size).view(1, 1, -1, 1)
        above, below = colours[:, 0, :, None, None], colours[:, 1, :, None, None]
        x = (above * (1 - mix) + below * mix).expand(-1, -1, -1, self.size).clone()
        for kind, draw in (("night", _night), ("meadow", _meadow), ("snow", _snow), ("table", _table)):
            rows = [k for k, scene in enumerate(scenes) if scene.ground == kind]
            if rows:
                x[rows] = draw(noise[rows], mix[0, 0])
        board = [k for k, scene in enumerate(scenes) if scene.ground == "board"]
        if board:  # wiped with a cloth
            x[board] = x[board] + 0.025 * patches(noise[board], 8) + 0.012 * noise[board]
        return x

    def _shadow(self, cover: Tensor) -> Tensor:
        """The things' outline, moved down and right by a twentieth and blurred."""
        move = max(1, self.size // 20)
        moved = F.pad(cover, (move, 0, move, 0))[..., : self.size, : self.size]
        reach = max(1, self.size // 24)
        for _ in range(2):
            moved = F.avg_pool2d(moved, 2 * reach + 1, stride=1, padding=reach)
        return moved


def _half(atlas: Tensor) -> Tensor:
    if not len(atlas):
        return atlas[..., ::2, ::2]
    return torch.cat([F.avg_pool2d(part.float(), 2).round().to(torch.uint8) for part in atlas.split(256)])


def _level(size: float) -> int:
    """Which of the halves is nearest above the size it is drawn at."""
    return 0 if size > 0.6 else 1 if size > 0.33 else 2


# grounds: noise [B,1,S,S] and down [S,1], 0 at the top and 1 at the bottom -> [B,3,S,S]


def _colour(like: Tensor, *rgb: float) -> Tensor:
    return like.new_tensor(rgb).view(3, 1, 1)


def _night(noise: Tensor, down: Tensor) -> Tensor:
    sky = _colour(noise, 0.03, 0.05, 0.18) * (1 - down) + _colour(noise, 0.16, 0.14, 0.36) * down
    stars = (noise > 2.1).to(noise.dtype) * 0.9
    return (sky + stars).clamp(max=1)


def _meadow(noise: Tensor, down: Tensor) -> Tensor:
    return _land(noise, down, (0.55, 0.80, 0.98), (0.42, 0.72, 0.30), 0.58)


def _snow(noise: Tensor, down: Tensor) -> Tensor:
    return _land(noise, down, (0.66, 0.80, 0.94), (0.95, 0.97, 1.0), 0.62)


def _land(noise: Tensor, down: Tensor, sky: tuple, ground: tuple, horizon: float) -> Tensor:
    """Sky above, ground below, the ground darker towards the foot."""
    below = torch.sigmoid((down - horizon) * 60)
    above = _colour(noise, *sky) * (1 + 0.12 * down)
    earth = _colour(noise, *ground) * (1.04 - 0.14 * down)
    picture = above * (1 - below) + earth * below
    return picture.clamp(0, 1).expand(len(noise), 3, -1, noise.shape[-1])


def _table(noise: Tensor, down: Tensor) -> Tensor:
    """Wood or cloth: a hue between grey and brown per scene, streaks along one side."""
    warm = torch.sigmoid(noise.mean((2, 3), keepdim=True) * 30)
    base = warm * _colour(noise, 0.72, 0.58, 0.43) + (1 - warm) * _colour(noise, 0.66, 0.68, 0.70)
    streaks = patches(noise, 8).mean(-1, keepdim=True) * 0.05 + patches(noise, 16) * 0.03
    return (base + streaks).clamp(0, 1)
