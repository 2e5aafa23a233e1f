"""How good is the built-in model? `python -m emoji_model.evaluate --json`, measured on what is shipped.

top1, top5          of 200 random names of all 1,650: is the named emoji the nearest of all references,
                    among the five nearest, in the space of features.py? Plain style, 30 steps
known_top1, _top5   the same for 200 names of the core, all that a model trained on the core has met
few_step_top5       known_top5 with 10 steps
style_accuracy      100 pictures "STYLE of THING", read by a classifier that painted scenes have trained;
                    style_reader is that classifier's own accuracy on other painted scenes
pair_top5           50 pictures "X next to Y": both found, each in its half, among the five nearest
upscale_psnr        dB, stage II on the 20 emoji never trained on; bicubic_psnr on the same
caption_gap         how much the right caption lowers the loss against a shuffled one, by t

--quick   a quarter of the names     --write   put the figures into the model.json of both folders
"""

import argparse
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from emoji_model import cascade, progress
from emoji_model.captions import MIXES, Cast
from emoji_model.data import HELD_OUT, Album, DataError
from emoji_model.features import features, ranks, style_classifier
from emoji_model.objective import Objective
from emoji_model.scenes import Painter
from emoji_model.vocabulary import STYLES, article

AT_ONCE = 25  # pictures drawn in one batch
PAIR = ((0.0, 0.23, 0.54), (0.46, 0.23, 0.54))  # left, top and side of the halves of "X next to Y"


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    names: int = 200
    styled: int = 100
    pairs: int = 50
    gamma: float = 4.0
    steps: int = 30
    few: int = 10
    painted: int = 3000  # scenes that train the classifier of styles


