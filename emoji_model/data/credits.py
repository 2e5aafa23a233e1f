"""The credits beside the weights: checkpoints/CREDITS.md, and CREDITS-photos.txt for Flickr's photographs."""

import re
from collections.abc import Iterable
from pathlib import Path

from emoji_model.data.pictures import PHOTOS, manifest
from emoji_model.data.sources import BESIDE, SETS, Published

HEAD = """\
# What the built-in text model was trained on

None of these pictures is part of this repository; the weights in `emoji-*` were made from them, scaled,
recoloured and put into scenes. `python -m emoji_model.data` says where each set is published, with checksums.

| set | licence | credit |
| --- | --- | --- |
"""

FOOT = """
Licences: [Apache-2.0](https://www.apache.org/licenses/LICENSE-2.0),
[CC BY 4.0](https://creativecommons.org/licenses/by/4.0/),
[CC BY 2.0](https://creativecommons.org/licenses/by/2.0/),
[CC0 1.0](https://creativecommons.org/publicdomain/zero/1.0/),
[MIT](https://opensource.org/license/mit),
[BSD-2-Clause](https://opensource.org/license/bsd-2-clause),
[Unicode v3](https://www.unicode.org/license.txt),
[WordNet](https://wordnet.princeton.edu/license-and-commercial-use).
"""

PHOTOS_HEAD = """\
Photographs of Flickr that the built-in text model was trained on, all under CC BY 2.0
(https://creativecommons.org/licenses/by/2.0/), scaled to squares of 96 pixels.
Photographer, the page of the photographer, numbers of the photographs: each is at PAGE/NUMBER/.

"""


def text() -> str:
    """CREDITS.md."""
    rows = [row(published) for published in (*SETS, *BESIDE)]
    return HEAD + "\n".join(rows) + "\n" + FOOT


def row(published: Published) -> str:
    return (
        f"| {published.name}: {published.what} | {published.licence} | {published.credit or 'none asked'} |"
    )


def photographers(lines: Iterable[dict]) -> str:
    """CREDITS-photos.txt, from lines of the photographs' manifest: one for each photographer."""
    photos: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        found = re.fullmatch(r"(.*) - (https?://\S+/photos/[^/]+)/(\d+)/?", line["credit"], re.DOTALL)
        if found:
            photos.setdefault((" ".join(found[1].split()), found[2]), []).append(found[3])
        elif line["licence"] == "CC BY 2.0":
            photos.setdefault((line["credit"], ""), []).append(line["original"])
    rows = [
        " ".join([name, page.replace("http://", "https://"), *dict.fromkeys(numbers)])
        for (name, page), numbers in sorted(photos.items(), key=lambda each: each[0][0].lower())
    ]
    return PHOTOS_HEAD + "\n".join(rows) + "\n"


def write(folder: Path, photos: Path) -> None:
    """Both files into `folder`; photos: where photos96.zip is. DataError if that is missing or damaged."""
    listed = photographers(manifest(photos / PHOTOS))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "CREDITS.md").write_text(text())
    (folder / "CREDITS-photos.txt").write_text(listed)
