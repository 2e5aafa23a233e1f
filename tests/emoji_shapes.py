"""An album of drawn shapes in the format of the emoji, so that training can be tested without them."""

import json
from pathlib import Path

from PIL import Image, ImageDraw

SHAPES = ("dog", "cat", "red heart", "star", "house", "fish", "top hat", "man", "tree", "sun")
"""Names of which some are in the core, one is a hat and one a head; what is drawn are plain figures."""

COLOURS = ("#d33", "#36c", "#2a2", "#fa0", "#808", "#0aa", "#222", "#fc6", "#5a1", "#fd0")


def build(folder: Path, size: int = 256) -> Path:
    """Ten coloured polygons and discs on nothing, and their annotations."""
    annotations = {}
    for k, (name, colour) in enumerate(zip(SHAPES, COLOURS)):
        picture = Image.new("RGBA", (size, size))
        pen, edge = ImageDraw.Draw(picture), size // 8
        box = (edge, edge, size - edge, size - edge)
        if k % 2:
            pen.regular_polygon((size / 2, size / 2, size * 0.4), 3 + k // 2, fill=colour)
        else:
            pen.ellipse(box, fill=colour)
            pen.ellipse((size // 4, size // 4, size // 4 + 8 * k, size // 2), fill="white")
        picture.save(folder / f"emoji_u1f6{k:02x}.png")
        annotations[chr(0x1F600 + k)] = {
            "name": name,
            "keywords": ["shape", name, f"figure {'abcdefghij'[k]}"],
        }
    (folder / "cldr-annotations-en.json").write_text(json.dumps(annotations))
    return folder
