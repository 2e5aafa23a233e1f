"""Are the measures right? `python -m emoji_model.evaluate.sanity --json` feeds them real pictures.

real     what is asked for, in pictures that no judge was trained on where there are any: what a perfect
         model would reach. An anagram is two real doodles laid over each other, a hybrid the low
         frequencies of one and the high ones of another, so these two are no bound but a naive attempt
wrong    real pictures of something else: what chance reaches
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import torch
from torch import Tensor

from diffusion_core.filters import bank
from emoji_model.captions import Cast, Placed, Scene, rows_in
from emoji_model.data import DataError
from emoji_model.evaluate import illusions
from emoji_model.evaluate.__main__ import read_things
from emoji_model.evaluate.drawing import Wanted
from emoji_model.evaluate.judges import CACHE
from emoji_model.evaluate.measures import Measures
from emoji_model.evaluate.plan import STAGE_1, Plan
from emoji_model.evaluate.readers import Judges, parts
from emoji_model.things import COLOURED
from emoji_model.vocabulary import OF_DOODLES


class Painted:
    """Draws like a Model, but shows real pictures. wrong: of what the next one asked for."""

    def __init__(self, judges: Judges, wrong: bool = False):
        self.judges, self.things, self.wrong = judges, judges.real, wrong
        self.cast, self.rng = Cast(judges.real), Random("sanity")
        self.shown: dict[str, int] = {}

    def drawn(self, asked: Sequence[Wanted], steps: int, what: str = "") -> Tensor:
        shown = list(asked)
        if self.wrong:
            step = next(k for k, each in enumerate([*asked, None]) if each != asked[0]) % len(asked)
            shown = shown[step:] + shown[:step]
        scenes = [self.scene(each) for each in shown]
        return torch.cat([self.judges.painter.paint(part) for part in parts(scenes, 100)])

    def scene(self, asked: Wanted) -> Scene:
        if len(asked.names) > 1:
            rows = [self.row(asked._replace(names=(name,))) for name in asked.names]
            return Scene(tuple(Placed(row, False, x, 0.5, 0.54) for row, x in zip(rows, (0.27, 0.73))), "")
        row, style = self.row(asked), asked.style
        if style in OF_DOODLES:
            return self.cast.one(asked.names[0], style, row=row)
        scene = self.cast.one(asked.names[0], row=row)
        table = style == "photo" and self.things.pictures[row].set != "photo"
        return replace(scene, style=style, ground="table" if table else "plain")

    def row(self, asked: Wanted) -> int:
        """A picture of it, held out if there is one, another one each time."""
        thing, style = self.things[asked.names[0]], asked.style
        if style in OF_DOODLES:
            rows = thing.held_doodles or thing.doodles
        elif style:
            rows = thing.held.get(style) or rows_in(thing, style) or rows_in(thing, "")
        else:
            rows = tuple(r for each in COLOURED for r in thing.held.get(each, ())) or rows_in(thing, "")
        key = f"{thing.name} {style}"
        self.shown[key] = self.shown.get(key, -1) + 1
        return rows[self.shown[key] % len(rows)]

    def anagram(self, asked: Sequence[Wanted], seeds: int, steps: int) -> Tensor:
        one, other = self.drawn(asked, 0)
        return torch.minimum(one, other.rot90(2, (-2, -1)))

    def hybrid(self, asked: Sequence[Wanted], seeds: int, steps: int) -> Tensor:
        (low, high), (one, other) = bank("low/high"), self.drawn(asked, 0)
        return (low(one) + high(other)).clamp(-1, 1)


def table(judges: Judges, plan: Plan) -> dict[str, dict]:
    """{"real": figures, "wrong": figures}."""
    said = {}
    for name, wrong in (("real", False), ("wrong", True)):
        measures = Measures(Painted(judges, wrong), judges, plan)
        figures: dict = {}
        for measure in STAGE_1:
            here = getattr(illusions, measure, None)
            figures |= here(measures) if here else getattr(measures, measure)()
        said[name] = figures
    return said


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of the trained judges")
    parser.add_argument(
        "--data", help="the folder above artists/, doodles/, photos/, ...; else the environment"
    )
    args = parser.parse_args(argv)
    try:
        judges = Judges(read_things(args.data), args.cache)
        said = table(judges, Plan()) | {"judges": judges.ready().accuracy()}
    except DataError as error:
        sys.exit(str(error))
    if args.json:
        print(json.dumps(said))
        return
    print(f"{'':28} {'real':>8} {'wrong':>8}")
    for name, value in said["real"].items():
        print(f"{name:28} {value!s:>8} {said['wrong'][name]!s:>8}")


if __name__ == "__main__":
    main()
