"""Pictures and tensors, strips and grids, animations, and the recipe inside a PNG.

A picture is a PIL image; a tensor is float32 [C,H,W] in [low, high] ([-1, 1] unless said). Whatever a
person uploads passes through `opened` and `as_rgb`, which turn it upright, flatten it on white and refuse
what is no picture or too large to be one.
"""

import base64
import io
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError
from torch import Tensor

from diffusion_core.fields import RecipeError
from diffusion_core.recipes import LONGEST_JSON, Recipe

LARGEST_PIXELS = 40_000_000
SMALLEST_SIDE = 8
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
RECIPE_KEY = "darkroom"
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


def as_digit(picture: Image.Image) -> Image.Image:
    """Any drawing of a digit -> 28 x 28 grey, light ink on black, laid out as MNIST is.

    The ink is what differs from the border; it is scaled to fit 20 x 20 and placed so that its centre of
    mass lies in the middle (LeCun et al. 1998). A picture of 28 x 28 on black is taken as it is.
    RecipeError if nothing is drawn.
    """
    grey = np.asarray(as_rgb(picture).convert("L"), dtype=np.float32)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    if ink.max() < 32:
        raise RecipeError("There is no digit in this picture yet. Draw one, or choose an example.")
    if grey.shape == (28, 28) and np.median(border) < 16:
        return Image.fromarray(grey.round().astype(np.uint8))
    rows, columns = np.nonzero(ink > ink.max() / 4)
    cut = Image.fromarray(ink[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1])
    scale = 20 / max(cut.size)
    cut = cut.resize([max(1, round(side * scale)) for side in cut.size], Image.Resampling.BOX)
    weights = np.asarray(cut)
    weights = weights * (255 / weights.max())  # thin lines of a large drawing faded as it shrank
    y, x = (np.indices(weights.shape) * weights).sum((1, 2)) / weights.sum()
    left = int(np.clip(round(13.5 - x), 0, 28 - cut.width))
    top = int(np.clip(round(13.5 - y), 0, 28 - cut.height))
    page = np.zeros((28, 28), dtype=np.uint8)
    page[top : top + cut.height, left : left + cut.width] = weights.round()
    return Image.fromarray(page)


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


def grid(
    x: Tensor, columns: int, low: float = -1.0, high: float = 1.0, zoom: int = 1, gap: int = 2
) -> Image.Image:
    """[B,C,H,W] -> one picture, `columns` to a row, `gap` grey pixels (before zoom) between."""
    batch, channels, height, width = x.shape
    columns = max(1, min(columns, batch))
    rows = math.ceil(batch / columns)
    sheet = torch.full(
        (channels, rows * (height + gap) - gap, columns * (width + gap) - gap), (low + high) / 2
    )
    for b in range(batch):
        r, c = divmod(b, columns)
        top, left = r * (height + gap), c * (width + gap)
        sheet[:, top : top + height, left : left + width] = x[b].detach().float().cpu()
    return to_picture(sheet, low, high, zoom)


def strip(pictures: Sequence[Image.Image], gap: int = 6, background: str = "#808080") -> Image.Image:
    """Pictures of one height side by side, left to right."""
    width = sum(p.width for p in pictures) + gap * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, max(p.height for p in pictures)), background)
    left = 0
    for picture in pictures:
        sheet.paste(picture.convert("RGB"), (left, 0))
        left += picture.width + gap
    return sheet


def animated(
    frames: Sequence[Image.Image], kind: str = "GIF", seconds: float = 3.0, hold: float = 1.2
) -> bytes:
    """Frames as an endless GIF or WebP that runs for `seconds` and holds the last for `hold` more."""
    if kind == "GIF":  # 256 colours a frame; an octree finds them a hundred times faster than a median cut
        frames = [f if f.mode == "L" else f.quantize(256, Image.Quantize.FASTOCTREE) for f in frames]
    each = max(20, int(1000 * seconds / len(frames)))
    durations = [each] * (len(frames) - 1) + [each + int(1000 * hold)]
    buffer = io.BytesIO()
    options = {"lossless": True, "method": 0} if kind == "WEBP" else {"optimize": False}
    frames[0].save(
        buffer, kind, save_all=True, append_images=frames[1:], duration=durations, loop=0, **options
    )
    return buffer.getvalue()


def to_png(picture: Image.Image, **options) -> bytes:
    """The bytes of a PNG file; options of Pillow's."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", **options)
    return buffer.getvalue()


def with_recipe(picture: Image.Image, recipe: Recipe) -> bytes:
    """PNG bytes that carry the recipe in a text chunk."""
    about = PngImagePlugin.PngInfo()
    about.add_itxt(RECIPE_KEY, recipe.to_json(), zip=True)
    return to_png(picture, pnginfo=about)


def recipe_in(picture: Image.Image) -> Recipe:
    """The recipe that a PNG carries. RecipeError if there is none, or none of ours."""
    text = picture.info.get(RECIPE_KEY)
    if not isinstance(text, str):
        raise RecipeError(
            "This picture carries no Darkroom recipe. Drop a PNG that was downloaded here; "
            "screenshots and re-saved copies lose it."
        )
    return Recipe.from_json(text)


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
