"""Clip art into clipart-pd-128.zip: Open Clip Art as Debian packages it, and the tiles of Dungeon Crawl.

The published archive holds a choice of both, made by eye; here it is every English one in the categories
of things that can be named. Training uses those whose name is a thing that it knows, either way.
"""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from PIL import Image

from emoji_model.data.folders import DataError
from emoji_model.data.making import rasters
from emoji_model.data.making.packages import Package, Packages
from emoji_model.data.sources import Published

CATEGORIES = (
    "animals", "buildings", "containers", "education", "electronics", "food", "geography", "office", "people",
    "plants", "recreation", "science", "signs_and_symbols", "tools", "transportation",
)  # fmt: skip
TILES = {"mon": "monster", "item": "item", "dngn": "dngn"}
"""Of Crawl's folders, those that hold things; with the keyword that they stand for."""

DC, RDF = "{http://purl.org/dc/elements/1.1/}", "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"


def lines_of(published: Published, packages: Packages) -> Iterator[tuple[dict, Image.Image]]:
    """A line of the manifest and its picture, for every one of the set. DataError if it is not there."""
    source, package = packages.first(published.sources)
    read = _open_clip_art if published.name == "openclipart" else _tiles
    failed, count = [], 0
    for file, name, keywords, category in read(package, source.inside):
        try:
            made = _drawn(package, file)
        except DataError as error:
            if str(error) == rasters.HOW:
                raise
            made = None
        if made is None:
            failed.append(file)
            continue
        count += 1
        icon = "-".join(_after(file, category)).rsplit(".", 1)[0].replace("_", "-")
        line = {
            "file": f"{published.name}/{icon}.webp",
            "set": published.name,
            "style": published.style,
            "id": icon,
            "codepoint": None,
            "char": None,
            "name": name,
            "keywords": keywords,
            "category": category,
            "subcategory": None,
            "concept": None,
            "concept_exact": False,
            **rasters.described(made),
            "license": published.licence,
            "source": f"{source.name} {source.version}".strip(),
        }
        yield line, made
    if failed:
        packages.notes.append(
            f"{published.name}: {len(failed)} drawings are empty or damaged, e.g. {failed[0]}"
        )
    if not count:
        raise DataError(f"{package} has no pictures at {source.inside}: it is another package")


def _drawn(package: Package, file: str) -> Image.Image | None:
    if file.endswith(".svg"):
        drawn = rasters.svg_picture(package.read(file).decode("utf-8", "replace"), 4 * rasters.SIZE)
        return rasters.fitted(drawn, 120)
    tile = rasters.picture(package.read(file))  # of 32 pixels
    pixel = rasters.SIZE // max(tile.size)
    box = rasters.extent(tile)
    return box and rasters.fitted(tile, max(1, pixel) * max(box[2] - box[0], box[3] - box[1]), sharp=True)


def _after(file: str, category: str) -> list[str]:
    """The folders of a file from its category on, and its name."""
    parts = file.split("/")
    return parts[parts.index(category) :]


def _open_clip_art(package: Package, inside: str) -> Iterator[tuple[str, str, list[str], str]]:
    """(file, name, keywords, category), by the Dublin Core in each SVG."""
    for file in package.names(inside):
        category = file.split("/svg/", 1)[-1].split("/")[0]
        if category not in CATEGORIES:
            continue
        try:
            root = ElementTree.fromstring(package.read(file))
        except ElementTree.ParseError:
            continue
        title, language = root.find(f".//{DC}title"), root.find(f".//{DC}language")
        name = _name(title.text or "") if title is not None else ""
        if not name or (language is not None and language.text not in (None, "", "en")):
            continue
        subjects = [each.text or "" for each in root.findall(f".//{DC}subject/{RDF}Bag/{RDF}li")]
        folders = _after(file, category)[:-1]
        words = [word.strip().lower() for word in (*subjects, *folders)]
        yield file, name, [word for word in dict.fromkeys(words) if word], category


def _tiles(package: Package, inside: str) -> Iterator[tuple[str, str, list[str], str]]:
    """(file, name, keywords, category), by the folders and names of files."""
    for file in package.names(inside):
        category = next((part for part in file.split("/")[:-1] if part in TILES), "")
        if category:
            *folders, last = _after(file, category)
            keywords = [TILES[category], *folders[1:]]
            yield file, _name(last.rsplit(".", 1)[0]), keywords, category


def _name(title: str) -> str:
    """ "Sleeping_cat 2" -> "sleeping cat"."""
    return re.sub(r"[\s\d_-]+", " ", title.lower()).strip()
