"""Google's simplified drawings (ndjson, a line per drawing) into quickdraw345.npz and names.json.

A line of NAME.ndjson: {"word", "countrycode", "timestamp", "recognized", "key_id", "drawing"}; the drawing is
a list of strokes [[x0, x1, ...], [y0, y1, ...]], 0..255. The archive trained on has 422 to 461 of each that
other projects had copied; here it is the first ones that Quick, Draw! recognised.
"""

import json
from pathlib import Path

import numpy as np

from emoji_model.data.doodles import NAMES, STROKES
from emoji_model.data.folders import DataError
from emoji_model.data.making.packages import Packages
from emoji_model.data.sources import Published

EACH = 430
CLASSES = 345
FOLDER = "quickdraw"


def make(published: Published, packages: Packages, folder: Path, each: int = EACH) -> int:
    """Writes both files; gives the number of drawings. DataError if there is no ndjson or it is damaged."""
    files = sorted(
        (path for parent in packages.folders for path in (parent / FOLDER).glob("*.ndjson")),
        key=lambda path: path.stem,
    )
    if not files:
        where = " or ".join(str(parent / FOLDER) for parent in packages.folders)
        raise DataError(
            f"no *.ndjson in {where}; get them with: gsutil -m cp 'gs://quickdraw_dataset/full/simplified/"
            f"*.ndjson' {FOLDER}/ (the first {each * 2} lines of each are enough)"
        )
    if len(files) < CLASSES:
        packages.notes.append(f"{published.name}: {len(files)} of {CLASSES} things are there")
    xy, length, strokes, label, key = [], [], [], [], []
    for k, path in enumerate(files):
        for drawing, key_id in read(path, each):
            xy += drawing
            length += [len(stroke) for stroke in drawing]
            strokes.append(len(drawing))
            label.append(k)
            key.append(key_id)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        folder / STROKES,
        xy=np.concatenate(xy),
        stroke_len=np.array(length, np.uint16),
        n_strokes=np.array(strokes, np.uint16),
        label=np.array(label, np.uint16),
        key_id=np.array(key, np.uint64),
    )
    names = {"names": [path.stem for path in files], "licence": published.credit}
    (folder / NAMES).write_text(json.dumps(names, indent=0) + "\n")
    return len(label)


def read(path: Path, each: int) -> list[tuple[list[np.ndarray], int]]:
    """(strokes uint8 [n,2], key_id) of the first recognised drawings."""
    out, number = [], 0
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                number += 1
                drawing = json.loads(line)
                if drawing["recognized"]:
                    out.append((_strokes(drawing["drawing"]), int(drawing["key_id"])))
                if len(out) == each:
                    break
    except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise DataError(f"{path} is damaged at line {number} ({error}): fetch it anew") from None
    if not out:
        raise DataError(f"{path} has no recognised drawing: fetch it anew")
    return out


def _strokes(drawing: list) -> list[np.ndarray]:
    strokes = [np.array(list(zip(stroke[0], stroke[1], strict=True))) for stroke in drawing]
    if not strokes or any(not len(stroke) or stroke.min() < 0 or stroke.max() > 255 for stroke in strokes):
        raise ValueError("no strokes within 0..255")
    return [stroke.astype(np.uint8) for stroke in strokes]
