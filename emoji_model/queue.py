"""All trainings of this repository, one after another and side by side, in the background, for days.

    mkdir -p runs; nohup python -m emoji_model.queue --data FOLDER --mnist FOLDER >> runs/queue.jsonl &
    python -m emoji_model.queue --list          what is done, and how long the rest will take
    python -m emoji_model.queue --dry-run       the commands, and stop
    python -m emoji_model.queue --only flow-class ddpm-class

It may be stopped and killed at any moment; the same command goes on. At SIGTERM or Ctrl-C the trainings save
and stop. What a training says goes to RUNS/NAME/log.txt, how all of them fare to RUNS/queue.json, and what
happens to stdout, a line of JSON each. One that fails is tried three times; then the queue goes on with what
does not need it. Started again, it tries once more. To train one anew, remove its folder RUNS/NAME.
"""

import argparse
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from diffusion_core.training.resumable import LOCK, AlreadyRunning, is_locked, read_progress
from emoji_model.lanes import Job, Lanes

EMOJI, MNIST = "emoji_model.train", "mnist_models.train"


@dataclass(frozen=True)
class Training:
    """One line of the plan. The command is `python -m MODULE NAME`; samples and rate are for estimates only,
    until the training says itself how far it is."""

    name: str
    module: str
    samples: int  # pictures, crops or captions seen in all
    rate: float  # samples per second on one core, roughly
    after: tuple[str, ...] = ()


# fmt: off
PLAN = (
    #        name          module    samples     rate   after
    #                                            (1/s)
    Training("text",       EMOJI,      400_000,  200.0),              # the T5's words, by their pictures
    Training("small",      EMOJI,    1_500_000,   40.0, ("text",)),   # 32 pixels
    Training("stage1",     EMOJI,      300_000,   18.0, ("small",)),  # 64 pixels
    Training("stage2",     EMOJI,      300_000,   12.0, ("text",)),   # crops of 64 pixels, of 64 -> 256
    Training("denoiser",   MNIST,  5 * 60_000,    31.0),              # the course's epochs of 60,000 digits
    Training("flow-class", MNIST, 10 * 60_000,   110.0),
    Training("ddpm-class", MNIST, 20 * 60_000,   100.0),
    Training("flow-time",  MNIST, 10 * 60_000,   110.0),
    Training("ddpm-time",  MNIST, 20 * 60_000,   110.0),
)
# fmt: on


def command(training: Training, args: argparse.Namespace) -> list[str]:
    """What starts the training, and resumes it. Places that were not given are the training's own choice."""
    argv = [sys.executable, "-m", training.module, training.name, "--runs", str(args.runs)]
    out, data = (
        (args.out, args.data) if training.module == EMOJI else (args.out and args.out / "mnist", args.mnist)
    )
    return argv + ["--out", str(out)] * bool(out) + ["--data", str(data)] * bool(data)


