"""Pictures with an alpha channel by many artists, and photographs, with what their manifests say of them.

An archive is a zip of pictures and `manifest.jsonl`, a line per picture.
"""

import io
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from emoji_model.data.folders import HOW, DataError, Folders

ARTISTS = ("emoji-open-128.zip", "clipart-pd-128.zip")
PHOTOS = "photos96.zip"
NOTO = "noto-emoji-256.zip"
MANIFEST = "manifest.jsonl"
PLAIN_COLOUR = 0.45  # a picture whose largest colour covers this share may be called by it


@dataclass(frozen=True)
class Picture:
    """set      who drew it ("noto", "fluent-3d", ..., "photo")
    name     the CLDR concept for emoji, the artist's own name for clip art, the label for photographs
    keywords CLDR's;  category, subcategory  as in the emoji standard ("" elsewhere)
    colour   the word for its largest colour, "" if there is no such one
    code     its codepoints in hexadecimal with "-" between, "" where it has none
    archive, file  where it is
    """

    set: str
    name: str
    keywords: tuple[str, ...]
    category: str
    subcategory: str
    colour: str
    code: str
    archive: Path
    file: str


class Pictures(list[Picture]):
    """All pictures of the artists and of the photographs in these folders, in the order of the manifests."""

    def __init__(self, folders: Folders):
        archives = [folders["artists"] / name for name in ARTISTS]
        read = [_artist(archive, line) for archive in archives for line in manifest(archive)]
        photos = folders["photos"] / PHOTOS
        read += [_photo(photos, line) for line in manifest(photos)]
        super().__init__(read)

    def atlas(self, rows: list[int], size: int) -> Tensor:
        """[N,4,size,size] uint8, RGB premultiplied by alpha: what may be averaged and pasted."""
        return atlas([self[row] for row in rows], size)


def atlas(pictures: list[Picture], size: int) -> Tensor:
    """[N,4,size,size] uint8, premultiplied. DataError if a picture cannot be read."""
    out = torch.zeros(len(pictures), 4, size, size, dtype=torch.uint8)
    opened: dict[Path, zipfile.ZipFile] = {}
    for k, picture in enumerate(pictures):
        archive = opened.get(picture.archive) or opened.setdefault(picture.archive, _zip(picture.archive))
        out[k] = _read(archive, picture.file, size)
    return out


def enlarged_noto(folders: Folders, pictures: list[Picture]) -> Tensor:
    """The same emoji in Noto's hand at 256 pixels: [N,4,256,256] uint8, premultiplied."""
    path = folders["noto-emoji"] / NOTO
    archive = _zip(path)
    named = {name.removeprefix("emoji_u").rsplit(".", 1)[0]: name for name in archive.namelist()}
    found = [named.get(_noto_code(picture.code)) for picture in pictures]
    missing = [picture.name for picture, file in zip(pictures, found) if file is None]
    if missing:
        raise DataError(f"{path} lacks {', '.join(missing[:5])}: it is another collection. {HOW}")
    return torch.stack([_read(archive, file, 256) for file in found if file])


def _noto_code(code: str) -> str:
    return "_".join(part.rjust(4, "0") for part in code.split("-") if part != "fe0f")


def _artist(archive: Path, line: dict) -> Picture:
    largest = (line.get("colors") or [["", 0.0]])[0]
    return Picture(
        set=line["set"],
        name=line["concept"] if line.get("codepoint") else line["name"],
        keywords=tuple(word.lower() for word in line.get("keywords") or ()),
        category=line.get("category") or "",
        subcategory=line.get("subcategory") or "",
        colour=largest[0] if largest[1] >= PLAIN_COLOUR else "",
        code=line.get("codepoint") or "",
        archive=archive,
        file=line["file"],
    )


def _photo(archive: Path, line: dict) -> Picture:
    return Picture("photo", line["label"], (), "", "", "", "", archive, line["file"])


def _zip(path: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except FileNotFoundError:
        raise DataError(f"{path.name} is missing in {path.parent}. {HOW}") from None
    except (OSError, zipfile.BadZipFile):
        raise DataError(f"{path} is damaged: fetch it anew. {HOW}") from None


def manifest(path: Path) -> list[dict]:
    """The lines of an archive's manifest.jsonl. DataError if the archive is missing, damaged or has none."""
    try:
        with _zip(path) as archive:
            return [json.loads(line) for line in archive.read(MANIFEST).decode().splitlines()]
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(f"The manifest in {path} is missing or damaged ({error}). {HOW}") from None


def _read(archive: zipfile.ZipFile, file: str, size: int) -> Tensor:
    """[4,size,size] uint8."""
    try:
        with Image.open(io.BytesIO(archive.read(file))) as opened:
            picture = opened.convert("RGBA").convert("RGBa")  # premultiplied
    except (OSError, KeyError, UnidentifiedImageError, zipfile.BadZipFile) as error:
        raise DataError(f"{file} in {archive.filename} is damaged ({error}). {HOW}") from None
    if picture.size != (size, size):
        picture = picture.resize((size, size), Image.Resampling.BOX)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)
