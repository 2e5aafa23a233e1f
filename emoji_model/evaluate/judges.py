"""How well the judges read real pictures: `python -m emoji_model.evaluate.judges --json`.

They are trained first if need be.

doodle_reader_top1, _top5    on the doodles held out, of 345 things
thing_reader_top1, _top5     on the combinations of thing and style held out, by the network's answer
thing_nearest_top1, _top5    the same by the nearest pictures in its features
style_reader_top1            and of each style
"""

import argparse
import json
import sys
from pathlib import Path

from emoji_model.data import DataError, Folders
from emoji_model.evaluate.readers import Judges
from emoji_model.things import Things

CACHE = Path("runs/judges")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the trained judges")
    parser.add_argument("--data", help="the folder above artists/, doodles/, photos/; else the environment")
    args = parser.parse_args(argv)
    try:
        said = Judges(Things.read(Folders.of(args.data)), args.cache).ready().accuracy()
    except DataError as error:
        sys.exit(str(error))
    print(json.dumps(said) if args.json else "\n".join(f"{name:28} {value}" for name, value in said.items()))


if __name__ == "__main__":
    main()
