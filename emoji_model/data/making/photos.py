"""Photographs from clones of four repositories into photos96.zip: 96 x 96 pixels, cut to the middle square.

Those of Flickr are taken only where the photographer is known: from LICENSE.txt of flower_photos.tgz
(laid into the clone), and from the .xml beside each of LIRE's.
"""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from PIL import Image

from emoji_model.data.folders import DataError
from emoji_model.data.making import rasters
from emoji_model.data.making.packages import Package, Packages
from emoji_model.data.sources import Published

SIDE = 96
CC_BY = "4"  # CC BY 2.0 among Flickr's licences; 5 is CC BY-SA 2.0, and so on
FLOWERS = {
    "daisy": "daisy",
    "dandelion": "dandelion",
    "rose": "rose",
    "roses": "rose",
    "sunflower": "sunflower",
    "sunflowers": "sunflower",
    "tulip": "tulip",
    "tulips": "tulip",
}
GROCERIES = ("Fruit", "Vegetables")
LABELS = {"Red-Grapefruit": "red grapefruit", "Brown-Cap-Mushroom": "mushroom"}


def lines_of(published: Published, packages: Packages) -> Iterator[tuple[dict, Image.Image]]:
    """A line of the manifest without its `file`, and the picture. DataError if the clone is not there."""
    source, package = packages.first(published.sources)
    read = {"flowers": _flowers, "clothes": _clothes, "groceries": _groceries, "cars": _cars}[published.name]
    count, failed = 0, []
    for file, label, detail, credit in read(package, package.names(source.inside)):
        try:
            photo = rasters.picture(package.read(file)).convert("RGB")
        except DataError:
            failed.append(file)
            continue
        count += 1
        line = {
            "label": label,
            "detail": detail,
            "source": source.name,
            "licence": published.licence,
            "credit": credit or published.credit,
            "original": file,
            "size": list(photo.size),
        }
        yield line, middle(photo)
    if failed:
        packages.notes.append(f"{published.name}: {len(failed)} photographs are damaged, e.g. {failed[0]}")
    if not count:
        raise DataError(f"{package} has no credited photographs at {source.inside}: it is another repository")


def middle(photo: Image.Image) -> Image.Image:
    side = min(photo.size)
    left, top = (photo.width - side) // 2, (photo.height - side) // 2
    square = photo.crop((left, top, left + side, top + side))
    return square.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _flowers(package: Package, files: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """LICENSE.txt has a line for each: "daisy/756_n.jpg CC-BY by NAME - https://www.flickr.com/photos/..."."""
    licences = package.names("LICENSE.txt") or package.names("**/LICENSE.txt")
    if not licences:
        raise DataError(
            f"{package} lacks LICENSE.txt, which credits the photographers: lay the one of tf_flowers' "
            "flower_photos.tgz (download.tensorflow.org/example_images) into it"
        )
    text = package.read(licences[0]).decode("utf-8", "replace")
    credits = dict(re.findall(r"^\S+/(\S+\.jpg) CC-BY by (.+)$", text, re.MULTILINE))
    for file in files:
        folder, name = file.split("/")[-2:]
        if folder in FLOWERS and name in credits:
            yield file, FLOWERS[folder], "", credits[name].strip()


def _clothes(_package: Package, files: list[str]) -> Iterator[tuple[str, str, str, str]]:
    for file in files:
        part, label, _ = file.split("/")
        if part in ("train", "validation", "test"):
            yield file, label, "", ""


def _groceries(_package: Package, files: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """dataset/train/Fruit/Apple/Pink-Lady/Pink-Lady_001.jpg is an apple, a pink lady."""
    for file in files:
        _, part, kind, *folders, _ = file.split("/")
        if part in ("train", "val", "test") and kind in GROCERIES and folders:
            label = LABELS.get(folders[-1], folders[0].replace("-", " ").lower())
            yield file, label, folders[-1].replace("-", " ").lower(), ""


def _cars(package: Package, files: list[str]) -> Iterator[tuple[str, str, str, str]]:
    """The .xml beside a photograph is flickr.photos.getInfo's: its licence, its owner and its address."""
    known = set(package.names("testdata/ferrari/*/*.xml"))
    for file in files:
        xml = file.rsplit(".", 1)[0] + ".xml"
        if xml not in known:
            continue
        try:
            root = ElementTree.fromstring(package.read(xml))
        except ElementTree.ParseError:
            continue
        photo, owner, address = root.find(".//photo"), root.find(".//owner"), root.find(".//urls/url")
        if photo is None or owner is None or address is None or photo.get("license") != CC_BY:
            continue
        name = owner.get("realname") or owner.get("username") or ""
        yield file, "car", f"{file.split('/')[-2]} sports car", f"{name} - {(address.text or '').strip()}"
