"""People's doodles: 345 things of Quick, Draw! (Google, CC BY 4.0), as strokes, and strokes into pictures.

The folder holds `quickdraw345.npz` (xy uint8 [P,2] x right, y down; stroke_len, n_strokes, label, key_id)
and `names.json`. A drawing's coordinates are 0..255, its longer side mostly fills them.
"""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from emoji_model import held_out
from emoji_model.data.folders import HOW, DataError

STROKES, NAMES = "quickdraw345.npz", "names.json"
FIELDS = ("xy", "stroke_len", "n_strokes", "label", "key_id")
CLOSED = 0.22  # a stroke whose ends are nearer than this part of its extent outlines something


class Doodles:
    """names  [classes]; label int [N]; key_id [N]; held_out bool [N], by held_out.doodle."""

    def __init__(self, folder: Path):
        try:
            with np.load(folder / STROKES, allow_pickle=False) as read:
                self.xy, length, strokes, self.label, self.key_id = (read[field] for field in FIELDS)
            self.names: list[str] = json.loads((folder / NAMES).read_text())["names"]
        except FileNotFoundError as error:
            raise DataError(f"{Path(error.filename).name} is missing in {folder}. {HOW}") from None
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(
                f"The doodles in {folder} are damaged ({error}): fetch them anew. {HOW}"
            ) from None
        self._stroke_end = np.cumsum(length.astype(np.int64))
        self._end = np.cumsum(strokes.astype(np.int64))
        whole = len(self._end) == len(self.label) == len(self.key_id) and len(self._end) > 0
        if not whole or self._end[-1] != len(length) or self._stroke_end[-1] != len(self.xy):
            raise DataError(f"The doodles in {folder} are damaged (counts differ): fetch them anew. {HOW}")
        self.held_out = np.array([held_out.doodle(int(key)) for key in self.key_id])

    def __len__(self) -> int:
        return len(self.label)

    def rows(self, name: str, *, held: bool = False) -> NDArray[np.int64]:
        """The drawings of a thing: those to train on, or those held out."""
        return np.flatnonzero((self.label == self.names.index(name)) & (self.held_out == held))

    def strokes(self, row: int) -> list[NDArray[np.uint8]]:
        """The strokes of a drawing, [n,2] each."""
        first = self._end[row - 1] if row else 0
        ends = self._stroke_end[first : self._end[row]]
        starts = [self._stroke_end[first - 1] if first else 0, *ends[:-1]]
        return [self.xy[a:b] for a, b in zip(starts, ends)]


def raster(
    strokes: Sequence[NDArray[np.uint8]],
    size: int,
    *,
    at: tuple[float, float, float] = (0.5, 0.5, 0.9),
    width: float = 0.035,
    turn: float = 0.0,
    flip: bool = False,
    fill: bool = False,
) -> NDArray[np.uint8]:
    """A drawing as coverage, uint8 [2,size,size]: of the ink, and of what closed strokes enclose.

    at  x and y of its middle and the length of its longer side, in parts of the picture's side
    width  of the pen, in parts of the picture's side;  turn  radians, clockwise
    fill  whether the second one is wanted; it is empty otherwise
    """
    points = np.concatenate(strokes).astype(np.float32)
    low, high = points.min(0), points.max(0)
    over = 4 if size <= 64 else 2  # drawn larger and averaged: Pillow does not antialias
    scale = at[2] * size * over / max(float((high - low).max()), 1.0)
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    matrix = np.array([[cos, sin], [-sin, cos]], np.float32)
    if flip:
        matrix = np.array([[-1, 0], [0, 1]], np.float32) @ matrix
    middle = np.array(at[:2], np.float32) * size * over
    placed = [(stroke - (low + high) / 2) @ matrix + middle for stroke in strokes]
    ink = Image.new("L", (size * over,) * 2)
    inside = Image.new("L", ink.size)
    pen, brush = ImageDraw.Draw(ink), ImageDraw.Draw(inside)
    thick = max(1.0, width * size * over)
    for stroke in placed:
        corners = [(float(x), float(y)) for x, y in stroke]
        if len(corners) > 1:
            pen.line(corners, fill=255, width=round(thick), joint="curve")
        for x, y in (corners[0], corners[-1]):
            pen.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=255)
        if fill and len(corners) > 2 and _closed(stroke):
            brush.polygon(corners, fill=255)
    return np.stack([np.asarray(each.reduce(over)) for each in (ink, inside)])


def _closed(stroke: NDArray[np.float32]) -> bool:
    gap = np.abs(stroke[0] - stroke[-1]).max()
    return bool(gap < CLOSED * np.ptp(stroke, axis=0).max())
