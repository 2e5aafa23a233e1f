"""Emoji of many artists into emoji-open-128.zip, and Noto's at 256 pixels into noto-emoji-256.zip.

Which emoji there are and what they are called say emoji-datasource (without country flags and skin tones) and
CLDR. A picture's emoji is read from its file's name, or from Iconify's chars.json; where that is empty, from
what the icon is called ("ant", "baby-3").
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image

from emoji_model.data.folders import DataError
from emoji_model.data.making import rasters
from emoji_model.data.making.packages import Package, Packages
from emoji_model.data.sources import CATEGORIES, CLDR, NOTO_PACKAGE, Published, Source

LEFT_OUT = {"country-flag", "subdivision-flag", "skin-tone"}
WRONG = {"fxemoji": "cat-face"}  # these are foxes

CODES = {
    "C1710/blobmoji": r"emoji_u([0-9a-f]+(?:_[0-9a-f]+)*)",
    "googlefonts/noto-emoji": r"emoji_u([0-9a-f]+(?:_[0-9a-f]+)*)",
    "mozilla/fxemoji": r"u([0-9A-F]{4,6}(?:-u?[0-9A-F]{4,6})*)(?:-[^.]*)?",
    "EmojiTwo/emojitwo": r"([0-9a-f]+(?:-[0-9a-f]+)*)",
    "@lobehub/fluent-emoji-3d": r"([0-9a-f]+(?:-[0-9a-f]+)*)",
    "SerenityOS/serenity": r"(U\+[0-9A-F]+(?:_U\+[0-9A-F]+)*)",
}
"""How the names of files (without their suffix) say the codepoints."""


@dataclass(frozen=True)
class Emoji:
    code: str  # codepoints in hexadecimal with "-" between, without U+FE0F
    name: str
    keywords: tuple[str, ...]
    category: str
    subcategory: str
    old_names: tuple[str, ...]

    @property
    def char(self) -> str:
        return characters(self.code)


class Standard(dict[str, Emoji]):
    """code -> Emoji; by_name: what an icon may be called -> code."""

    def __init__(self, packages: Packages):
        names = annotations(packages)
        for line in packages.open(CATEGORIES).json("emoji.json"):
            code = plain(line["unified"])
            if line["subcategory"] in LEFT_OUT or characters(code) not in names:
                continue
            name, keywords = names[characters(code)]
            old = (line["name"] or "", *line["short_names"])
            self[code] = Emoji(code, name, keywords, line["category"], line["subcategory"], old)
        chars = packages.open(NOTO_PACKAGE).json("chars.json")
        self.by_name = {icon: plain(code) for code, icon in chars.items() if plain(code) in self}
        for emoji in self.values():
            self.by_name.setdefault(slug(emoji.name), emoji.code)
        for emoji in self.values():
            for name in emoji.old_names:
                self.by_name.setdefault(slug(name), emoji.code)
        self._close = {name.replace("-", ""): code for name, code in self.by_name.items()}

    def called(self, icon: str) -> str | None:
        """The code of an icon's name: as it is, without a number after it, without hyphens."""
        bare = re.sub(r"-\d+$", "", icon)
        found = (self.by_name.get(icon), self.by_name.get(bare), self._close.get(bare.replace("-", "")))
        return next((code for code in found if code), None)


def annotations(packages: Packages) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Characters without U+FE0F -> CLDR's English name and keywords."""
    out = {}
    for source in CLDR:
        package = packages.open(source)
        for file in package.names("annotations*/en/annotations.json"):
            (content,) = package.json(file).values()
            for chars, line in content["annotations"].items():
                if "tts" in line:
                    keywords = tuple(line.get("default", ()))
                    out.setdefault(chars.replace("\ufe0f", ""), (line["tts"][0], keywords))
    if not out:
        raise DataError("CLDR's packages have no annotations/en/annotations.json: they are other packages.")
    return out


