"""Data for the emoji model in the published formats, made up and tiny, so that tests need no downloads.

    folder = build(tmp_path)                       # artists/, doodles/, photos/ and noto-emoji/ in it
    things = Things.read(Folders.of(folder))

Every thing is a polygon or a star, long or round, with its own number of corners and its own colour; every
set of artists has its own way to draw it, and doodles are shaky outlines of it. See `build` for the choices.
"""

import io
import json
import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw

from emoji_model.data import doodles, pictures
from emoji_model.vocabulary import STYLE_SETS

THINGS = (
    "dog",
    "cat",
    "star",
    "house",
    "fish",
    "top hat",
    "man",
    "fire",
    "mountain",
    "deciduous tree",
    "pineapple",
    "snail",
)
"""Among them a hat and a head, somebody to stand around a fire, a house for below a mountain; the last two
are of the 20 that are held out wholly."""

DOODLED = ("dog", "cat", "star", "house", "fish", "tree", "pineapple", "The Eiffel Tower")
"""Names of Quick, Draw!; one of them is another thing's name there, and one no artist drew."""

PHOTOGRAPHED = ("daisy", "apple")
CLIP_ART = ("dog", "az lizard")
SETS = tuple(artist for style, artists in STYLE_SETS.items() for artist in artists)[:-2]
COLOURS = ("#d33", "#36c", "#2a2", "#fa0", "#808", "#0aa", "#643", "#fc6", "#5a1", "#d6a", "#fd0", "#08f")
EDGES = {"blob": "#654", "streamline": "#000", "twemoji": None, "fluent-flat": None, "fxemoji": None}
GROUPS = {"fire": ("Travel & Places", "sky & weather"), "man": ("People & Body", "person")}


