"""What a picture is kept as: animations, and a PNG that carries its recipe."""

import base64
import io
from collections.abc import Sequence

from PIL import Image, PngImagePlugin

from diffusion_core.images.convert import to_png, to_uri
from diffusion_core.recipes import Recipe, RecipeError


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


def source(picture: Image.Image, lossy: bool = False) -> str:
    """The picture as a data URI: PNG, or JPEG where every millisecond counts."""
    if not lossy:
        return to_uri(picture)
    buffer = io.BytesIO()
    picture.convert("RGB").save(buffer, "JPEG", quality=80, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


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


RECIPE_KEY = "darkroom"
