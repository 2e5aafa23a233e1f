"""The MNIST digits: read from a folder, or downloaded from a public mirror, and always checked.

Looked for in this order: the folder given, $MNIST_DIR, ~/.cache/darkroom/mnist, then the mirrors.
LeCun et al. 1998; the sums are of the uncompressed bytes, so any gzip of the same files will do.
"""

import gzip
import hashlib
import os
import urllib.request
import zlib
from http.client import HTTPException
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

SHA256 = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
SPLITS = {"train": "train", "test": "t10k"}


class DataError(RuntimeError):
    """The digits are missing or damaged; the message says what to do."""


def load(split: str, folder: str | Path | None = None) -> tuple[Tensor, Tensor]:
    """Images [N,1,28,28] uint8 in 0..255 (ink is 255) and labels [N] int64; N is 60,000 or 10,000.

    split: "train" or "test". DataError if the files cannot be found, fetched or trusted.
    """
    prefix = SPLITS[split]
    images = np.frombuffer(_bytes(f"{prefix}-images-idx3-ubyte", folder), np.uint8, offset=16)
    labels = np.frombuffer(_bytes(f"{prefix}-labels-idx1-ubyte", folder), np.uint8, offset=8)
    return (
        torch.from_numpy(images.copy()).view(-1, 1, 28, 28),
        torch.from_numpy(labels.astype(np.int64)),
    )


def available(folder: str | Path | None = None) -> bool:
    """True if the four files lie where `load` looks, so that nothing need be downloaded."""
    where = Path(folder or os.environ.get("MNIST_DIR") or _cache())
    return all(_find(name, where) for name in SHA256)


def as_pictures(images: Tensor) -> Tensor:
    """uint8 0..255 -> float32 in [0, 1], the range in which the MNIST models work (as in the course)."""
    return images.float() / 255


def _bytes(name: str, folder: str | Path | None) -> bytes:
    where = folder or os.environ.get("MNIST_DIR")
    if where:
        path = _find(name, Path(where))
        if path is None:
            raise DataError(
                f"{name}(.gz) is not in {where}. Put the four MNIST files there, or leave out --data "
                "and $MNIST_DIR to download them."
            )
        return _checked(name, _read(path), str(path))
    cache = _cache()
    path = _find(name, cache) or _download(name, cache)
    return _checked(name, _read(path), str(path))


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "darkroom" / "mnist"


def _find(name: str, folder: Path) -> Path | None:
    return next((p for p in (folder / f"{name}.gz", folder / name) if p.is_file()), None)


def _read(path: Path) -> bytes:
    try:
        return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}). Delete it and fetch it again.") from error


def _checked(name: str, data: bytes, where: str) -> bytes:
    if hashlib.sha256(data).hexdigest() != SHA256[name]:
        raise DataError(f"{where} is not the MNIST file {name}: its sha256 differs. Fetch it again.")
    return data


def _download(name: str, cache: Path) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    path, part, reasons = cache / f"{name}.gz", cache / f"{name}.part.gz", []
    for mirror in MIRRORS:
        try:
            with urllib.request.urlopen(f"{mirror}{name}.gz", timeout=60) as response:
                part.write_bytes(response.read())
            _checked(name, _read(part), f"what {mirror} sent")
        except (OSError, HTTPException, DataError) as error:
            reasons.append(f"{mirror}: {error}")
            part.unlink(missing_ok=True)
            continue
        return part.replace(path)
    raise DataError(
        f"{name}.gz could not be downloaded ({'; '.join(reasons)}). Check the network, or point "
        "--data or $MNIST_DIR to a folder that holds the four MNIST files."
    )
