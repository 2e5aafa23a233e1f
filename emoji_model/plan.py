"""What a training will do: presets for kinds of machines, phases, and the options that change them."""

import argparse
import math
from dataclasses import dataclass

from emoji_model import cascade
from emoji_model.mixes import MIXES


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

    batch: int  # pictures a step
    lr: float  # step size after the ramp, until the last quarter
    ema: float  # decay of the averaged weights, per step
    warm_up: int  # steps of the T5's warm-up, 256 captions each
    workers: int  # processes that draw and paint
    phases: dict[str, str]  # by stage


PRESETS = {
    "cpu": Preset(
        batch=32,
        lr=6e-4,
        ema=0.9995,
        warm_up=1200,
        workers=1,
        phases={
            "small": "32:1300000:full 32:200000:pairs",
            "stage1": "64:300000:full",
            "stage2": "64:250000:full 128:50000:full",
        },
    ),
    "gpu": Preset(
        batch=512,
        lr=2e-3,
        ema=0.9995,
        warm_up=6000,
        workers=14,
        phases={
            "small": "32:12000000:full 32:2000000:pairs",
            "stage1": "64:6000000:full",
            "stage2": "128:2000000:full",
        },
    ),
}
RAMP = 300  # steps until the step size is reached
FALL = 0.25  # the last part of the work, over which it falls
LEAST = 0.05  # the share of the step size that is left at the end


@dataclass(frozen=True)
class Plan:
    """What a run will do, step by step."""

    phases: tuple[Phase, ...]
    batch: int
    seed: int

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
        """The share of the full step size: a ramp, then flat, then a cosine down to LEAST over the last
        FALL of the work, in pixels. Flat for long, so that a run may be prolonged (Hu et al. 2024, MiniCPM).
        """
        work = [phase.samples // self.batch * phase.size**2 for phase in self.phases]
        done, left = 0.0, step
        for phase, pixels in zip(self.phases, work):
            steps = phase.samples // self.batch
            done += pixels * min(left, steps) / max(steps, 1)
            left = max(0, left - steps)
        fallen = max(0.0, min(1.0, done / max(sum(work), 1)) - (1 - FALL)) / FALL
        return min(1.0, (step + 1) / RAMP) * (LEAST + (1 - LEAST) * (1 + math.cos(math.pi * fallen)) / 2)


def options(description: str, argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("stage", choices=("text", *cascade.FOLDERS))
    add("--preset", choices=PRESETS, default="cpu", help="batch, rates and phases for a kind of machine")
    add("--phases", type=lambda text: tuple(map(Phase.parsed, text.split())), help="size:samples:mix ...")
    add("--batch", type=int, help="pictures a step")
    add("--lr", type=float, help="the largest step size")
    add("--optimizer", choices=("adamw", "muon"), default="adamw")
    add("--ema", type=float, help="decay of the averaged weights, per step")
    add("--warm-up", type=int, help="steps of the T5's warm-up (text)")
    add("--workers", type=int, help="processes that draw and paint")
    add("--minutes", type=float, default=float("inf"), help="save and stop after so long; resume later")
    add("--data", help="the folder above artists/, doodles/, photos/, noto-emoji/ and wordnet/")
    add("--out", help="where finished weights go: checkpoints by default, for small runs")
    add("--runs", default="runs", help="where state and statistics go while training")
    add("--name", help="the name of the run; the stage by default")
    add("--seed", type=int, default=0)
    add("--report", type=int, default=100, help="steps between two lines of statistics")
    add("--sheet", type=int, default=100_000, help="samples between two sample sheets")
    add("--save-every", type=float, default=300, help="seconds between two saved states")
    add("--compile", action=argparse.BooleanOptionalAction, help="torch.compile; by default where it can")
    add("--continue-from", help="begin with the weights in this folder, as it was exported")
    add("--fixed-variance", action="store_true", help="write the posterior's variance, not the learned one")
    add("--float32", action="store_true", help="no bf16")
    add("--cpu", action="store_true", help="stay on the CPU even if there is a GPU")
    add("--dry-run", action="store_true", help="print what would be done, and stop")
    args = parser.parse_args(argv)
    preset = PRESETS[args.preset]
    for name in ("batch", "lr", "ema", "warm_up", "workers"):
        if getattr(args, name) is None:
            setattr(args, name, getattr(preset, name))
    if args.stage != "text":
        args.phases = args.phases or tuple(map(Phase.parsed, preset.phases[args.stage].split()))
    args.name = args.name or args.stage
    args.out = args.out or ("runs" if args.stage == "small" else "checkpoints")
    return args
