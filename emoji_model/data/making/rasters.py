"""Drawings into pictures of 128 pixels on transparent ground, and what a manifest says of a picture.

An emoji's frame is drawn `side` pixels large around the middle; what would reach beyond the margin of one
pixel is moved inside, and made smaller where it must. All is drawn four times as large and averaged.
"""

import io
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from emoji_model.data.folders import DataError

SIZE = 128
MARGIN = 1
OVER = 4
HOW = "`pip install --no-deps -r requirements-train.txt` installs resvg-py, which draws SVG."

SEEN = 8  # alpha above which a pixel belongs to the drawing


def svg_picture(svg: str, side: int) -> Image.Image:
    """RGBA, its longer side `side` pixels. DataError without resvg-py, or if it cannot be drawn."""
    try:
        import resvg_py
    except ImportError:
        raise DataError(HOW) from None
    try:
        drawn = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side, skip_system_fonts=True))
        return squared(Image.open(io.BytesIO(drawn)).convert("RGBA"), side)
    except (ValueError, OSError, RuntimeError) as error:
        raise DataError(f"no drawing ({str(error)[:80]})") from None


def picture(packed: bytes) -> Image.Image:
    """RGBA, of a PNG or WebP."""
    try:
        return Image.open(io.BytesIO(packed)).convert("RGBA")
    except (OSError, UnidentifiedImageError) as error:
        raise DataError(f"no picture ({str(error)[:80]})") from None


def squared(drawn: Image.Image, side: int) -> Image.Image:
    """In the middle of a transparent square, as large as it can be."""
    scale = side / max(drawn.size)
    size = tuple(max(1, round(length * scale)) for length in drawn.size)
    if size != drawn.size:
        drawn = drawn.convert("RGBa").resize(size, Image.Resampling.BICUBIC).convert("RGBA")
    out = Image.new("RGBA", (side, side))
    out.paste(drawn, ((side - size[0]) // 2, (side - size[1]) // 2))
    return out


def framed(draw, side: int) -> Image.Image | None:
    """An emoji whose frame is `side` pixels: RGBA [128,128]. None if there is nothing to see.

    draw(pixels) -> the frame as RGBA, a square of so many pixels
    """
    drawn = draw(side * OVER)
    box = extent(drawn)
    if box is None:
        return None
    room, widest = (SIZE - 2 * MARGIN) * OVER, max(box[2] - box[0], box[3] - box[1])
    if widest > room:
        drawn = draw(int(side * room / widest) * OVER)
        box = extent(drawn)
    start = (SIZE * OVER - drawn.width) // 2
    low, high = MARGIN * OVER, (SIZE - MARGIN) * OVER
    x, y = (start + max(0, low - start - box[axis]) - max(0, start + box[axis + 2] - high) for axis in (0, 1))
    return reduced(drawn, x, y)


def fitted(drawn: Image.Image, side: int, *, sharp: bool = False) -> Image.Image | None:
    """What is seen, its longer side `side` pixels, in the middle: RGBA [128,128]. sharp: pixel art."""
    box = extent(drawn)
    if box is None:
        return None
    drawn = drawn.crop(box)
    scale = side * OVER / max(drawn.size)
    size = tuple(max(1, round(length * scale)) for length in drawn.size)
    if sharp:
        drawn = drawn.resize(size, Image.Resampling.NEAREST)
    else:
        drawn = drawn.convert("RGBa").resize(size, Image.Resampling.BICUBIC).convert("RGBA")
    return reduced(drawn, (SIZE * OVER - size[0]) // 2, (SIZE * OVER - size[1]) // 2)


def reduced(drawn: Image.Image, x: int, y: int) -> Image.Image:
    """Laid at x, y of a canvas four times as large, and averaged."""
    canvas = drawn.convert("RGBa").crop((-x, -y, SIZE * OVER - x, SIZE * OVER - y))
    return canvas.reduce(OVER).convert("RGBA")


def extent(drawn: Image.Image) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of what is seen; None if nothing is."""
    return drawn.getchannel("A").point(lambda alpha: 255 if alpha > SEEN else 0).getbbox()


COLOURS = {
    "black": (20, 20, 20),
    "white": (240, 240, 245),
    "grey": (130, 140, 145),
    "red": (244, 52, 55),
    "orange": (251, 147, 46),
    "yellow": (253, 203, 54),
    "beige": (240, 210, 160),
    "brown": (140, 88, 62),
    "green": (82, 178, 70),
    "light blue": (90, 195, 235),
    "blue": (28, 116, 210),
    "purple": (146, 93, 205),
    "pink": (252, 110, 160),
}
"""RGB of what people call so."""


def described(drawn: Image.Image) -> dict:
    """colors: [[word, share]], at most three; bbox; coverage: the share of pixels that are seen."""
    pixels = np.asarray(drawn)
    seen = pixels[..., 3] > SEEN
    solid = pixels[pixels[..., 3] > 127][::3, :3]
    colours = []
    if len(solid):
        words, lab = _palette()
        nearest = ((_lab(solid)[:, None] - lab) ** 2).sum(-1).argmin(1)
        shares = np.bincount(nearest, minlength=len(words)) / len(solid)
        colours = [[words[k], round(float(shares[k]), 2)] for k in shares.argsort()[::-1][:3]]
    return {
        "colors": [each for each in colours if each[1] >= 0.15],
        "bbox": list(extent(drawn) or (0, 0, 0, 0)),
        "coverage": round(float(seen.mean()), 3),
    }


@lru_cache(maxsize=1)
def _palette() -> tuple[list[str], NDArray[np.float32]]:
    return list(COLOURS), _lab(np.array(list(COLOURS.values()), np.uint8))


def _lab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """CIELAB under D65 (CIE 15): distances as the eye sees them. uint8 [N,3] -> [N,3]."""
    linear = rgb.astype(np.float32) / 255
    linear = np.where(linear <= 0.04045, linear / 12.92, ((linear + 0.055) / 1.055) ** 2.4)
    to_xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
    xyz = linear @ to_xyz.T.astype(np.float32) / np.array([0.9505, 1.0, 1.089], np.float32)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def webp(drawn: Image.Image) -> bytes:
    out = io.BytesIO()
    drawn.save(out, "WEBP", lossless=True, method=3)
    return out.getvalue()
