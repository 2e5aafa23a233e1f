"""`python -m emoji_model.data make`: archives from what is there, and a sentence for each set that is not."""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from PIL import Image

from emoji_model.data.folders import DataError
from emoji_model.data.making import clipart, doodles, emoji, photos, rasters
from emoji_model.data.making.packages import Packages
from emoji_model.data.pictures import MANIFEST
from emoji_model.data.sources import CLIPART, DOODLES, EMOJI, NOTO, PHOTOS, SETS, Published

Lines = Callable[[Published], Iterator[tuple[dict, Image.Image]]]


def make(folder: Path, packages: Packages, only: Iterable[str] = ()) -> list[str]:
    """Writes the archives into the folders of `folder`; gives a sentence for each set that is missing.

    only: names of sets; an archive then holds these alone. DataError for a name that is none, and where an
    archive is there already: it is never written over.
    """
    chosen = _chosen(only)
    for archive in dict.fromkeys(published.archive for published in chosen):
        if (folder / archive).exists():
            raise DataError(
                f"{folder / archive} is there already: remove it, or leave its sets out with --only."
            )
    missing: list[str] = []
    standard: emoji.Standard | None = None
    if any(published.archive in (EMOJI, NOTO) for published in chosen):
        try:
            standard = emoji.Standard(packages)
        except DataError as error:
            missing.append(f"names of emoji, without which there are none: {error}")
    readers: dict[str, Lines] = {
        CLIPART: lambda published: clipart.lines_of(published, packages),
        PHOTOS: lambda published: photos.lines_of(published, packages),
    }
    if standard:
        readers[EMOJI] = lambda published: emoji.lines_of(published, packages, standard)
    for archive, lines in readers.items():
        sets = [published for published in chosen if published.archive == archive]
        if sets:
            missing += _archive(folder / archive, sets, lines)
    for published in chosen:
        try:
            if published.archive == DOODLES:
                count = doodles.make(published, packages, (folder / DOODLES).parent)
                print(f"{published.name}: {count:,} drawings", flush=True)
            elif published.archive == NOTO and standard:
                _noto(folder / NOTO, published, packages, standard)
        except DataError as error:
            missing.append(f"{published.name}: {error}")
    return missing


def _chosen(only: Iterable[str]) -> list[Published]:
    known, only = {published.name for published in SETS}, list(only)
    wrong = [name for name in only if name not in known]
    if wrong:
        raise DataError(f"There is no set {wrong[0]!r}; there are {', '.join(sorted(known))}.")
    return [published for published in SETS if not only or published.name in only]


def _archive(path: Path, sets: list[Published], lines: Lines) -> list[str]:
    """Pictures and manifest.jsonl, written beside and moved in; nothing is left of a set that breaks off."""
    manifest, missing, met = [], [], set()
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    with zipfile.ZipFile(fresh, "w") as archive:
        for published in sets:
            try:
                read = [(line, rasters.webp(picture)) for line, picture in lines(published)]
            except DataError as error:
                missing.append(f"{published.name}: {error}")
                continue
            for line, packed in read:
                line = {"file": f"{len(manifest):05}.webp"} | line
                if line["file"] not in met:
                    met.add(line["file"])
                    archive.writestr(line["file"], packed)
                    manifest.append(line)
            print(f"{published.name}: {len(read):,} pictures", flush=True)
        archive.writestr(MANIFEST, "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in manifest))
    if manifest:
        fresh.replace(path)
    else:
        fresh.unlink()
    return missing


def _noto(path: Path, published: Published, packages: Packages, standard: emoji.Standard) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh, count = path.with_suffix(".new"), 0
    try:
        with zipfile.ZipFile(fresh, "w") as archive:
            for name, picture in emoji.noto_256(published, packages, standard):
                archive.writestr(name, rasters.webp(picture))
                count += 1
        if not count:
            raise DataError("no emoji in it")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    print(f"{published.name}: {count:,} pictures", flush=True)