def build(
    folder: Path,
    *,
    things: Sequence[str] = THINGS,
    doodled: Sequence[str] = DOODLED,
    each: int = 20,
    size: int = 64,
    large: int = 256,
) -> Path:
    """Writes all archives; gives the folder back.

    things   names of the emoji standard, each drawn by all of SETS
    doodled  names of Quick, Draw!;  each  how many drawings there are of each
    size     of the artists' pictures and photographs, in pixels;  large  of Noto's
    """
    for kind in ("artists", "doodles", "photos", "noto-emoji"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    _artists(folder / "artists", things, size)
    _photos(folder / "photos", size)
    _noto(folder / "noto-emoji", things, large)
    _doodles(folder / "doodles", doodled, each)
    return folder


def corners(name: str, shake: float = 0.0, rng: Random | None = None) -> list[tuple[float, float]]:
    """The outline of a thing in [0,1] x [0,1], its corners moved by up to `shake`."""
    rng, kind = rng or Random(0), Random(f"made up {name}")
    count, inner, turn = kind.randint(3, 9), kind.choice((0.4, 0.7, 1.0)), kind.random() * 6
    wide, high = kind.choice(((1, 0.4), (0.4, 1), (1, 1)))
    points = count * (2 if inner < 1 else 1)
    out = []
    for k in range(points):
        radius = 0.42 * (inner if inner < 1 and k % 2 else 1)
        angle = turn + 2 * math.pi * k / points
        moved = [shake * rng.uniform(-1, 1) for _ in range(2)]
        x, y = wide * radius * math.cos(angle), high * radius * math.sin(angle)
        out.append((0.5 + x + moved[0], 0.5 + y + moved[1]))
    return out


def drawn(name: str, artist: str, size: int, colour: str = "") -> Image.Image:
    """RGBA on nothing, as this artist draws."""
    colour = colour or COLOURS[Random(f"colour of {name}").randrange(len(COLOURS))]
    fine = 8 if artist in ("serenity", "crawl") else size
    picture = Image.new("RGBA", (fine * 2, fine * 2))
    pen = ImageDraw.Draw(picture)
    shift = Random(artist).uniform(-0.03, 0.03)
    outline = [(2 * fine * (x + shift), 2 * fine * (y - shift)) for x, y in corners(name)]
    if artist in ("fluent-hc", "emojitwo-bw"):
        pen.polygon(outline, outline="#111", width=max(1, fine // 8))
    else:
        edge = EDGES.get(artist, "#333")
        pen.polygon(outline, fill=colour, outline=edge, width=max(1, fine // 10) if edge else 0)
    if artist in ("fluent-3d", "fluent-color"):  # light from above
        pixels = np.asarray(picture).astype(np.float32)
        pixels[..., :3] *= np.linspace(1.0, 0.4, fine * 2)[:, None, None]
        picture = Image.fromarray(pixels.astype(np.uint8))
    picture = picture.reduce(2)
    return picture if fine == size else picture.resize((size, size), Image.Resampling.NEAREST)


def _artists(folder: Path, things: Sequence[str], size: int) -> None:
    lines, files = [], {}
    for k, name in enumerate(things):
        category, subcategory = GROUPS.get(name, ("Objects", "tool"))
        for artist in SETS:
            file = f"{artist}/{_code(k)}.webp"
            files[file] = drawn(name, artist, size)
            line = {"file": file, "set": artist, "codepoint": _code(k), "name": name, "concept": name}
            line |= {"keywords": [name, f"figure {'abcdefghijklmnop'[k]}"], "colors": [["red", 0.5]]}
            lines.append(line | {"category": category, "subcategory": subcategory})
    _archive(folder / pictures.ARTISTS[0], lines, files)
    lines, files = [], {}
    for name in CLIP_ART:
        file = f"openclipart/{name.replace(' ', '-')}.webp"
        files[file] = drawn(name, "openclipart", size)
        line = {"file": file, "set": "openclipart", "codepoint": None, "name": name, "concept": None}
        line |= {"keywords": ["animal"], "category": "animals", "subcategory": None, "colors": []}
        lines.append(line)
    _archive(folder / pictures.ARTISTS[1], lines, files)


def _photos(folder: Path, size: int) -> None:
    lines, files, rng = [], {}, np.random.default_rng(0)
    for k in range(6 * len(PHOTOGRAPHED)):
        label = PHOTOGRAPHED[k % len(PHOTOGRAPHED)]
        ground = Image.fromarray(rng.integers(60, 200, (size, size, 3), np.uint8)).convert("RGBA")
        ground.alpha_composite(drawn(label, "photo", size))
        files[f"{k:05}.webp"] = ground.convert("RGB")
        credited = {"licence": "CC BY 2.0", "credit": "somebody", "original": f"{label}/{k}.jpg"}
        lines.append({"file": f"{k:05}.webp", "label": label} | credited)
    _archive(folder / pictures.PHOTOS, lines, files)


def _noto(folder: Path, things: Sequence[str], size: int) -> None:
    with zipfile.ZipFile(folder / pictures.NOTO, "w") as archive:
        for k, name in enumerate(things):
            archive.writestr(f"emoji_u{_code(k)}.png", _encoded(drawn(name, "noto", size), "PNG"))
    words = {chr(int(_code(k), 16)): {"name": name, "keywords": [name]} for k, name in enumerate(things)}
    (folder / "cldr-annotations-en.json").write_text(json.dumps(words))


def _doodles(folder: Path, doodled: Sequence[str], each: int) -> None:
    points, lengths, strokes, labels = [], [], [], []
    for label, name in enumerate(doodled):
        for k in range(each):
            rng = Random(f"{name} {k}")
            outline = np.array(corners(name, 0.08, rng))
            outline = np.concatenate([outline, outline[:1]])
            outline = 255 * (outline - outline.min(0)) / np.ptp(outline, axis=0).max()
            dot = np.array([[120, 120], [120 + rng.randint(0, 20), 130]])
            drawing = [outline.round().astype(np.uint8), dot.astype(np.uint8)]
            points += drawing
            lengths += [len(stroke) for stroke in drawing]
            strokes.append(len(drawing))
            labels.append(label)
    np.savez_compressed(
        folder / doodles.STROKES,
        xy=np.concatenate(points),
        stroke_len=np.array(lengths, np.uint16),
        n_strokes=np.array(strokes, np.uint8),
        label=np.array(labels, np.uint16),
        key_id=np.arange(1000, 1000 + len(labels), dtype=np.uint64),
    )
    (folder / doodles.NAMES).write_text(json.dumps({"names": list(doodled)}))


def _code(k: int) -> str:
    return f"1f6{k:02x}"


def _archive(path: Path, lines: list[dict], files: dict[str, Image.Image]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(pictures.MANIFEST, "\n".join(map(json.dumps, lines)))
        for file, picture in files.items():
            archive.writestr(file, _encoded(picture, "WEBP"))


def _encoded(picture: Image.Image, kind: str) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **({"lossless": True} if kind == "WEBP" else {}))
    return out.getvalue()
