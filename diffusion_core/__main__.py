"""Recipes without the page:

    python -m diffusion_core run recipe.json --out DIR    picture.png (with its recipe), strip.png, movie.gif
    python -m diffusion_core cost recipe.json             steps, network evaluations, seconds
    python -m diffusion_core explain recipe.json          a few lines of Python that make the same picture

A recipe is JSON, or a PNG made by Darkroom, which carries one; "-" reads either from standard input. It
names its technique; every setting that is left out takes its default:

    {"darkroom": 1, "technique": "mnist-sample", "digits": "2026", "seed": 3}

What people read goes to standard error, what programs read to standard output. Exit code 2: something is
wrong, and a sentence says what; 130: stopped by Ctrl+C.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def parser() -> argparse.ArgumentParser:
    """The three commands and their options."""
    made = argparse.ArgumentParser(
        prog="python -m diffusion_core",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    asked = made.add_subparsers(dest="command", required=True, metavar="run | cost | explain")
    run = asked.add_parser("run", help="make the picture, a film strip and a GIF")
    cost = asked.add_parser("cost", help="what it would take: steps, network evaluations, seconds")
    explain = asked.add_parser("explain", help="the lines of Python that make the same picture")
    for each in (run, cost, explain):
        each.add_argument("recipe", help="JSON, a PNG made by Darkroom, or - for standard input")
        each.add_argument(
            "--house",
            default="darkroom:studio",
            metavar="MODULE:FUNCTION",
            help="who builds the studio, with its models (default: %(default)s)",
        )
    run.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the files")
    cost.add_argument("--json", action="store_true", help="as one line of JSON")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the arguments say; the exit code."""
    args = parser().parse_args(argv)
    try:
        from diffusion_core import cli  # here: it loads torch for seconds, and --help shall not wait

        return cli.obey(args)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read our output has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    sys.exit(main())
