"""The digits are what they claim to be, or a DataError says in a sentence what to do."""

import gzip
import hashlib
import io
import urllib.error

import numpy as np
import pytest
import torch

from mnist_models import data

real_digits = pytest.mark.skipif(not data.available(), reason="$MNIST_DIR does not hold the four MNIST files")


@pytest.fixture
def tiny(tmp_path, monkeypatch):
    """A folder of four well-formed files with 3 training and 2 test digits, and their sums for truth."""
    monkeypatch.delenv("MNIST_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder, sums, rng = tmp_path / "digits", {}, np.random.default_rng(0)
    folder.mkdir()
    for prefix, count in (("train", 3), ("t10k", 2)):
        header = b"".join(n.to_bytes(4, "big") for n in (2051, count, 28, 28))
        pixels = rng.integers(0, 256, count * 28 * 28, dtype=np.uint8).tobytes()
        labels = (2049).to_bytes(4, "big") + count.to_bytes(4, "big") + bytes(range(7, 7 + count))
        for name, raw in (
            (f"{prefix}-images-idx3-ubyte", header + pixels),
            (f"{prefix}-labels-idx1-ubyte", labels),
        ):
            (folder / f"{name}.gz").write_bytes(gzip.compress(raw))
            sums[name] = hashlib.sha256(raw).hexdigest()
    monkeypatch.setattr(data, "SHA256", sums)
    return folder


class Web:
    """Stands for the mirrors: answers each address from a list, bytes or an error, and counts."""

    def __init__(self, monkeypatch, *answers):
        self.answers, self.asked = list(answers), []
        monkeypatch.setattr(data.urllib.request, "urlopen", self.urlopen)

    def urlopen(self, address, timeout):
        self.asked.append(address)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return io.BytesIO(answer)


@pytest.mark.parametrize(("split", "count"), [("train", 3), ("test", 2)])
def test_images_and_labels_come_as_promised(tiny, split, count):
    images, labels = data.load(split, tiny)
    assert images.shape == (count, 1, 28, 28) and images.dtype == torch.uint8
    assert labels.tolist() == list(range(7, 7 + count)) and labels.dtype == torch.int64
    raw = gzip.decompress((tiny / f"{data.SPLITS[split]}-images-idx3-ubyte.gz").read_bytes())
    assert images.numpy().tobytes() == raw[16:]


def test_unpacked_files_and_the_environment_serve_as_well(tiny, monkeypatch):
    for path in tiny.glob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
        path.unlink()
    assert not data.available()
    monkeypatch.setenv("MNIST_DIR", str(tiny))
    assert data.available()
    assert len(data.load("test")[0]) == 2


def test_pictures_fill_0_to_1():
    pictures = data.as_pictures(torch.tensor([0, 51, 255], dtype=torch.uint8))
    assert pictures.dtype == torch.float32
    torch.testing.assert_close(pictures, torch.tensor([0.0, 0.2, 1.0]))


def test_a_missing_file_names_itself_and_the_way_out(tiny):
    (tiny / "train-labels-idx1-ubyte.gz").unlink()
    assert not data.available(tiny)
    with pytest.raises(data.DataError, match=r"train-labels-idx1-ubyte\(.gz\) is not in .*Put the four"):
        data.load("train", tiny)
    assert len(data.load("test", tiny)[0]) == 2


def test_a_well_formed_file_of_other_digits_is_refused(tiny):
    path = tiny / "t10k-images-idx3-ubyte.gz"
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[20] ^= 1
    path.write_bytes(gzip.compress(bytes(raw)))
    with pytest.raises(
        data.DataError, match="is not the MNIST file t10k-images-idx3-ubyte: its sha256 differs"
    ):
        data.load("test", tiny)


@pytest.mark.parametrize("damage", ["cut", "flipped", "not gzip", "empty"])
def test_a_damaged_archive_is_a_sentence_not_a_traceback(tiny, damage):
    path = tiny / "train-images-idx3-ubyte.gz"
    packed = bytearray(path.read_bytes())
    if damage == "cut":
        packed = packed[: len(packed) // 2]
    elif damage == "flipped":
        packed[12] = 0xFF  # a block type that deflate does not know: zlib.error, which is no OSError
    elif damage == "not gzip":
        packed = b"<html>404</html>"
    else:
        packed = b""
    path.write_bytes(bytes(packed))
    with pytest.raises(data.DataError, match=r"Delete it and fetch it again|Fetch it again"):
        data.load("train", tiny)


def test_a_download_goes_to_the_next_mirror_and_is_kept(tiny, monkeypatch):
    images = (tiny / "t10k-images-idx3-ubyte.gz").read_bytes()
    labels = (tiny / "t10k-labels-idx1-ubyte.gz").read_bytes()
    web = Web(monkeypatch, urllib.error.URLError("no route"), images, labels)
    assert len(data.load("test")[0]) == 2
    assert [address.split("/")[2] for address in web.asked] == [
        "ossci-datasets.s3.amazonaws.com",
        "storage.googleapis.com",
        "ossci-datasets.s3.amazonaws.com",
    ]
    assert len(data.load("test")[0]) == 2  # from the cache: the web has no answer left


def test_what_a_mirror_sends_wrongly_is_never_kept(tiny, monkeypatch, tmp_path):
    wrong = gzip.compress(b"a hotel's login page")
    Web(monkeypatch, wrong, b"not even an archive")
    with pytest.raises(
        data.DataError, match=r"could not be downloaded .*sha256 differs.*--data or \$MNIST_DIR"
    ):
        data.load("test")
    assert not list((tmp_path / "cache" / "darkroom" / "mnist").iterdir())


@real_digits
def test_the_real_digits():
    images, labels = data.load("test")
    assert images.shape == (10_000, 1, 28, 28)
    assert labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.as_pictures(images).mean().item() == pytest.approx(0.1325, abs=1e-4)
    assert data.load("train")[0].shape == (60_000, 1, 28, 28)
