"""A finished run as pictures to keep: the sheet of its pictures, a film strip of its steps, a movie.

The page and the command line share these, so that both give the same picture for the same recipe.
"""

import torch
from PIL import Image

from diffusion_core.filters import as_large
from diffusion_core.images import convert, grid
from diffusion_core.images.grid import kept_sheet, zoom_for
from diffusion_core.serving.result import Result

STRIP_PICTURES = 8


def sheet(result: Result) -> Image.Image:
    """All pictures of a result, large enough to be looked at: small ones have every pixel repeated."""
    return result.grid(zoom_for(result.columns, result.pictures.shape[-1]))


def film_strip(result: Result, most: int = STRIP_PICTURES) -> Image.Image:
    """Some steps side by side: x_t in the upper row, x0^ in the lower, of the first picture; those of a
    cascade's first stage as large as the others.

    A run of one step has nothing to line up: then it is the result's first pictures in a row.
    """
    film = [k for k in result.film if k.x0 is not None]
    count = min(most, len(film))
    if count < 2:
        few = result.pictures[:most]
        return grid.grid(few, len(few), result.low, result.high, zoom_for(len(few), few.shape[-1], 960))
    chosen = [film[round(i * (len(film) - 1) / max(1, count - 1))] for i in range(count)]
    zoom = zoom_for(len(chosen), result.pictures.shape[-1], 960)
    side = max(kept.x.shape[-1] for kept in chosen)
    rows = [as_large(each[:1], side) for each in [k.x for k in chosen] + [k.x0 for k in chosen]]
    return grid.grid(torch.cat(rows).float(), len(chosen), 0, 255, zoom)


def movie(result: Result) -> list[Image.Image]:
    """The frames of a GIF: x_t step by step. After a single step: the result's pictures, one by one."""
    if len(result.film) > 1:
        side = max(kept.x.shape[-1] for kept in result.film)
        return [kept_sheet(as_large(kept.x, side), result.columns) for kept in result.film]
    zoom = zoom_for(1, result.pictures.shape[-1])
    return [convert.to_picture(x, result.low, result.high, zoom) for x in result.pictures]
