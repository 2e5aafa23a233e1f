"""How fast the built-in model learns: `python -m benchmarks.training --json`.

    samples/s   forward, backward and the optimizer's step at 32 x 32 and 64 x 64, on all cores and on one
                thread; goals 100 and 40 on two cores
    ratios      that over the way before: the shipped architecture, eager under autocast, in turns with ours
    gflop       sums and products of one row's forward, `done` where enlarging is merged with its convolution

The text comes as embeddings, so the T5 is not in it; before, its share was small. Medians of the repeats.
Compiling takes minutes the first time, is remembered by torch, and is reported apart. Each number of
threads has a process of its own, since compiled code knows how many there are. --size and --eager for one
resolution, and for ours without the compiler.
"""

import json
import os
import subprocess
import sys
import time
from statistics import median

import torch
from diffusers import UNet2DConditionModel
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import nn

from benchmarks import common
from emoji_model import cascade
from emoji_model.learner import Learner
from emoji_model.objective import Objective

BATCH, BATCH_BEFORE = {32: 64, 64: 32}, {32: 32, 64: 16}
GOALS = {32: 100.0, 64: 40.0}
NOW = {32: cascade.SMALL, 64: cascade.STAGE_1}
_BEFORE = cascade.SHARED | dict(
    sample_size=32,
    in_channels=3,
    block_out_channels=(32, 64, 128, 192),
    down_block_types=("ResnetDownsampleBlock2D",) * 2 + ("SimpleCrossAttnDownBlock2D",) * 2,
    up_block_types=("SimpleCrossAttnUpBlock2D",) * 2 + ("ResnetUpsampleBlock2D",) * 2,
)
BEFORE = {
    32: _BEFORE,
    64: _BEFORE
    | dict(
        sample_size=64,
        block_out_channels=(32, *_BEFORE["block_out_channels"]),
        down_block_types=("ResnetDownsampleBlock2D", *_BEFORE["down_block_types"]),
        up_block_types=(*_BEFORE["up_block_types"], "ResnetUpsampleBlock2D"),
    ),
}
"""What checkpoints/ held when this was written."""


def batch(size: int, count: int) -> tuple[torch.Tensor, torch.Tensor, torch.Generator]:
    """Noise for pictures, noise for text: the arithmetic is the same."""
    x0 = torch.randn(count, 3, size, size).contiguous(memory_format=torch.channels_last)
    return x0, torch.randn(count, cascade.TOKENS, cascade.TEXT_WIDTH), torch.Generator().manual_seed(0)


class Before:
    """The step as it was: autocast casts weights at every use, nothing is compiled."""

    def __init__(self, size: int):
        self.unet = UNet2DConditionModel(**BEFORE[size]).to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.AdamW(self.unet.parameters(), weight_decay=0.0, fused=True)
        self.objective, self.given = Objective(), batch(size, BATCH_BEFORE[size])

    def step(self) -> None:
        x0, text, rng = self.given
        t, eps = self.objective.times(len(x0), rng), torch.randn(x0.shape, generator=rng)
        with torch.autocast("cpu", torch.bfloat16):
            out = self.unet(self.objective.noised(x0, t, eps), t, text).sample
        loss, _ = self.objective.loss(eps, *out.float().chunk(2, dim=1), t)
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        self.optimizer.step()


class Now:
    """Ours, of learner.py."""

    def __init__(self, size: int, **options):
        self.learner = Learner(UNet2DConditionModel(**NOW[size]), Objective(), **options)
        self.given = batch(size, BATCH[size])

    def step(self) -> None:
        self.learner.step(*self.given)


def gflop(size: int) -> dict[str, float]:
    """Of one row's forward: of the network as it stands, and as it is computed in training."""
    unet = UNet2DConditionModel(**NOW[size])
    ups = [m for m in unet.modules() if isinstance(m, Upsample2D) and m.use_conv]
    merged = {up.conv for up in ups}
    merged |= {m.conv1 for m in unet.modules() if isinstance(m, ResnetBlock2D) and m.upsample is not None}
    total = {"stated": 0.0, "done": 0.0}

    def count(module: nn.Module, _, out: torch.Tensor) -> None:
        places = out.numel() // (out.shape[1] if out.ndim == 4 else out.shape[-1])
        flop = 2e-9 * module.weight.numel() * places
        total["stated"] += flop
        total["done"] += flop * (4 / 9 if module in merged else 1)

    for module in unet.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.register_forward_hook(count)
    with torch.no_grad():
        x0, text, _ = batch(size, 1)
        unet(x0, torch.tensor([500]), text)
    parameters = sum(weight.numel() for weight in unet.parameters())
    return {name: round(value, 3) for name, value in total.items()} | {"parameters": parameters}


def measure(how) -> dict:
    """One number of threads: every resolution, the two ways in turns."""
    report = common.surroundings(how) | {"sizes": {}}
    options = {"compiled": False} if how.eager else {}
    for size in how.size:
        arms = {"now": Now(size, **options), "before": Before(size)}
        first = {}
        for name, arm in arms.items():
            began = time.perf_counter()
            arm.step()
            first[name] = round(time.perf_counter() - began, 1)
            arm.step()
        taken = common.measured({name: arm.step for name, arm in arms.items()}, how)
        rows = {"now": BATCH[size], "before": BATCH_BEFORE[size]}
        report["sizes"][str(size)] = {
            "samples_per_second": {name: round(rows[name] / median(taken[name]), 1) for name in arms},
            "ratio": round(rows["now"] / rows["before"] / common.ratio(taken, "now", "before"), 2),
            "batch": rows,
            "seconds": taken,
            "first_step": first,
            "gflop": gflop(size),
        }
    return report


def apart(how, threads: int) -> dict:
    """`measure` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.training", "--json", "--threads", str(threads)]
    command += ["--repeats", str(how.repeats), "--size", *map(str, how.size)]
    command += [*["--cpu"] * how.cpu, *["--eager"] * how.eager]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def table(report: dict) -> str:
    if "threads" in report:
        runs, lines = {report["threads"]: report}, [common.head(report)]
    else:
        runs, lines = report["by_threads"], [common.head(next(iter(report["by_threads"].values())))]
    for threads, run in runs.items():
        for size, row in run["sizes"].items():
            speed = row["samples_per_second"]
            lines.append(
                f"{size} x {size}, {threads} threads: {speed['now']:6.1f} samples/s, before "
                f"{speed['before']:6.1f}, x {row['ratio']:.2f}; first step {row['first_step']['now']:.0f} s"
            )
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> dict:
    parser = common.arguments(__doc__)
    parser.add_argument("--size", type=int, nargs="+", choices=NOW, default=list(NOW))
    parser.add_argument("--eager", action="store_true", help="ours without torch.compile")
    how = common.told(parser, argv)
    if how.threads:
        return common.printed(measure(how), how, table)
    runs = {threads: apart(how, threads) for threads in sorted({os.cpu_count() or 1, 1}, reverse=True)}
    most = next(iter(runs.values()))["sizes"]
    met = {size: row["samples_per_second"]["now"] >= GOALS[int(size)] for size, row in most.items()}
    return common.printed({"by_threads": runs, "goals_met": met}, how, table)


if __name__ == "__main__":
    main()