def lines_of(
    published: Published, packages: Packages, standard: Standard
) -> Iterator[tuple[dict, Image.Image]]:
    """A line of the manifest and its picture, for every emoji of a set. DataError if it is not there."""
    source, package = packages.first(published.sources)
    if source is not published.sources[0]:
        packages.notes.append(
            f"{published.name} is made from {source.name}, which has nearly the same drawings; the ones that "
            f"the shipped model learned from: {published.sources[0].how}"
        )
    failed, met = [], set()
    for icon, code, draw in drawings(source, package, standard):
        emoji = standard[code]
        if WRONG.get(published.name) == emoji.subcategory:
            continue
        try:
            if published.side:
                made = rasters.framed(draw, published.side)
            else:
                made = rasters.fitted(draw(0), 120, sharp=True)
        except DataError as error:
            if str(error) == rasters.HOW:
                raise
            failed.append(icon)
            continue
        if made is None:
            failed.append(icon)
            continue
        name = code if code not in met else f"{code}-{icon}"
        met.add(code)
        line = {
            "file": f"{published.name}/{name}.webp",
            "set": published.name,
            "style": published.style,
            "id": icon,
            "codepoint": code,
            "char": emoji.char,
            "name": emoji.name,
            "keywords": list(emoji.keywords),
            "category": emoji.category,
            "subcategory": emoji.subcategory,
            "concept": emoji.name,
            "concept_exact": True,
            **rasters.described(made),
            "license": published.licence,
            "source": f"{source.name} {source.version}",
        }
        yield line, made
    if failed:
        packages.notes.append(
            f"{published.name}: {len(failed)} drawings are empty or damaged, e.g. {failed[0]}"
        )
    if not met:
        raise DataError(f"{package} has no emoji at {source.inside or 'icons.json'}: it is another package")


def drawings(source: Source, package: Package, standard: Standard) -> Iterator[tuple]:
    """(what its artist calls it, code, draw(pixels) -> RGBA) of every emoji, in the order of the package."""
    if not source.inside:
        yield from _icons(package, standard)
        return
    pattern, met = re.compile(CODES[source.name]), set()
    for file in package.names(source.inside):
        stem = file.rsplit("/", 1)[-1].rsplit(".", 1)[0]
        found = pattern.fullmatch(stem)
        code = plain(found[1]) if found else ""
        if code in standard and code not in met:
            met.add(code)
            yield stem, code, _drawer(package, file)


def _drawer(package: Package, file: str):
    if file.endswith(".svg"):
        return lambda side: rasters.svg_picture(package.read(file).decode("utf-8", "replace"), side)

    def draw(side: int) -> Image.Image:
        found = rasters.picture(package.read(file))
        return rasters.squared(found, side) if side else found

    return draw


def _icons(package: Package, standard: Standard) -> Iterator[tuple]:
    """Iconify's icons.json: bodies of SVG by name, in a frame."""
    icons = package.json("icons.json")
    chars = {icon: plain(code) for code, icon in package.json("chars.json").items()}
    met: set[str] = set()
    for icon, body in icons["icons"].items():
        code = chars.get(icon) if chars else standard.called(icon)
        if code not in standard or (chars and code in met):
            continue
        met.add(code)
        yield icon, code, lambda side, body=body: rasters.svg_picture(svg(body, icons), side)
    for icon, other in icons.get("aliases", {}).items():
        code = chars.get(icon) if chars else standard.called(icon)
        body = icons["icons"].get(other["parent"])
        if code in standard and code not in met and body:
            met.add(code)
            yield icon, code, lambda side, body=body: rasters.svg_picture(svg(body, icons), side)


def svg(body: dict, icons: dict) -> str:
    """Iconify's body in its frame; what it does not say, it takes from the head of icons.json."""
    left, top, width, height = (
        body.get(key, icons.get(key, default))
        for key, default in (("left", 0), ("top", 0), ("width", 16), ("height", 16))
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'width="{width}" height="{height}" viewBox="{left} {top} {width} {height}">{body["body"]}</svg>'
    )


def noto_256(
    published: Published, packages: Packages, standard: Standard
) -> Iterator[tuple[str, Image.Image]]:
    """(name of the file, RGBA [256,256]) of every emoji in Noto's hand."""
    source, package = packages.first(published.sources)
    for _, code, draw in drawings(source, package, standard):
        parts = "_".join(part.rjust(4, "0") for part in code.split("-"))
        drawn = draw(512).convert("RGBa").reduce(2).convert("RGBA")
        if rasters.extent(drawn):
            yield f"emoji_u{parts}.webp", drawn


def plain(code: str) -> str:
    """ "U+0023_U+FE0F_U+20E3", "0023-fe0f-20e3" -> "23-20e3"."""
    parts = re.split(r"[-_]", code.lower().replace("u+", "").replace("-u", "-"))
    return "-".join(f"{int(part, 16):x}" for part in parts if part != "fe0f")


def characters(code: str) -> str:
    return "".join(chr(int(part, 16)) for part in code.split("-"))


def slug(name: str) -> str:
    """As Iconify names icons: "man’s shoe" -> "mans-shoe"."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower().replace("’", "")).strip("-")
