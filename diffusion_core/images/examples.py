"""Example pictures, drawn by our own code: free to show anywhere, and the same on every machine."""

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from PIL import Image

from diffusion_core.images.drawing import SIDE, Fill, Page, Point, curve, ellipse, mirrored, turned


def _stars(page: Page, count: int, lowest: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for x, y, size in rng.random((count, 3)):
        page.disc(4 + 248 * x, 4 + (lowest - 4) * y, 0.5 + 1.1 * size**3, "#fdf6e0")


def rocket() -> Image.Image:
    page = Page(("#131a4a", "#5b3f86"))
    _stars(page, 70, 200, seed=1)
    page.glow(52, 58, 75, "#f7e8c0", 0.45)
    page.disc(52, 58, 26, ("#fbf3dc", "#e4d3a6"))
    for x, y, r in ((44, 50, 5), (60, 64, 7), (48, 70, 3.5)):
        page.disc(x, y, r, "#d8c594")
    page.disc(236, 292, 110, ("#e38a55", "#a8474a"))
    page.disc(250, 306, 110, ("#c9694a", "#8f3c46"), blur=3)
    page.disc(206, 214, 8, "#c9694a", ry=5)
    page.disc(232, 236, 12, "#b75c45", ry=8)
    page.glow(92, 186, 70, "#ff9a3c", 0.7)
    for x, y, r in ((50, 234, 19), (70, 240, 22), (29, 246, 20), (88, 250, 17), (48, 252, 24)):
        page.disc(x, y, r, ("#f3ecf7", "#b9a9cf"))

    def part(points: Sequence[Point], fill: Fill, round: bool = False) -> None:
        page.shape(turned(points, 33, 139, 122), fill, round)

    part(mirrored([(0, 106), (-9, 84), (-14, 64), (0, 58)]), ("#ffb02e", "#ff6a2b"), round=True)
    part(mirrored([(0, 88), (-5, 76), (-7, 62), (0, 60)]), ("#fff7c7", "#ffd75e"), round=True)
    for side in (-1, 1):
        part(
            [(side * 20, 8), (side * 44, 44), (side * 45, 70), (side * 16, 54)], ("#e8504a", "#b52f3b"), True
        )
    body = [(0, -92), (-12, -74), (-22, -44), (-26, -6), (-22, 34), (-15, 58), (0, 60)]
    part(mirrored(body), ("#ffffff", "#d5d9e8"), round=True)
    part([(9, -62), (16, -62), (22, -44), (26, -6), (22, 34), (15, 58), (7, 59), (13, 0)], "#c3c8de", True)
    part([*curve(mirrored(body))[:22], *curve(mirrored(body))[-22:]], ("#ef5a50", "#cf3f47"))
    part([(-18, 48), (-15.5, 60), (15.5, 60), (18, 48)], "#4a4f74")
    part(ellipse(0, -22, 13, 13), "#4a4f74")
    part(ellipse(0, -22, 9.5, 9.5), ("#9be3ff", "#3c8fd6"))
    part(ellipse(-3, -26, 3, 2.2), "#eafaff")
    part([(-3.5, 14), (3.5, 14), (4, 58), (-4, 58)], "#e8504a")
    return page.done()


def campfire() -> Image.Image:
    page = Page(("#10193a", "#713a52"))
    _stars(page, 60, 120, seed=5)
    page.shape([(0, 150), (60, 108), (110, 142), (170, 98), (256, 150), (256, 200), (0, 200)], "#2b2748")
    for x, h in ((14, 96), (40, 74), (62, 56), (196, 58), (219, 84), (246, 102)):
        for k in range(4):
            y, half = 178 - h + h * k * 0.21, h * (0.1 + 0.062 * k)
            page.shape([(x, y), (x - half, y + h * 0.36), (x + half, y + h * 0.36)], "#15192f")
    page.shape([(0, 170), (90, 160), (170, 161), (256, 172), (256, 256), (0, 256)], ("#2b2435", "#151220"))
    page.glow(128, 172, 130, "#ff8a2b", 0.75)
    page.disc(128, 222, 74, "#5c3424", ry=15, blur=8)
    for x in (62, 84, 106, 150, 172, 194):
        page.disc(x, 227, 12, ("#8d8792", "#48434f"), ry=8.5)

    def flame(width: float, height: float, lean: float, fill: Fill) -> None:
        outline = [(0, 0), (-0.62, -0.12), (-0.78, -0.36), (-0.5, -0.58), (-0.34, -0.5), (-0.2, -0.82)]
        outline += [(0.12, -1.04), (0.14, -0.74), (0.42, -0.56), (0.56, -0.66), (0.76, -0.32), (0.6, -0.1)]
        page.shape([(128 + width * x + lean * y, 216 + height * y) for x, y in outline], fill, round=True)

    flame(50, 142, -4, ("#ff7a1f", "#d8321f"))
    flame(38, 104, 5, ("#ffab2e", "#ff6a1c"))
    flame(26, 70, -3, ("#ffe27a", "#ffae2b"))
    flame(13, 40, 2, ("#fffbe3", "#ffe58a"))
    for start, end in (((70, 206), (186, 238)), ((186, 206), (70, 238))):
        page.line([start, end], 16, "#4a2a1d")
        page.line([(start[0], start[1] - 3), (end[0], end[1] - 3)], 7, "#8a5230")
        page.disc(end[0], end[1] - 1, 7.5, "#c98b54")
        page.disc(end[0], end[1] - 1, 4, "#9c6237")
    rng = np.random.default_rng(3)
    for x, y, size in rng.random((26, 3)):
        page.disc(128 + (x - 0.5) * (40 + 80 * y), 150 - 130 * y, 0.7 + 1.3 * size, "#ffc46b")
    return page.done()


def mountain_village() -> Image.Image:
    page = Page(("#6fb1e6", "#fbe3c4"))
    page.glow(196, 92, 90, "#fff0b8", 0.5)
    page.disc(196, 92, 17, "#fff4c9")
    for x, y, w in ((44, 36, 26), (70, 42, 20), (148, 26, 18), (168, 30, 24), (226, 50, 20)):
        page.disc(x, y, w, "#ffffff", ry=w * 0.3, blur=2)
    page.shape(
        [(0, 150), (40, 112), (92, 140), (150, 104), (210, 142), (256, 116), (256, 190), (0, 190)], "#9fb3cf"
    )

    def mountain(x: float, top: float, half: float) -> None:
        base = 186
        page.shape([(x, top), (x - half, base), (x + half, base)], ("#7c8fb0", "#8f9fb5"))
        page.shape([(x, top), (x + 0.1 * half, base), (x + half, base)], ("#566a92", "#74879f"))
        snow, zig = 0.36 * (base - top), 0.36 * half
        edge = [(zig, snow), (0.55 * zig, 0.75 * snow), (0.25 * zig, 1.1 * snow), (-0.15 * zig, 0.78 * snow)]
        edge += [(-0.5 * zig, 1.15 * snow), (-0.7 * zig, 0.85 * snow), (-zig, snow)]
        page.shape([(x, top), *((x + dx, top + dy) for dx, dy in edge)], ("#ffffff", "#f0f4fb"))
        page.shape([(x, top), *((x + dx, top + dy) for dx, dy in edge[:3])], "#cfd9ea")

    mountain(186, 74, 84)
    mountain(92, 44, 104)
    page.shape(
        [(-9, 178), (60, 160), (140, 174), (270, 158), (270, 270), (-9, 270)], ("#7fae5c", "#4f8746"), True
    )
    page.shape(
        [(-9, 206), (70, 196), (170, 204), (270, 190), (270, 280), (-9, 280)], ("#8fbf63", "#4c8a45"), True
    )
    page.shape(
        [(112, 256), (122, 232), (138, 216), (128, 204), (140, 203), (150, 217), (144, 236), (150, 256)],
        ("#e9d9ae", "#d3bb85"),
        True,
    )

    def house(x: float, y: float, w: float, wall: str, roof: str) -> None:
        h = 0.72 * w
        page.shape([(x, y), (x + w, y), (x + w, y - h), (x, y - h)], wall)
        page.shape([(x - 4, y - h + 1), (x + w + 4, y - h + 1), (x + w / 2, y - h - 0.55 * w)], roof)
        page.shape(
            [
                (x + 0.68 * w, y - h - 0.5 * w),
                (x + 0.8 * w, y - h - 0.5 * w),
                (x + 0.8 * w, y - h - 0.14 * w),
                (x + 0.68 * w, y - h - 0.24 * w),
            ],
            "#7b5a4b",
        )
        page.shape(
            [(x + 0.4 * w, y), (x + 0.6 * w, y), (x + 0.6 * w, y - 0.4 * w), (x + 0.4 * w, y - 0.4 * w)],
            "#6b4630",
        )
        for left in (0.12, 0.7):
            a, b, c, d = x + left * w, x + (left + 0.18) * w, y - 0.26 * w, y - 0.46 * w
            page.shape([(a, c), (b, c), (b, d), (a, d)], "#ffe39a")

    def tree(x: float, y: float, h: float) -> None:
        page.line([(x, y), (x, y - 0.3 * h)], 0.09 * h, "#6b4a2f")
        for k in range(3):
            top, half = y - h + 0.24 * h * k, h * (0.17 + 0.06 * k)
            page.shape(
                [(x, top), (x - half, top + 0.36 * h), (x + half, top + 0.36 * h)], ("#3f7d4c", "#2d6140")
            )

    for x, y, h in ((20, 186, 34), (36, 190, 28), (238, 182, 36), (222, 186, 28), (152, 186, 24)):
        tree(x, y, h)
    page.shape([(86, 196), (104, 196), (104, 150), (86, 150)], "#f3ead9")
    page.shape([(83, 151), (107, 151), (95, 120)], "#55606f")
    page.disc(95, 162, 4.5, "#ffe39a")
    house(50, 204, 34, "#f6e6c8", "#b9493c")
    house(104, 202, 28, "#f9f2e4", "#8c4a3a")
    house(172, 206, 38, "#f2d9b4", "#a83f38")
    house(24, 236, 44, "#fbf0dc", "#c1543f")
    house(186, 240, 46, "#f7e3c0", "#93443b")
    for x, y, h in ((84, 240, 40), (168, 250, 46), (246, 250, 52), (8, 248, 48)):
        tree(x, y, h)
    return page.done()


def portrait() -> Image.Image:
    page = Page(("#f3c9a6", "#e39a7c"))
    page.disc(128, 118, 104, ("#f9dfc2", "#f2bd98"))
    hair = mirrored(
        [(128, 30), (92, 38), (68, 68), (64, 112), (58, 152), (64, 186), (92, 196), (128, 190)], 128
    )
    page.shape(hair, ("#4a2a2a", "#2c171d"), round=True)
    page.shape(
        mirrored([(128, 196), (92, 202), (54, 216), (34, 262), (60, 300), (128, 300)], 128),
        ("#2f7f86", "#1c5563"),
        True,
    )
    page.shape(
        mirrored([(128, 150), (110, 152), (109, 196), (100, 206), (128, 232)], 128),
        ("#d99a76", "#e3a783"),
        True,
    )
    page.shape(
        mirrored([(128, 48), (100, 56), (87, 88), (90, 128), (104, 158), (128, 172)], 128),
        ("#f6c8a4", "#eeb58e"),
        True,
    )
    for side in (-1, 1):
        page.disc(128 + side * 25, 134, 10, "#ee9d84", ry=7, blur=3)
        eye = 128 + side * 18
        page.disc(eye, 112, 8.2, "#fffaf3", ry=5.4)
        page.disc(eye, 112, 4.7, ("#4d7a52", "#2f5a3d"))
        page.disc(eye, 112, 2.4, "#17120f")
        page.disc(eye + 1.6, 110, 1.3, "#ffffff")
        page.line(
            [(eye - 9, 109.5 + side), (eye - 3, 106), (eye + 4, 106), (eye + 9, 109.5 - side)], 2.1, "#2c171d"
        )
        page.line([(eye - 10, 96.5 - side), (eye, 94), (eye + 10, 96.5 + side)], 3, "#3a2022")
        page.disc(128 + side * 42, 138, 3.2, "#f2c14e")
    page.line([(130, 114), (133, 130), (127, 134), (123, 132.5)], 2.2, "#cf8c69")
    lips = mirrored([(128, 148), (121, 146), (111, 147), (116, 154), (128, 158.5)], 128)
    page.shape(lips, ("#b8434b", "#d4626a"), round=True)
    page.line([(111, 147), (119, 151), (128, 152), (137, 151), (145, 147)], 1.3, "#8c2f3a")
    fringe = [
        (66, 120),
        (70, 74),
        (92, 42),
        (128, 30),
        (164, 40),
        (187, 74),
        (190, 120),
        (180, 88),
        (158, 66),
        (132, 60),
    ]
    fringe += [(112, 76), (88, 88), (78, 100)]
    page.shape(fringe, ("#5a3433", "#38201f"), round=True)
    for bend in (0, 1, 2):
        strand = ellipse(150 + 4 * bend, 112 + 6 * bend, 66, 66 - bend, 215, 268)
        page.line(strand, 1.4, "#7b4b42")
    page.shape([(100, 205), (128, 236), (156, 205), (164, 210), (128, 252), (92, 210)], "#f4efe4")
    return page.done()


def apple() -> Image.Image:
    page = Page(("#dfe9e6", "#f4efe2"))
    page.shape([(0, 186), (256, 186), (256, 256), (0, 256)], ("#c99a6b", "#a4744b"))
    for y in (196, 212, 232):
        page.line([(0, y), (256, y + 3)], 1, "#b4855a")
    page.disc(136, 222, 74, "#5b3a26", ry=11, blur=6)
    half = [(128, 84), (106, 72), (76, 78), (56, 106), (56, 148), (72, 192), (98, 222), (128, 216)]
    outline = mirrored(half, 128)
    page.shape(outline, ("#d8343a", "#8e1420"), round=True)
    for k in range(9):
        s = 0.86 - 0.08 * k
        lighter = [
            (128 - 7 * (1 - s) + (x - 128) * s, 146 - 20 * (1 - s) + (y - 146) * s) for x, y in outline
        ]
        page.shape(lighter, f"#{0xB8 + 8 * k:02x}{0x1E + 7 * k:02x}{0x2A + 3 * k:02x}", round=True, blur=4)
    rng = np.random.default_rng(2)
    for angle, r in rng.random((60, 2)):
        x, y = 124 + 58 * r**0.5 * math.cos(6.28 * angle), 148 + 56 * r**0.5 * math.sin(6.28 * angle)
        page.disc(x, y, 0.8, "#f6b48c")
    page.disc(128, 88, 24, "#7a0f1c", ry=8, blur=4)
    page.line([(128, 92), (130, 74), (138, 54)], 6, "#5c3a22")
    page.line([(129, 88), (131, 74), (138, 56)], 2, "#8a5c38")
    page.shape(
        [(134, 72), (150, 50), (182, 38), (204, 44), (192, 66), (164, 78)], ("#7cbf4a", "#3f8a35"), True
    )
    page.line([(138, 71), (164, 60), (194, 48)], 1.6, "#b5e08a")
    page.shape(
        [(80, 112), (90, 100), (100, 99), (94, 110), (86, 128), (79, 134)], "#ffe3dc", round=True, blur=2
    )
    return page.done()


def checkerboard_and_gradients() -> Image.Image:
    """Every frequency in one picture: a chirp, checkerboards from coarse to fine, smooth gradients."""
    y, x = np.indices((SIDE, SIDE), dtype=float)
    half = SIDE // 2
    page = np.empty((SIDE, SIDE, 3))
    rings = 0.5 + 0.5 * np.cos(np.pi * ((x - 64) ** 2 + (y - 64) ** 2) / 128)
    page[:half, :half] = rings[:half, :half, None]
    cell = np.select([x < half + 64, x < half + 96, x < half + 112, x < half + 120], [16, 8, 4, 2], 1)
    page[:half, half:] = ((x // cell + y // cell) % 2)[:half, half:, None]
    hue = np.stack([0.5 + 0.5 * np.cos(2 * np.pi * (x / half + k / 3)) for k in range(3)], axis=-1)
    page[half:, :half] = (0.15 + 0.85 * hue * ((SIDE - y) / half)[..., None])[half:, :half]
    page[half:, half:] = ((x - half) / (half - 1))[half:, half:, None]
    bars = (y >= half + 64) & (x >= half)
    page[bars] = (
        0.5 + 0.5 * np.sin(2 * np.pi * np.cumsum(0.008 + 0.42 * ((x - half).clip(0) / half) ** 2, axis=1))
    )[bars, None]
    return Image.fromarray((page.clip(0, 1) * 255).round().astype(np.uint8))


def kept(draw: Callable[[], Image.Image]) -> Callable[[], Image.Image]:
    """Draw once; hand out copies, so that nobody can spoil it for the next."""
    drawn = lru_cache(maxsize=1)(draw)
    return lambda: drawn().copy()


EXAMPLES: dict[str, Callable[[], Image.Image]] = {
    "Rocket": kept(rocket),
    "Campfire": kept(campfire),
    "Mountain village": kept(mountain_village),
    "Portrait": kept(portrait),
    "Apple": kept(apple),
    "Checkerboard and gradients": kept(checkerboard_and_gradients),
}
