"""Packages as npm, Debian and git publish them: found in folders or fetched by their clients, and checked.

    found = Packages([Path("downloads")]).open(source)
    found.names()          # every file in it, without npm's "package/"
    found.read("icons.json")

A folder holds what the command in Source.how leaves there: npm's .tgz, Debian's .deb, a clone by the name of
its repository; or any of them unpacked, in a folder of that name (without .tgz or .deb).
"""

import base64
import fnmatch
import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from emoji_model.data.folders import DataError
from emoji_model.data.sources import Source


class Package:
    """The files of a package or folder."""

    def names(self, pattern: str = "*") -> list[str]:
        """Sorted; `**/` stands for any number of folders, `*` for anything within one."""
        return sorted(name for name in self._all() if matches(name, pattern))

    def read(self, name: str) -> bytes:
        """DataError if there is no such file or it is damaged."""
        raise NotImplementedError

    def json(self, name: str):
        try:
            return json.loads(self.read(name))
        except ValueError as error:
            raise DataError(f"{name} in {self} is damaged ({error}): fetch it anew.") from None

    def _all(self) -> Iterable[str]:
        raise NotImplementedError


class Folder(Package):
    def __init__(self, path: Path):
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def _all(self) -> Iterator[str]:
        for path in self.path.rglob("*"):
            if path.is_file() and ".git" not in path.parts:
                yield path.relative_to(self.path).as_posix()

    def read(self, name: str) -> bytes:
        try:
            return (self.path / name).read_bytes()
        except OSError as error:
            raise DataError(f"{name} in {self} cannot be read ({error.strerror}): fetch it anew.") from None


class Tarball(Package):
    def __init__(self, path: Path, packed: bytes, top: str):
        """top: the folder that all files are in, left out of their names"""
        self.path = path
        try:
            self.archive = tarfile.open(fileobj=io.BytesIO(packed))  # noqa: SIM115  it stays open
            self.members = {
                member.name.removeprefix("./").removeprefix(top): member
                for member in self.archive
                if member.isfile()
            }
        except (tarfile.TarError, OSError, EOFError) as error:
            raise DataError(f"{path} is damaged ({error}): fetch it anew.") from None

    def __str__(self) -> str:
        return str(self.path)

    def _all(self) -> Iterable[str]:
        return self.members

    def read(self, name: str) -> bytes:
        try:
            return self.archive.extractfile(self.members[name]).read()
        except KeyError:
            raise DataError(f"{self} has no {name}: it is another package.") from None
        except (tarfile.TarError, OSError, EOFError) as error:
            raise DataError(f"{name} in {self} is damaged ({error}): fetch it anew.") from None


class Packages:
    """folders  where to look; what is fetched goes into the first one
    fetch    whether npm and apt-get may be asked for what lies in none of them
    notes    what whoever reads the result should know, e.g. that a folder's checksum cannot be checked
    """

    def __init__(self, folders: Iterable[Path], *, fetch: bool = False):
        self.folders, self.fetch = [Path(folder) for folder in folders], fetch
        self.notes: list[str] = []

    def first(self, sources: Iterable[Source]) -> tuple[Source, Package]:
        """The first of these that is here or can be fetched. DataError that says how to get it."""
        sources = tuple(sources)
        for source in sources:
            path = self._find(source)
            if path:
                return source, self._opened(source, path)
        for source in sources:
            path = self._fetched(source) if self.fetch else None
            if path:
                return source, self._opened(source, path)
        where = " or ".join(str(folder) for folder in self.folders)
        raise DataError(f"not in {where}; get it with: {' , or: '.join(source.how for source in sources)}")

    def open(self, source: Source) -> Package:
        return self.first([source])[1]

    def _find(self, source: Source) -> Path | None:
        bare = source.file.removesuffix(".tgz").removesuffix(".deb")
        names = [source.file, bare]
        if source.kind == "debian":  # apt-get writes the epoch's colon as %3a
            names.append(f"{source.name}_{source.version.replace(':', '%3a')}_all.deb")
        if source.kind == "npm":  # as npm install leaves it
            names += [source.name, f"node_modules/{source.name}"]
        if source.kind == "files":
            names = [source.file]
        candidates = (folder / name for folder in self.folders for name in names)
        return next((path for path in candidates if path.exists()), None)

    def _opened(self, source: Source, path: Path) -> Package:
        if path.is_dir():
            return self._folder(source, path)
        packed = path.read_bytes()
        digest = checksum(packed, source)
        if digest != source.checksum:
            raise DataError(f"{path} is damaged or another version: its checksum is not {source.checksum}.")
        if source.kind == "debian":
            return Tarball(path, debian_data(path, packed), "")
        return Tarball(path, packed, "package/")

    def _folder(self, source: Source, path: Path) -> Package:
        if (path / "package").is_dir():
            path = path / "package"
        if source.kind == "npm":
            package = Folder(path)
            version = package.json("package.json").get("version")
            if version != source.version:
                raise DataError(f"{path} is version {version}, not {source.version}: {source.how}")
            self.notes.append(f"{path}: an unpacked package, its checksum could not be checked")
        if source.kind == "git" and source.version:
            commit = _commit(path)
            if not commit:
                self.notes.append(f"{path}: no git clone, so its commit could not be checked")
            elif not commit.startswith(source.version):
                self.notes.append(
                    f"{path}: at commit {commit[:7]}; the published archives were made from {source.version}"
                )
        return Folder(path)

    def _fetched(self, source: Source) -> Path | None:
        into = self.folders[0]
        commands = {
            "npm": ["npm", "pack", "--silent", f"{source.name}@{source.version}"],
            "debian": ["apt-get", "download", f"{source.name}={source.version}"],
        }
        command = commands.get(source.kind)
        if not command or not shutil.which(command[0]):
            return None
        into.mkdir(parents=True, exist_ok=True)
        print(" ".join(command), flush=True)
        done = subprocess.run(command, cwd=into, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode:
            self.notes.append(f"{' '.join(command)} failed")
            return None
        return self._find(source)


def checksum(packed: bytes, source: Source) -> str:
    """In the same notation as the source's."""
    if source.checksum.startswith("sha512-"):
        return "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode()
    return hashlib.sha256(packed).hexdigest()


def matches(name: str, pattern: str) -> bool:
    """`**` for any number of folders, `*` and `?` within one; "*" alone is everything."""
    if pattern == "*":
        return True
    return _matches(PurePosixPath(name).parts, PurePosixPath(pattern).parts)


def _matches(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_matches(parts[k:], pattern[1:]) for k in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _matches(parts[1:], pattern[1:])


def debian_data(path: Path, packed: bytes) -> bytes:
    """data.tar of a .deb, which is an `ar` archive: 8 bytes of magic, then headers of 60 bytes (ar(5))."""
    if not packed.startswith(b"!<arch>\n"):
        raise DataError(f"{path} is no Debian package: fetch it anew.")
    at = 8
    while at + 60 <= len(packed):
        name, size = packed[at : at + 16].decode("ascii", "replace").strip(), packed[at + 48 : at + 58]
        if not size.strip().isdigit():
            break
        length = int(size)
        if name.startswith("data.tar"):
            return packed[at + 60 : at + 60 + length]
        at += 60 + length + length % 2
    raise DataError(f"{path} has no data in it: fetch it anew.")


def _commit(path: Path) -> str:
    if not (path / ".git").exists() or not shutil.which("git"):
        return ""
    done = subprocess.run(["git", "-C", str(path), "rev-parse", "HEAD"], capture_output=True, text=True)
    return done.stdout.strip()
