"""Pictures and tensors, strips and grids, animations, and the recipe inside a PNG.

A picture is a PIL image; a tensor is float32 [C,H,W] in [low, high] ([-1, 1] unless said). Whatever a
person uploads passes through `opened` and `as_rgb`, which turn it upright, flatten it on white and refuse
what is no picture or too large to be one.
"""

import base64
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError
from torch import Tensor

from diffusion_core.recipes import RecipeError
from diffusion_core.recipes.recipe import LONGEST_JSON

LARGEST_PIXELS = 40_000_000
SMALLEST_SIDE = 8
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
Image.MAX_IMAGE_PIXELS = LARGEST_PIXELS
PngImagePlugin.MAX_TEXT_CHUNK = 4 * LONGEST_JSON  # bytes; a recipe may hold a picture


def opened(source: str | Path | bytes | Image.Image) -> Image.Image:
    """An upright picture from a file, its bytes, or a PIL image.

    RecipeError if it is no picture, damaged, larger than 40 megapixels, or under 8 pixels a side.
    """
    try:
        if isinstance(source, Image.Image):
            picture = source
        else:
            file = io.BytesIO(source) if isinstance(source, bytes) else source
            picture = Image.open(file, formats=FORMATS)
        width, height = picture.size
        if width * height > LARGEST_PIXELS:
            raise Image.DecompressionBombError
        if min(width, height) < SMALLEST_SIDE:
            raise RecipeError(
                f"This picture is only {width} x {height} pixels; {SMALLEST_SIDE} a side is the least."
            )
        picture.load()
        picture = ImageOps.exif_transpose(picture)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise RecipeError(
            f"This picture is too large: {LARGEST_PIXELS // 1_000_000} megapixels are the most. "
            "Make it smaller and try again."
        ) from None
    except UnidentifiedImageError:
        raise RecipeError("This file is not a picture I can read. PNG, JPEG, WebP and GIF work.") from None
    except (OSError, SyntaxError, ValueError) as error:
        if isinstance(error, RecipeError):
            raise
        raise RecipeError("This picture is damaged or cut short. Save it again and retry.") from None
    return picture


def as_rgb(picture: Image.Image) -> Image.Image:
    """RGB of any mode: transparent parts on white, 16-bit and CMYK converted, an animation's first frame."""
    if picture.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        values = np.asarray(picture, dtype=np.float64)
        wide = picture.mode.startswith("I;16") or values.max(initial=0) > 255
        scale = 255 / 65535 if wide else 1.0
        picture = Image.fromarray((values * scale).clip(0, 255).astype(np.uint8))
    if picture.mode in ("RGBA", "LA", "PA", "P") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def squared(picture: Image.Image, size: int) -> Image.Image:
    """The middle square of an RGB or grey picture, size x size pixels."""
    return ImageOps.fit(picture, (size, size), Image.Resampling.LANCZOS)


def to_tensor(picture: Image.Image, low: float = -1.0, high: float = 1.0) -> Tensor:
    """RGB -> [3,H,W], grey -> [1,H,W], float32 in [low, high]."""
    array = np.asarray(picture, dtype=np.float32) / 255
    array = array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(array)) * (high - low) + low


def noisy_range(low: float, high: float, sigma: float) -> tuple[float, float]:
    """The range in which x_t at this sigma is shown. Pictures in [0, 1] are half as wide as unit noise in
    [-1, 1] is, so black and white move apart with the noise; a range of 2 stays as it is."""
    room = sigma * max(0.0, 2 - (high - low)) / 2
    return low - room, high + room


def to_picture(x: Tensor, low: float = -1.0, high: float = 1.0, zoom: int = 1) -> Image.Image:
    """[C,H,W] in [low, high] (clamped) -> PIL image; every pixel becomes zoom x zoom, crisp."""
    scaled = ((x.detach().float() - low) / (high - low)).clamp(0, 1)
    array = (scaled * 255).round().to(torch.uint8).cpu().numpy()
    if zoom > 1:
        array = array.repeat(zoom, axis=1).repeat(zoom, axis=2)
    return Image.fromarray(array[0] if len(array) == 1 else array.transpose(1, 2, 0))


def to_png(picture: Image.Image, **options) -> bytes:
    """The bytes of a PNG file; options of Pillow's."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    return buffer.getvalue()


def to_uri(picture: Image.Image) -> str:
    """The picture as a PNG in a data URI: how a recipe keeps it."""
    return "data:image/png;base64," + base64.b64encode(to_png(picture, optimize=True)).decode()


def from_uri(uri: str) -> Image.Image:
    """What to_uri made. RecipeError if it holds no picture."""
    try:
        data = base64.b64decode(uri.split(",", 1)[1], validate=True)
    except (IndexError, ValueError):
        raise RecipeError("The picture in this recipe is damaged.") from None
    return opened(data)
