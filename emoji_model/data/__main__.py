"""What the built-in text model learns from: where it is published, and how to get it.

    python -m emoji_model.data                                 the list of all sets
    python -m emoji_model.data make FOLDER --from DOWNLOADS    the archives, from packages and clones
    python -m emoji_model.data credits --data FOLDER           checkpoints/CREDITS.md and CREDITS-photos.txt

`make` looks in DOWNLOADS for what the commands of the list leave behind (npm's .tgz, Debian's .deb, clones by
the name of their repository, quickdraw/*.ndjson), checks the checksums, and asks npm and apt-get for what is
not there, unless --offline. It says what is missing and makes the rest; it never writes over an archive. SVG
is drawn by resvg-py (requirements-train.txt). Then: `python -m emoji_model.train ... --data FOLDER`.
"""

import argparse
import sys
from pathlib import Path

from emoji_model.data import credits
from emoji_model.data.folders import KINDS, DataError, Folders
from emoji_model.data.sources import BESIDE, SETS, Source

UNTRIED = """\
Tried: npm's packages of noto and twemoji (mean difference from what was trained on: .4 of 255). Not
tried, for they could not be fetched where this was written: the clones of GitHub and Google's ndjson;
the reader of the ndjson is tested on made-up lines. The archives come out much like those that the
shipped models learned from, not byte for byte: openclipart and crawl hold more (those were chosen by
eye), the doodles are other ones, photographs are cut where those were not all, and colours are named by
another rule."""


def table() -> str:
    """All sets: what they become, licence, where they are published; then checksums, credits and folders."""
    sets = (*SETS, *BESIDE)
    columns = [("set", "in", "licence", "published as")]
    columns += [
        (
            each.name if not k else "",
            each.archive if not k else "",
            each.licence if not k else "",
            _how(k, source),
        )
        for each in sets
        for k, source in enumerate(each.sources)
    ]
    widths = [max(len(line[k]) for line in columns) for k in range(3)]
    lines = ["  ".join([*(line[k].ljust(widths[k]) for k in range(3)), line[3]]) for line in columns]
    packages: dict[str, Source] = {
        f"{source.name} {source.version}": source
        for source in (source for each in sets for source in each.sources)
        if source.checksum
    }
    lines += [
        "",
        "Checksums (npm's integrity; sha256 of Debian's and PyPI's files; a git commit is its own):",
    ]
    lines += [f"  {name}\n    {source.checksum}" for name, source in packages.items()]
    lines += ["", "Credits that they ask for:"]
    lines += [f"  {each.name}: {each.credit}" for each in sets if each.credit]
    lines += ["", "Where training and tests look for them, beside --data:"]
    lines += [f"  {variable:14}{what}" for variable, what in KINDS.values()]
    return "\n".join(lines)


def _how(k: int, source: Source) -> str:
    inside = f", {source.inside}" if source.inside and source.kind != "files" else ""
    return ("or " if k else "") + source.how + inside


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m emoji_model.data",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command")
    making = commands.add_parser("make", help="build the archives")
    making.add_argument("folder", type=Path, help="artists/, doodles/, photos/ and noto-emoji/ go into it")
    making.add_argument(
        "--from",
        dest="downloads",
        type=Path,
        action="append",
        help="where packages and clones are (repeatable)",
    )
    making.add_argument("--only", nargs="+", default=[], metavar="SET", help="these sets alone")
    making.add_argument("--offline", action="store_true", help="fetch nothing")
    crediting = commands.add_parser("credits", help="write the credits that go beside the weights")
    crediting.add_argument("--data", help="the folder above photos/")
    crediting.add_argument("--out", type=Path, default=Path("checkpoints"))
    args = parser.parse_args(argv)
    try:
        if args.command == "make":
            return _make(args)
        if args.command == "credits":
            credits.write(args.out, Folders.of(args.data)["photos"])
        else:
            print(table())
            print("\n" + UNTRIED)
    except DataError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _make(args: argparse.Namespace) -> int:
    from emoji_model.data.making.archives import make
    from emoji_model.data.making.packages import Packages

    packages = Packages(args.downloads or [Path("downloads")], fetch=not args.offline)
    missing = make(args.folder, packages, args.only)
    for note in dict.fromkeys(packages.notes):
        print(f"Note: {note}.")
    for sentence in missing:
        print(f"Missing: {sentence}.")
    print("\n" + UNTRIED)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
