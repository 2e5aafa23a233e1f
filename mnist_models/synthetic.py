"""Handwriting by formula: digits drawn by our own code, for whoever has no MNIST at hand.

A digit is a few strokes, each a list of points in a box one unit high (x to the right, y down). Every
picture takes one of the ways to write its digit, wobbles its points, turns, slants and stretches it,
and inks each pixel by its distance d from the nearest stroke, with a pen as wide as w and an edge as
soft as s, all in pixels:

    ink = clamp(1/2 + (w/2 - d) / s, 0, 1)

They are simpler and more alike than MNIST's 60,000: good enough to watch a network learn, and not to be
confused with the real ones. No loss measured on them compares with one measured on MNIST.
"""

import math

import numpy as np
import torch
from torch import Tensor

SIZE = 28
HEIGHT = 19.0  # pixels, of a digit before it is stretched; MNIST's fit a box of 20

PIXELS = (np.arange(SIZE) + 1j * np.arange(SIZE)[:, None]).astype(np.complex64)  # x + iy

Stroke = list[tuple[float, float]]


def arc(x: float, y: float, rx: float, ry: float, start: float, end: float, parts: int = 12) -> Stroke:
    """Points on an ellipse about (x, y), from one angle to another in degrees: 0 is right, 90 is down."""
    angles = [math.radians(start + (end - start) * k / parts) for k in range(parts + 1)]
    return [(x + rx * math.cos(a), y + ry * math.sin(a)) for a in angles]


WAYS: dict[int, list[list[Stroke]]] = {
    0: [[arc(0, 0, 0.30, 0.50, -90, 270, 20)], [arc(0, 0, 0.24, 0.50, -70, 290, 20)]],
    1: [[[(0, -0.5), (0, 0.5)]], [[(-0.17, -0.3), (0.02, -0.5), (0.02, 0.5)]]],
    2: [
        [[*arc(0, -0.22, 0.28, 0.28, -160, 35), (-0.3, 0.5), (0.33, 0.5)]],
        [[*arc(0, -0.22, 0.28, 0.28, -150, 50), *arc(-0.14, 0.37, 0.15, 0.12, -60, -330), (0.35, 0.48)]],
    ],
    3: [
        [[*arc(-0.02, -0.25, 0.25, 0.25, -150, 90), *arc(-0.02, 0.25, 0.29, 0.25, -90, 150)]],
        [[(-0.25, -0.5), (0.24, -0.5), (-0.02, -0.1), *arc(-0.04, 0.2, 0.3, 0.3, -75, 150)]],
    ],
    4: [
        [[(-0.24, -0.5), (-0.28, 0.05), (0.3, 0.05)], [(0.18, -0.4), (0.14, 0.5)]],
        [[(0.14, 0.5), (0.14, -0.5), (-0.32, 0.17), (0.34, 0.17)]],
    ],
    5: [
        [[(0.28, -0.5), (-0.2, -0.5), (-0.24, -0.07), *arc(-0.02, 0.19, 0.3, 0.31, -125, 150)]],
        [
            [(-0.2, -0.48), (-0.22, -0.08), *arc(-0.02, 0.2, 0.28, 0.3, -120, 150)],
            [(-0.2, -0.48), (0.3, -0.5)],
        ],
    ],
    6: [
        [[(0.2, -0.5), (-0.1, -0.2), *arc(0, 0.23, 0.27, 0.27, -170, 190, 18)]],
        [[(0.06, -0.5), (-0.2, -0.05), *arc(0, 0.24, 0.24, 0.26, -165, 180, 18)]],
    ],
    7: [
        [[(-0.3, -0.48), (0.3, -0.5), (-0.08, 0.5)]],
        [[(-0.3, -0.46), (0.28, -0.5), (-0.02, 0.5)], [(-0.12, 0.02), (0.26, 0.0)]],
    ],
    8: [
        [arc(0, -0.26, 0.21, 0.24, 90, 450, 18), arc(0, 0.24, 0.27, 0.26, -90, 270, 18)],
        [arc(0.02, -0.27, 0.2, 0.23, 110, 440, 18), arc(-0.02, 0.23, 0.24, 0.27, -80, 260, 18)],
    ],
    9: [
        [[*arc(0, -0.24, 0.25, 0.26, 0, -360, 18), (0.25, -0.2), (0.2, 0.5)]],
        [[*arc(-0.02, -0.24, 0.24, 0.25, -10, -350, 18), (0.22, 0.1), *arc(-0.02, 0.24, 0.24, 0.26, 0, 120)]],
    ],
}  # each digit's ways to be written, each way a list of strokes


def digits(count: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """`count` drawn digits: images [N,1,28,28] uint8 in 0..255 (ink is 255), labels [N] int64.

    Every ten in a row hold each digit once. Picture k depends on (seed, k) alone, so that a larger set
    begins with the smaller one. ValueError if count is under 1.
    """
    if count < 1:
        raise ValueError(f"a set holds at least 1 digit, not {count}")
    labels, images = np.empty(count, np.int64), np.empty((count, 1, SIZE, SIZE), np.uint8)
    for block in range(0, count, 10):
        order = np.random.default_rng([seed, block, 1]).permutation(10)
        for k in range(block, min(block + 10, count)):
            labels[k] = order[k - block]
            images[k, 0] = drawn(int(labels[k]), np.random.default_rng([seed, k]))
    return torch.from_numpy(images), torch.from_numpy(labels)


def drawn(digit: int, rng: np.random.Generator) -> np.ndarray:
    """One picture of `digit`, [28,28] uint8, ink 255 on black."""
    ways = WAYS[digit]
    strokes = placed([wobbled(np.array(s), rng) for s in ways[rng.integers(len(ways))]], rng)
    starts = np.concatenate([s[:-1] for s in strokes])
    ends = np.concatenate([s[1:] for s in strokes])
    width, softness = rng.uniform(1.8, 3.4), rng.uniform(1.0, 1.7)
    ink = 0.5 + (width / 2 - distance(starts, ends)) / softness
    return (ink.clip(0, 1) * 255).round().astype(np.uint8)


def wobbled(stroke: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The stroke [P,2], bent by one slow wave in x and one in y, as an unsteady hand would."""
    along = np.linspace(0, 1, len(stroke))[:, None]
    return stroke + 0.03 * rng.normal(size=2) * np.sin(math.pi * (2 * along + 2 * rng.random(2)))


def placed(strokes: list[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Turned, slanted and stretched at random, in pixels, the middle of the box near the page's."""
    turn, slant = rng.normal(0, 0.09), rng.normal(0.12, 0.16)
    stretch = np.diag(HEIGHT * rng.uniform((0.8, 0.88), (1.15, 1.05)))
    rotation = np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    matrix = rotation @ np.array([[1.0, -slant], [0.0, 1.0]]) @ stretch
    turned = [stroke @ matrix.T for stroke in strokes]
    low, high = (edge(np.concatenate(turned), axis=0) for edge in (np.min, np.max))
    middle = (SIZE - 1) / 2 + rng.normal(0, 0.5, size=2)
    return [stroke - (low + high) / 2 + middle for stroke in turned]


def distance(starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """[28,28]: how many pixels each pixel is from the nearest segment starts[k]..ends[k], [K,2]."""
    a, b = ((points @ (1, 1j)).astype(np.complex64) for points in (starts, ends))  # the plane as numbers
    away, along = PIXELS[..., None] - a, b - a + 1e-6
    nearest = (away / along).real.clip(0, 1)  # 0 at the start of a segment, 1 at its end
    return np.abs(away - nearest * along).min(-1)
