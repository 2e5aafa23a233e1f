"""What a training will do: presets for kinds of machines, phases, and the options that change them."""

import argparse
import math
from dataclasses import dataclass

from emoji_model import cascade
from emoji_model.captions import MIXES


@dataclass(frozen=True)
class Phase:
    """Pictures of `size` pixels until `samples` more have been seen, scenes drawn from MIXES[mix]."""

    size: int
    samples: int
    mix: str

    @classmethod
    def parsed(cls, text: str) -> "Phase":
        size, samples, mix = text.split(":")
        if mix not in MIXES:
            raise argparse.ArgumentTypeError(f"there is no mix {mix!r}, only {', '.join(MIXES)}")
        return cls(int(size), int(samples), mix)


@dataclass(frozen=True)
class Preset:
    """How stages are trained on a kind of machine; options on the command line change single values."""

    batch: int  # pictures a step, over all processes
    lr: float  # AdamW's step size after the warm-up, falling to nothing as a cosine
    ema: float  # decay of the averaged weights, per step
    warm_up: int  # batches of the contrastive warm-up of the text
    workers: int  # processes that write captions
    phases: dict[str, str]  # by stage


PRESETS = {
    "cpu": Preset(
        batch=16,
        lr=4e-4,
        ema=0.9995,
        warm_up=800,
        workers=0,
        phases={
            "small": "32:800000:core",
            "stage1": "64:42000:core 64:112000:pairs",
            "stage2": "64:100000:full",
        },
    ),
    "gpu": Preset(
        batch=512,
        lr=1e-3,
        ema=0.999,
        warm_up=3000,
        workers=12,
        phases={"small": "32:4000000:full", "stage1": "64:8000000:full", "stage2": "128:2000000:full"},
    ),
}
TEXT_RATE = 0.1  # the text path learns slower than the UNet, or it forgets its warm-up
RAMP = 200  # steps until the step size is reached


@dataclass(frozen=True)
class Plan:
    """What a run will do, step by step."""

    phases: tuple[Phase, ...]
    batch: int
    processes: int
    seed: int

    @property
    def share(self) -> int:
        """Pictures a step on one process."""
        return max(1, self.batch // self.processes)

    @property
    def steps(self) -> int:
        return sum(phase.samples // self.batch for phase in self.phases)

    def phase(self, step: int) -> Phase:
        for phase in self.phases:
            if step < phase.samples // self.batch:
                return phase
            step -= phase.samples // self.batch
        return self.phases[-1]

    def rate(self, step: int) -> float:
        """The share of the full step size: a ramp, then a cosine to nothing over the work, in pixels."""
        work = [phase.samples // self.batch * phase.size**2 for phase in self.phases]
        done, left = 0, step
        for phase, pixels in zip(self.phases, work):
            steps = phase.samples // self.batch
            done += pixels * min(left, steps) / max(steps, 1)
            left = max(0, left - steps)
        return min(1.0, (step + 1) / RAMP) * (1 + math.cos(math.pi * done / sum(work))) / 2


def options(description: str, argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("stage", choices=cascade.FOLDERS)
    add("--preset", choices=PRESETS, default="cpu", help="batch, rates and phases for a kind of machine")
    add("--phases", type=lambda text: tuple(map(Phase.parsed, text.split())), help="size:samples:mix ...")
    add("--batch", type=int, help="pictures a step, over all processes")
    add("--lr", type=float, help="AdamW's largest step size")
    add("--ema", type=float, help="decay of the averaged weights, per step")
    add("--warm-up", type=int, help="batches of the contrastive warm-up (small)")
    add("--workers", type=int, help="processes that write captions")
    add("--minutes", type=float, default=float("inf"), help="save and stop after so long; resume later")
    add("--data", help="folder of the emoji; else $EMOJI_DIR")
    add("--grow", default="runs/emoji-32", help="what stage I grows from: the folder that `small` made")
    add("--text", default="checkpoints/emoji-64", help="stage I, whose T5 stage II takes over")
    add("--out", help="where finished weights go: checkpoints by default, for small runs")
    add("--runs", default="runs", help="where state and statistics go while training")
    add("--name", help="the name of the run; the stage by default")
    add("--seed", type=int, default=0)
    add("--report", type=int, default=100, help="steps between two lines of statistics")
    add("--sheet", type=int, default=20_000, help="samples between two sample sheets")
    add("--save-every", type=float, default=300, help="seconds between two saved states")
    add("--compile", action="store_true", help="torch.compile, needs a C++ compiler")
    add("--fixed-variance", action="store_true", help="write the posterior's variance, not the learned one")
    add("--float32", action="store_true", help="no bf16 autocast")
    add("--cpu", action="store_true", help="stay on the CPU even if there is a GPU")
    add("--dry-run", action="store_true", help="print what would be done, and stop")
    args = parser.parse_args(argv)
    preset = PRESETS[args.preset]
    for name in ("batch", "lr", "ema", "warm_up", "workers"):
        if getattr(args, name) is None:
            setattr(args, name, getattr(preset, name))
    args.phases = args.phases or tuple(map(Phase.parsed, preset.phases[args.stage].split()))
    args.name = args.name or args.stage
    args.out = args.out or ("runs" if args.stage == "small" else "checkpoints")
    return args
