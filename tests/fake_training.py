"""A training that learns nothing, for tests of the queue: steps of 10 ms, saved like the real ones.

    python fake_training.py NAME --runs R [--steps 30] [--save-every .05] [--fails 2] [--deaf]

Each line of RUNS/NAME/steps.txt is "step seconds-since-1970 threads", written when the step is done.
"""

import argparse
import os
import signal
import sys
import time
from pathlib import Path

from diffusion_core.training.resumable import (
    AlreadyRunning,
    read_progress,
    running,
    write_progress,
    write_whole,
)

parser = argparse.ArgumentParser()
parser.add_argument("name")
parser.add_argument("--runs", type=Path)
parser.add_argument("--steps", type=int, default=30)
parser.add_argument("--save-every", type=float, default=0.05)
parser.add_argument("--fails", type=int, default=0, help="fail this many times before the first step")
parser.add_argument("--deaf", action="store_true", help="do not hear SIGTERM")
args = parser.parse_args()
run = args.runs / args.name


def train(stop) -> None:
    (run / "tries.txt").open("a").write(f"{time.time()}\n")
    if len((run / "tries.txt").read_text().splitlines()) <= args.fails:
        print("a line before")
        sys.exit("out of luck")
    if args.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    state = run / "state.txt"
    step = int(state.read_text()) if state.exists() else 0
    assert step >= read_progress(run)["step"], "the state is older than what was said of it"
    saved = time.monotonic()
    while step < args.steps:
        time.sleep(0.01)
        step += 1
        with (run / "steps.txt").open("a") as file:
            file.write(f"{step} {time.time()} {os.environ['OMP_NUM_THREADS']}\n")
        stopping = stop.asked and not args.deaf
        if stopping or step == args.steps or time.monotonic() - saved > args.save_every:
            write_whole(state, str(step))
            facts = dict(step=step, steps=args.steps, samples=8 * step, seconds=0.01 * step)
            write_progress(run, **facts, done=step == args.steps)
            saved = time.monotonic()
        if stopping:
            return


try:
    with running(run) as stop:
        train(stop)
except AlreadyRunning as error:
    sys.exit(str(error))