def listing(plan: tuple[Training, ...], runs: Path, lanes: int) -> str:
    """The plan as a table: what is done, the samples, the hours so far, the hours left."""
    known = told(runs)
    rows = [("training", "state", "samples", "of", "hours", "left", "after")]
    spent, left = 0.0, 0.0
    for training in plan:
        now = read_progress(runs / training.name)
        planned, more = estimate(training, now)
        state = "done" if now["done"] else "started" if now["step"] else "-"
        if is_locked(runs / training.name / LOCK):
            state = "running"
        elif not now["done"] and known.get(training.name, {}).get("state") in ("failed", "blocked"):
            state = known[training.name]["state"]
        spent, left = spent + now["seconds"], left + more
        sizes = (f"{now['samples']:,}", f"{planned:,}")
        hours = (f"{now['seconds'] / 3600:.1f}", f"{more / 3600:.1f}")
        rows.append((training.name, state, *sizes, *hours, ", ".join(training.after)))
    widths = [max(map(len, column)) for column in zip(*rows)]
    left_aligned = (0, 1, 6)
    lines = [
        "  ".join(
            cell.ljust(width) if k in left_aligned else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]
    reasons = [f"{name}: {one['reason']}" for name, one in known.items() if one.get("state") == "failed"]
    total = f"{spent / 3600:.1f} hours of training are done; about {left / 3600:.1f} are left"
    beside = f", {left / 3600 / lanes:.1f} by the clock with {lanes} side by side" if lanes > 1 else ""
    return "\n".join([*lines, "", f"{total}{beside}.", *reasons])


def estimate(training: Training, now: dict) -> tuple[int, float]:
    """(samples in all, seconds left): by its own pace where it has begun, else by the plan's."""
    if not now["step"]:
        return training.samples, training.samples / training.rate
    planned = round(now["samples"] / now["step"] * now["steps"])
    to_go = 0 if now["done"] else now["steps"] - now["step"]
    return planned, now["seconds"] / now["step"] * to_go


def told(runs: Path) -> dict:
    """What the queue said last of each training; empty if it never did."""
    try:
        return dict(json.loads((runs / "queue.json").read_text())["trainings"])
    except (OSError, KeyError, TypeError, ValueError):
        return {}


def chosen(plan: tuple[Training, ...], only: list[str] | None, runs: Path) -> tuple[Training, ...]:
    """The trainings asked for. SystemExit with a sentence if there is no such, or one needs another first."""
    names = [training.name for training in plan]
    if unknown := [name for name in only or () if name not in names]:
        raise SystemExit(f"There is no training {unknown[0]!r}, only {', '.join(names)}.")
    plan = tuple(training for training in plan if not only or training.name in only)
    kept = {training.name for training in plan}
    for training in plan:
        for name in training.after:
            if name not in kept and not read_progress(runs / name)["done"]:
                raise SystemExit(f"{training.name} needs {name} first: add it to --only.")
    return plan


def options(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m emoji_model.queue",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    add = parser.add_argument
    add("--runs", type=Path, default=Path("runs"), help="where state and statistics go while training")
    add("--out", type=Path, help="where finished weights go, those of MNIST to OUT/mnist; else as each says")
    add("--data", help="folder of the pictures for the text models; else as `emoji_model.train` says")
    add("--mnist", help="folder with the four MNIST files; else $MNIST_DIR, else a download")
    add("--only", nargs="+", metavar="NAME", help="these trainings alone")
    add("--lanes", type=int, default=min(2, cores), help="trainings side by side; they share the cores")
    add("--cores", type=int, default=cores, help="threads in all; as many as there are cores by default")
    add("--nice", type=int, default=10, help="priority, 19 for the least, 0 for that of other programs")
    add("--list", action="store_true", help="print the plan, what is done and what is left")
    add("--dry-run", action="store_true", help="print the commands that would be run, and stop")
    args = parser.parse_args(argv)
    if not 1 <= args.lanes <= args.cores:
        parser.error(f"--lanes must be 1 to {args.cores}, the number of cores")
    if not -20 <= args.nice <= 19:
        parser.error("--nice must be -20 to 19")
    return args


def main(argv: list[str] | None = None) -> int:
    args = options(argv)
    plan = chosen(PLAN, args.only, args.runs)
    if args.list:
        print(listing(plan, args.runs, args.lanes))
        return 0
    if args.dry_run:
        for training in plan:
            if not read_progress(args.runs / training.name)["done"]:
                after = f"    # after {', '.join(training.after)}" if training.after else ""
                print(" ".join(["python", *command(training, args)[1:]]) + after)
        return 0
    names = {training.name for training in plan}
    jobs = [
        Job(training.name, command(training, args), tuple(n for n in training.after if n in names))
        for training in plan
    ]
    try:
        return Lanes(jobs, args.runs, args.lanes, args.cores, args.nice).run()
    except AlreadyRunning as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    sys.exit(main())
