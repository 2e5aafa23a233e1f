"""Where the data comes from: readers that refuse what is damaged, and archives made from packages."""

import base64
import hashlib
import io
import json
import tarfile
import zipfile

import numpy as np
import pytest

from emoji_model.data import DataError, Doodles, Folders, Pictures
from emoji_model.data import __main__ as command
from emoji_model.data.making import doodles as making_doodles
from emoji_model.data.making.packages import Packages, debian_data, matches
from emoji_model.data.sources import SETS, Source
from tests import made_up_data


@pytest.fixture
def data(tmp_path):
    return made_up_data.build(tmp_path / "data", each=4, size=32, large=64)


# folders


def test_the_folder_that_is_given_comes_before_the_environment(data, tmp_path, monkeypatch):
    monkeypatch.setenv("ARTISTS_DIR", str(tmp_path))
    assert Folders.of(data)["artists"] == data / "artists"
    assert Folders.of(None)["artists"] == tmp_path
    (data / "artists").rename(data / "elsewhere")
    assert Folders.of(data)["artists"] == tmp_path  # what it lacks
    assert Folders.of(None).has("artists") and not Folders.of(None).has("wordnet")


def test_no_folder_gets_a_sentence(tmp_path, monkeypatch):
    for variable in ("ARTISTS_DIR", "WORDNET_DIR"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(DataError, match=r"--data, or artists in ARTISTS_DIR.*emoji_model.data. says how"):
        Folders.of(None)["artists"]
    with pytest.raises(DataError, match="There is no"):
        Folders.of(tmp_path)["artists"]


# readers


@pytest.mark.parametrize("kind", ["missing", "no zip", "cut", "no manifest"])
@pytest.mark.parametrize(
    "archive", ["artists/emoji-open-128.zip", "artists/clipart-pd-128.zip", "photos/photos96.zip"]
)
def test_archives_that_cannot_be_read_get_a_sentence(data, archive, kind):
    path = data / archive
    packed = path.read_bytes()
    path.unlink()
    if kind == "no zip":
        path.write_bytes(b"nothing")
    elif kind == "cut":
        path.write_bytes(packed[: len(packed) // 2])
    elif kind == "no manifest":
        path.write_bytes(packed.replace(b"manifest.jsonl", b"manifesto.json"))
    with pytest.raises(DataError, match=r"(missing|damaged).*says how to get it"):
        Pictures(Folders.of(data))


def test_a_damaged_picture_is_named(data):
    pictures = Pictures(Folders.of(data))
    path = pictures[0].archive
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(pictures[0].file)
    packed = bytearray(path.read_bytes())
    start = entry.header_offset + 30 + len(entry.filename)
    packed[start : start + entry.compress_size] = bytes(entry.compress_size)
    path.write_bytes(packed)
    with pytest.raises(DataError, match="damaged"):
        pictures.atlas([0], 32)


@pytest.mark.parametrize("field", ["xy", "stroke_len", "n_strokes", "label", "key_id"])
def test_doodles_with_counts_that_differ_get_a_sentence(data, field):
    path = data / "doodles" / "quickdraw345.npz"
    with np.load(path) as read:
        fields = dict(read)
    assert len(Doodles(data / "doodles")) == len(fields["label"])
    np.savez(path, **fields | {field: fields[field][:-1]})
    with pytest.raises(DataError, match="damaged"):
        Doodles(data / "doodles")
    del fields[field]
    np.savez(path, **fields)
    with pytest.raises(DataError, match="damaged"):
        Doodles(data / "doodles")


def test_doodles_that_cannot_be_read_get_a_sentence(data):
    folder = data / "doodles"
    packed = (folder / "quickdraw345.npz").read_bytes()
    for broken in (packed[: len(packed) // 3], b"", b"nothing"):
        (folder / "quickdraw345.npz").write_bytes(broken)
        with pytest.raises(DataError, match="damaged"):
            Doodles(folder)
    (folder / "quickdraw345.npz").write_bytes(packed)
    (folder / "names.json").write_text("{")
    with pytest.raises(DataError, match="damaged"):
        Doodles(folder)
    (folder / "names.json").unlink()
    with pytest.raises(DataError, match=r"names.json is missing"):
        Doodles(folder)


# packages


def npm(path, files: dict[str, str]) -> Source:
    """A package as npm publishes it, and what the table would say of it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, text in files.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text.encode()))
    source = Source("npm", "@one/pictures", "1.2.3", "sha512-")
    digest = base64.b64encode(hashlib.sha512(buffer.getvalue()).digest()).decode()
    source = Source("npm", "@one/pictures", "1.2.3", f"sha512-{digest}")
    (path / source.file).write_bytes(buffer.getvalue())
    return source


def test_a_package_is_found_checked_and_read(tmp_path):
    source = npm(tmp_path, {"icons.json": '{"dog": 1}', "svg/a/cat.svg": "<svg/>"})
    package = Packages([tmp_path]).open(source)
    assert package.json("icons.json") == {"dog": 1}
    assert package.names("svg/**/*.svg") == ["svg/a/cat.svg"]
    with pytest.raises(DataError, match="it is another package"):
        package.read("none.json")
    with (tmp_path / source.file).open("ab") as file:
        file.write(b"more")
    with pytest.raises(DataError, match="its checksum is not"):
        Packages([tmp_path]).open(source)


def test_what_is_missing_says_how_to_get_it(tmp_path):
    source = Source("npm", "@one/pictures", "1.2.3", "sha512-x")
    with pytest.raises(DataError, match=r"npm pack @one/pictures@1.2.3"):
        Packages([tmp_path]).open(source)


def test_an_unpacked_package_must_be_of_its_version(tmp_path):
    source = Source("npm", "@one/pictures", "1.2.3", "sha512-x")
    folder = tmp_path / "node_modules" / "@one" / "pictures"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text('{"version": "1.2.3"}')
    packages = Packages([tmp_path])
    assert packages.open(source).names() == ["package.json"] and "could not be checked" in packages.notes[0]
    (folder / "package.json").write_text('{"version": "9.0.0"}')
    with pytest.raises(DataError, match=r"is version 9.0.0, not 1.2.3"):
        packages.open(source)


def test_debian_packages_hold_a_tar(tmp_path):
    def part(name: str, content: bytes) -> bytes:
        head = f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        return head + content + b"\n" * (len(content) % 2)

    packed = (
        b"!<arch>\n" + part("debian-binary", b"2.0\n") + part("control.tar", b"abc") + part("data.tar", b"it")
    )
    assert debian_data(tmp_path, packed) == b"it"
    for broken in (b"nothing", packed[:70]):
        with pytest.raises(DataError, match="fetch it anew"):
            debian_data(tmp_path, broken)


def test_patterns_of_names():
    assert matches("a/b/c.svg", "**/*.svg") and matches("c.svg", "**/*.svg")
    assert matches("a/b.svg", "a/*.svg") and not matches("a/b/c.svg", "a/*.svg")


# making


def test_doodles_are_made_from_googles_lines(tmp_path):
    folder = tmp_path / "quickdraw"
    folder.mkdir()
    for name in ("cat", "dog"):
        lines = [
            {"word": name, "recognized": k != 1, "key_id": str(10 + k), "drawing": [[[0, 9, 255], [k, 8, 7]]]}
            for k in range(4)
        ]
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    quickdraw = next(each for each in SETS if each.name == "quickdraw")
    packages = Packages([tmp_path])
    assert making_doodles.make(quickdraw, packages, tmp_path / "doodles", each=2) == 4
    made = Doodles(tmp_path / "doodles")
    assert made.names == ["cat", "dog"] and made.key_id.tolist() == [10, 12, 10, 12]
    assert made.strokes(1)[0].tolist() == [[0, 2], [9, 8], [255, 7]]
    assert "2 of 345" in packages.notes[0]
    (folder / "dog.ndjson").write_text('{"word": "dog"\n')
    with pytest.raises(DataError, match="damaged at line 1"):
        making_doodles.make(quickdraw, packages, tmp_path / "doodles")


def test_the_command_lists_all_sets_and_says_what_is_missing(data, tmp_path, capsys):
    assert command.main([]) == 0
    said = capsys.readouterr().out
    assert all(each.name in said and each.credit in said for each in SETS)
    assert command.main(["make", str(tmp_path / "out"), "--from", str(tmp_path), "--offline"]) == 1
    said = capsys.readouterr().out
    assert "Missing: " in said and "npm pack" in said and "gsutil" in said
    assert command.main(["make", str(tmp_path), "--only", "nonsense", "--offline"]) == 1
    assert "There is no set 'nonsense'" in capsys.readouterr().err
    assert command.main(["make", str(data), "--from", str(tmp_path), "--offline"]) == 1
    assert "is there already" in capsys.readouterr().err


def test_credits_name_every_set_and_photographer(data, tmp_path):
    assert command.main(["credits", "--data", str(data), "--out", str(tmp_path)]) == 0
    said = (tmp_path / "CREDITS.md").read_text()
    assert all(each.credit in said for each in SETS if each.credit)
    assert "somebody" in (tmp_path / "CREDITS-photos.txt").read_text()
