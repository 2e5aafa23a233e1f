"""A small drawing kit: smooth shapes, discs, strokes and light on a square page.

A page is 256 units wide and high, (0, 0) at the upper left. It is drawn FINE times as large and shrunk at
the end, so that every edge is smooth. Shapes are closed curves through a few points.
"""

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

SIDE = 256
FINE = 4

Point = tuple[float, float]
Fill = str | tuple[str, str]  # a colour, or the colours of the upper and lower edge


class Page:
    """A picture under way. `fill` is the paper."""

    def __init__(self, fill: Fill):
        self.image = _filled(fill, SIDE * FINE, SIDE * FINE)

    def shape(self, points: Sequence[Point], fill: Fill, round: bool = False, blur: float = 0.0) -> None:
        """A polygon; with round, a smooth curve through the points; with blur, a soft edge (units)."""
        points = curve(points) if round else points
        room = 3 * blur + 1
        left, top = (math.floor((min(p[axis] for p in points) - room) * FINE) for axis in (0, 1))
        right, bottom = (math.ceil((max(p[axis] for p in points) + room) * FINE) for axis in (0, 1))
        mask = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(mask).polygon([(x * FINE - left, y * FINE - top) for x, y in points], fill=255)
        if blur:
            mask = mask.filter(ImageFilter.GaussianBlur(blur * FINE))
        self.image.paste(_filled(fill, *mask.size), (left, top), mask)

    def disc(self, x: float, y: float, r: float, fill: Fill, ry: float = 0.0, blur: float = 0.0) -> None:
        """A circle of radius r about (x, y), or an ellipse ry high."""
        self.shape(ellipse(x, y, r, ry or r), fill, blur=blur)

    def line(self, points: Sequence[Point], width: float, fill: str) -> None:
        """A stroke with round ends along the points."""
        pen, scaled = ImageDraw.Draw(self.image), [(x * FINE, y * FINE) for x, y in points]
        pen.line(scaled, fill=fill, width=round(width * FINE), joint="curve")
        r = width * FINE / 2
        for x, y in (scaled[0], scaled[-1]):
            pen.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    def glow(self, x: float, y: float, r: float, colour: str, strength: float = 1.0) -> None:
        """Light added about (x, y), fading to nothing at r."""
        rows, columns = np.ogrid[:SIDE, :SIDE]
        near = np.clip(1 - np.hypot(columns - x, rows - y) / r, 0, 1) ** 2
        light = near[..., None] * strength * np.array(ImageColor.getrgb(colour))
        light = Image.fromarray(light.clip(0, 255).astype(np.uint8)).resize(self.image.size)
        self.image = ImageChops.add(self.image, light)

    def done(self) -> Image.Image:
        return self.image.resize((SIDE, SIDE), Image.Resampling.BOX)


def ellipse(x: float, y: float, rx: float, ry: float, start: float = 0, end: float = 360) -> list[Point]:
    """Points on an ellipse between two angles in degrees: 0 is right, 90 is down."""
    angles = [math.radians(start + (end - start) * k / 72) for k in range(73)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


def curve(points: Sequence[Point], parts: int = 14) -> list[Point]:
    """A closed Catmull-Rom curve through the points."""
    p, n = np.array(points, dtype=float), len(points)
    s = np.arange(parts)[:, None] / parts
    smooth = []
    for k in range(n):
        a, b, c, d = p[k - 1], p[k], p[(k + 1) % n], p[(k + 2) % n]
        smooth.append(b + 0.5 * s * ((c - a) + s * (2 * a - 5 * b + 4 * c - d + s * (3 * (b - c) + d - a))))
    return [tuple(each) for each in np.concatenate(smooth)]


def turned(points: Sequence[Point], degrees: float, x: float, y: float) -> list[Point]:
    """The points, turned clockwise about (0, 0) and moved to (x, y)."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return [(x + c * px - s * py, y + s * px + c * py) for px, py in points]


def mirrored(points: Sequence[Point], x: float = 0.0) -> list[Point]:
    """A half outline, and its mirror image about the vertical line at x, as one closed outline."""
    return [*points, *((2 * x - px, py) for px, py in reversed(points) if px != x)]


def _filled(fill: Fill, width: int, height: int) -> Image.Image:
    if isinstance(fill, str):
        return Image.new("RGB", (width, height), fill)
    top, bottom = (np.array(ImageColor.getrgb(colour), dtype=float) for colour in fill)
    share = np.linspace(0, 1, height)[:, None]
    column = (top * (1 - share) + bottom * share).round().astype(np.uint8)
    return Image.fromarray(np.broadcast_to(column[:, None], (height, width, 3)).copy())
