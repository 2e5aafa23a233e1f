"""The emoji: Google's Noto Color Emoji with their CLDR names and keywords.

Looked for in the folder given, else in $EMOJI_DIR. It holds `noto-emoji-256.zip` (or the same pictures
unpacked), `emoji_u<codepoints>.webp` or `.png`, RGBA, and `cldr-annotations-en.json`,
`{"<emoji>": {"name": ..., "keywords": [...]}}`. To make it from what is published:

    git clone --depth 1 https://github.com/googlefonts/noto-emoji
    git clone --depth 1 https://github.com/unicode-org/cldr-json
    python -m emoji_model.data noto-emoji cldr-json emoji-data

Pictures: Apache License 2.0 (Google). Names and keywords: Unicode License v3.
"""

import argparse
import io
import json
import os
import re
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

ARCHIVE = "noto-emoji-256.zip"
ANNOTATIONS = "cldr-annotations-en.json"
PICTURE = re.compile(r"emoji_u([0-9a-f_]+)\.(?:webp|png)$")
SKIN_TONES = {f"{code:x}" for code in range(0x1F3FB, 0x1F400)}

HELD_OUT = [
    "abacus",
    "accordion",
    "anchor",
    "avocado",
    "badger",
    "bison",
    "canoe",
    "cupcake",
    "dodo",
    "flamingo",
    "helicopter",
    "kangaroo",
    "lobster",
    "parrot",
    "peacock",
    "pineapple",
    "snail",
    "teapot",
    "tractor",
    "trumpet",
]
"""Twenty that are never trained on: the second stage is measured on them."""


class DataError(RuntimeError):
    """The emoji are missing or damaged; the message says what to do."""


@dataclass(frozen=True)
class Emoji:
    """code  its codepoints, as in the file's name; name and keywords as in CLDR, in lower case."""

    code: str
    name: str
    keywords: tuple[str, ...]

    @property
    def held_out(self) -> bool:
        return self.name in HELD_OUT


class Album:
    """The emoji that have a name, in the order of their codepoints, and their pictures."""

    def __init__(self, folder: str | Path | None = None):
        self.folder = _folder(folder)
        named = _annotations(self.folder)
        self._files = _pictures(self.folder)
        known = {code: named.get(_text(code)) for code in sorted(self._files)}
        self.emoji = [
            Emoji(code, entry["name"].lower(), tuple(word.lower() for word in entry["keywords"]))
            for code, entry in known.items()
            if entry
        ]
        if not self.emoji:
            raise DataError(f"None of the pictures in {self.folder} has a name in {ANNOTATIONS}.")

    def __len__(self) -> int:
        return len(self.emoji)

    def atlas(self, size: int, only: list[int] | None = None) -> Tensor:
        """[N,4,size,size] uint8, RGB premultiplied by alpha: what may be averaged and pasted.

        only: the indices wanted, all by default. DataError if a picture cannot be read.
        """
        rows = range(len(self.emoji)) if only is None else only
        return torch.stack([self._picture(self.emoji[row].code, size) for row in rows])

    def _picture(self, code: str, size: int) -> Tensor:
        try:
            with Image.open(io.BytesIO(self._files[code]())) as opened:
                picture = opened.convert("RGBa")  # premultiplied
        except (OSError, UnidentifiedImageError, zipfile.BadZipFile) as error:
            raise DataError(f"The picture emoji_u{code} in {self.folder} is damaged ({error}).") from None
        if picture.size != (size, size):
            picture = picture.resize((size, size), Image.Resampling.BOX)
        return torch.from_numpy(np.array(picture)).permute(2, 0, 1)


def _folder(folder: str | Path | None) -> Path:
    named = folder or os.environ.get("EMOJI_DIR")
    if not named:
        raise DataError(
            "Where are the emoji? Give their folder with --data or in EMOJI_DIR; "
            "`python -m emoji_model.data --help` says how to make it."
        )
    path = Path(named)
    if not path.is_dir():
        raise DataError(
            f"There is no folder {path}. `python -m emoji_model.data --help` says how to make it."
        )
    return path


def _annotations(folder: Path) -> dict[str, dict]:
    try:
        read = json.loads((folder / ANNOTATIONS).read_text())
    except FileNotFoundError:
        raise DataError(f"{ANNOTATIONS} is missing in {folder}.") from None
    except ValueError as error:
        raise DataError(f"{ANNOTATIONS} in {folder} is damaged ({error}).") from None
    return {emoji.replace("\ufe0f", ""): entry for emoji, entry in read.items()}


def _pictures(folder: Path) -> dict:
    """code -> a function that reads the file's bytes."""
    if (folder / ARCHIVE).exists():
        try:
            archive = zipfile.ZipFile(folder / ARCHIVE)
        except zipfile.BadZipFile:
            raise DataError(f"{folder / ARCHIVE} is damaged: fetch it anew.") from None
        readers = {name: lambda name=name: archive.read(name) for name in archive.namelist()}
    else:
        readers = {path.name: path.read_bytes for path in folder.iterdir()}
    found = {PICTURE.search(name): read for name, read in readers.items()}
    pictures = {match[1]: read for match, read in found.items() if match}
    if not pictures:
        raise DataError(f"There is neither {ARCHIVE} nor any emoji_u*.webp or .png in {folder}.")
    return pictures


def _text(code: str) -> str:
    """The emoji itself, without the variation selector."""
    return "".join(chr(int(part, 16)) for part in code.split("_")).replace("\ufe0f", "")


def prepare(noto: Path, cldr: Path, out: Path) -> int:
    """From clones of googlefonts/noto-emoji and unicode-org/cldr-json to a folder for `Album`.

    Takes png/512 without the skin-tone variants, at 256 x 256. Returns the number of pictures.
    """
    sources = sorted((noto / "png" / "512").glob("emoji_u*.png"))
    if not sources:
        raise DataError(f"{noto} holds no png/512/emoji_u*.png: is it a clone of googlefonts/noto-emoji?")
    annotations: dict[str, dict] = {}
    for path in sorted(cldr.glob("cldr-json/cldr-annotations*-full/annotations*/en/annotations.json")):
        read = json.loads(path.read_text())
        entries = next(iter(read.values()))["annotations"]
        for emoji, entry in entries.items():
            if "tts" in entry:
                annotations[emoji] = {"name": entry["tts"][0], "keywords": entry.get("default", [])}
    if not annotations:
        raise DataError(f"{cldr} holds no English annotations: is it a clone of unicode-org/cldr-json?")
    out.mkdir(parents=True, exist_ok=True)
    (out / ANNOTATIONS).write_text(json.dumps(annotations, ensure_ascii=False, indent=0))
    taken = 0
    with zipfile.ZipFile(out / ARCHIVE, "w", zipfile.ZIP_STORED) as archive:
        for source in sources:
            code = source.stem.removeprefix("emoji_u")
            if SKIN_TONES & set(code.split("_")):
                continue
            small = Image.open(source).convert("RGBA").resize((256, 256), Image.Resampling.LANCZOS)
            buffer = io.BytesIO()
            small.save(buffer, "WEBP", lossless=True)
            archive.writestr(f"emoji_u{code}.webp", buffer.getvalue())
            taken += 1
    return taken


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("noto", type=Path, help="clone of googlefonts/noto-emoji")
    parser.add_argument("cldr", type=Path, help="clone of unicode-org/cldr-json")
    parser.add_argument("out", type=Path, help="folder to make, for --data or EMOJI_DIR")
    args = parser.parse_args(argv)
    try:
        print(f"{prepare(args.noto, args.cldr, args.out)} pictures in {args.out}")
    except DataError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
