"""What the training programs share: averaged weights, a resumable state, statistics as JSON lines.

A run's folder holds `state/` (what accelerate saves, and a Progress) and `stats.jsonl`; its lock, its stop
and progress.json are in resumable.py. The same command resumes it: every draw of a step hangs on
(seed, step) alone, and the state is swapped in whole.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch.optim.swa_utils import AveragedModel

from diffusion_core.resumable import write_whole

if TYPE_CHECKING:
    from accelerate import Accelerator


class Progress:
    """What accelerate keeps for us beside the weights: steps done, seconds spent, the latest losses."""

    def __init__(self, **more):
        self.step, self.seconds, self.losses = 0, 0.0, []
        vars(self).update(more)

    def state_dict(self) -> dict:
        return dict(vars(self))

    def load_state_dict(self, state: dict) -> None:
        vars(self).update(state)


def averaged(model: torch.nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average (EMA) of weights and batch statistics, with a warm-up:

    w_ema <- w_ema + (1 - d_n) (w - w_ema),   d_n = min(decay, (1 + n) / (10 + n)).
    """

    @torch.no_grad()
    def lerp(averages, currents, n) -> None:
        keep = min(decay, (1 + float(n)) / (10 + float(n)))
        for average, current in zip(averages, currents):
            if average.is_floating_point():
                average.lerp_(current.to(average.dtype), 1 - keep)
            else:
                average.copy_(current)

    return AveragedModel(model, multi_avg_fn=lerp, use_buffers=True)


def generator(seed: int, step: int, process: int, device: torch.device) -> torch.Generator:
    """The noise of one step on one process: the same after a resume as without one.

    The seed is mixed into the low 32 bits, for a CPU generator looks at no others.
    """
    mixed = (seed * 0x9E3779B1 & 0xFFFFFFFF) ^ ((step << 8) + process)
    return torch.Generator(device).manual_seed(mixed)


def save_state(accelerator: Accelerator, state: Path) -> None:
    """Write beside, then swap, so that a run killed while saving still has the state before."""
    fresh, old = state.with_name("state-new"), state.with_name("state-old")
    accelerator.save_state(str(fresh))
    if accelerator.is_main_process:
        shutil.rmtree(old, ignore_errors=True)
        if state.exists():
            state.rename(old)
        fresh.rename(state)
        shutil.rmtree(old, ignore_errors=True)
    accelerator.wait_for_everyone()


def recover(state: Path) -> None:
    """If a run was killed between the renames of save_state, the state before lies aside: take it back."""
    old = state.with_name("state-old")
    if old.exists() and not state.exists():
        old.rename(state)


class Statistics:
    """JSON lines; those later than the step a run resumes from, or cut by a kill, are dropped."""

    def __init__(self, path: Path, step: int, active: bool):
        self.path, self.active = path, active
        if active:
            lines = path.read_text().splitlines() if path.exists() else []
            write_whole(path, "".join(line + "\n" for line in lines if _step(line) <= step))

    def write(self, line: dict) -> None:
        if self.active:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)

    def copy(self, path: Path) -> None:
        write_whole(path, self.path.read_text())


def _step(line: str) -> float:
    """The step of a line of statistics; of one cut short, none that was ever reached."""
    try:
        return json.loads(line)["step"]
    except (KeyError, TypeError, ValueError):
        return float("inf")