class Evaluation:
    """The shipped stages and the references."""

    def __init__(self, checkpoints: Path, data: str | None, plan: Plan):
        self.plan, self.checkpoints = plan, checkpoints
        self.album = Album(data)
        self.painter = Painter(self.album.atlas(64))
        self.stage, self.tokenizer = cascade.load("stage1", checkpoints / cascade.FOLDERS["stage1"])
        self.stage.eval().to(memory_format=torch.channels_last)
        self.plain, self.core = Cast(self.album.emoji, MIXES["plain"]), Cast(self.album.emoji, MIXES["core"])
        rows = range(len(self.album))
        self.references = torch.cat(
            [features(self.painter.paint([self.plain.one(r) for r in part])) for part in _parts(rows, 200)]
        )

    def drawn(self, prompts: list[str], steps: int) -> Tensor:
        """[N,3,64,64]: a picture per prompt, seeds 0, 1, 2, ..."""
        made = [
            progress.samples(
                self.stage, self.tokenizer, part, steps=steps, gamma=self.plan.gamma, seed=AT_ONCE * k
            )
            for k, part in enumerate(_parts(prompts, AT_ONCE))
        ]
        return torch.cat(made)

    def names(self, rows: list[int], steps: int) -> tuple[float, float]:
        """top1 and top5 of these emoji, asked for by name."""
        prompts = [article(self.album.emoji[row].name) for row in rows]
        found = ranks(self.drawn(prompts, steps), rows, self.references)
        return _share(found < 1), _share(found < 5)

    def measured(self) -> dict:
        rng, plan, started = Random("evaluate"), self.plan, time.perf_counter()
        known = rng.sample(self.core.cast, min(plan.names, len(self.core.cast)))
        anyone = rng.sample(range(len(self.album)), min(plan.names, len(self.album)))
        top1, top5 = self.names(anyone, plan.steps)
        known_top1, known_top5 = self.names(known, plan.steps)
        said = {"top1": top1, "top5": top5, "known_top1": known_top1, "known_top5": known_top5}
        said["few_step_top5"] = self.names(known, plan.few)[1]
        said |= self.styles(rng) | self.pairs(rng) | {"caption_gap": self.gap()}
        said["names"], said["steps"], said["gamma"] = plan.names, plan.steps, plan.gamma
        if (self.checkpoints / cascade.FOLDERS["stage2"]).is_dir():
            said |= self.upscaled()
        return said | {"seconds": round(time.perf_counter() - started)}

    def styles(self, rng: Random) -> dict:
        """Does "a mosaic of a dog" look like a mosaic?"""
        reader, own = style_classifier(self.core, self.painter, self.plan.painted)
        styles = [1 + k % (len(STYLES) - 1) for k in range(self.plan.styled)]
        things = [article(self.album.emoji[rng.choice(self.core.cast)].name) for _ in styles]
        prompts = [f"{article(STYLES[k])} of {thing}" for k, thing in zip(styles, things)]
        with torch.no_grad():
            read = reader(self.drawn(prompts, self.plan.steps)).argmax(1)
        return {"style_accuracy": _share(read == torch.tensor(styles)), "style_reader": round(own, 3)}

    def pairs(self, rng: Random) -> dict:
        """Are both things of "X next to Y" there, each in its half?"""
        pairs = [rng.sample(self.core.props, 2) for _ in range(self.plan.pairs)]
        names = [[article(self.album.emoji[row].name) for row in pair] for pair in pairs]
        drawn = self.drawn([f"{a} next to {b}" for a, b in names], self.plan.steps)
        both = torch.ones(len(pairs), dtype=torch.bool)
        for side, (left, top, size) in enumerate(PAIR):
            x, y, s = (round(64 * part) for part in (left, top, size))
            half = F.interpolate(drawn[..., y : y + s, x : x + s], size=64, mode="bilinear", antialias=True)
            both &= ranks(half, [pair[side] for pair in pairs], self.references) < 5
        return {"pair_top5": _share(both)}

    def gap(self) -> dict:
        """1 - loss(right) / loss(shuffled), by t, on 64 plain scenes of the core."""
        rng = Random("gap")
        rows = rng.sample(self.core.cast, min(64, len(self.core.cast)))
        x0 = self.painter.paint([self.plain.one(row) for row in rows])
        text = cascade.tokens(self.tokenizer, [article(self.album.emoji[row].name) for row in rows])
        gaps = progress.caption_gap(self.stage, Objective(), x0, *text, cascade.tokens(self.tokenizer, [""]))
        return {t: round(1 - each["right"] / each["shuffled"], 4) for t, each in gaps.items()}

    def upscaled(self) -> dict:
        """PSNR of stage II and of bicubic, on the held-out emoji on white, 64 -> 256."""
        second, tokenizer = cascade.load("stage2", self.checkpoints / cascade.FOLDERS["stage2"])
        second.eval().to(memory_format=torch.channels_last)
        rows = [k for k, each in enumerate(self.album.emoji) if each.name in HELD_OUT]
        large = Painter(self.album.atlas(256, rows))
        x0 = large.paint([self.plain.one(k) for k in range(len(rows))])
        small = F.avg_pool2d(x0, 4)
        prompts = [article(self.album.emoji[row].name) for row in rows]
        made = torch.cat(
            [
                progress.enlarged(second, tokenizer, part, small[5 * k : 5 * k + 5], seed=5 * k)
                for k, part in enumerate(_parts(prompts, 5))
            ]
        )
        bicubic = F.interpolate(small, size=256, mode="bicubic", align_corners=False).clamp(-1, 1)
        return {"upscale_psnr": _psnr(made, x0), "bicubic_psnr": _psnr(bicubic, x0), "upscaled": len(rows)}


def _psnr(x: Tensor, y: Tensor) -> float:
    """The mean over pictures of 10 log10(4 / MSE), in dB; pictures in [-1,1]."""
    error = (x - y).square().mean((1, 2, 3)).clamp(min=1e-10)
    return round(float((10 * torch.log10(4 / error)).mean()), 2)


def _share(yes: Tensor) -> float:
    return round(float(yes.float().mean()), 3)


def _parts(items, size: int) -> list[list]:
    return [list(items[k : k + size]) for k in range(0, len(items), size)]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="a quarter of the names")
    parser.add_argument("--write", action="store_true", help="put the figures into the model.json files")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"))
    parser.add_argument("--data", help="folder of the emoji; else $EMOJI_DIR")
    args = parser.parse_args(argv)
    plan = Plan(names=50, styled=25, pairs=12) if args.quick else Plan()
    try:
        said = Evaluation(args.checkpoints, args.data, plan).measured()
    except DataError as error:
        sys.exit(str(error))
    if args.write:
        for stage, folder in cascade.FOLDERS.items():
            path = args.checkpoints / folder / "model.json"
            if path.exists():
                mine = {
                    k: v for k, v in said.items() if ("psnr" in k or k == "upscaled") == (stage == "stage2")
                }
                path.write_text(json.dumps(json.loads(path.read_text()) | {"quality": mine}, indent=1) + "\n")
    print(json.dumps(said) if args.json else "\n".join(f"{k:16} {v}" for k, v in said.items()))


if __name__ == "__main__":
    main()
