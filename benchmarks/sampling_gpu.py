"""IF-I-M, L and XL on a GPU, random weights: `python -m benchmarks.sampling --gpu`.

Ours and IFPipeline, each as it is and compiled (torch.compile, CUDA graphs), one picture and eight with
guidance: two and sixteen rows per step. Per arm

    steps/s   of the whole run: 20 steps, the median of the repeats, after a warm-up
    floor     the share of the time that the UNet's FLOPs alone would take, at the speed that this card
              reaches in a product of two 8192 x 8192 matrices of the same precision
    GB        the most memory allocated, weights included
    apart     the largest difference from IFPipeline's picture, in -1..1; random weights make much of little

Arms run one after the other, or the peak of memory would be nobody's; nobody else should use the card.
The table is printed, and written beside this file with the card's name and the date.

The shapes are those whose parameters and FLOPs are the published models' own: 372 M and 0.229 TFLOP a
row, 935 M and 0.612, 4305 M and 2.879 (tests/test_benchmarks.py counts the parameters).
"""

import argparse
import gc
import json
import statistics
import time
from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path

import diffusers
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.arms import GAMMA, Ours, Theirs
from diffusion_core.models.network import best_dtype
from diffusion_core.techniques import text
from tests import tiny_if

COUNTS = 1, 8  # pictures at once
SIDE = 8192  # of the matrices that show what the card can do
COLUMNS = ("model", "pictures", "arm", "steps/s", "floor", "GB", "apart")


def shape(width: int) -> dict:
    """The UNet of a stage I whose first level has so many channels."""
    return dict(
        sample_size=64,
        layers_per_block=3,
        block_out_channels=(width, 2 * width, 3 * width, 4 * width),
        down_block_types=("ResnetDownsampleBlock2D",) + ("SimpleCrossAttnDownBlock2D",) * 3,
        up_block_types=("SimpleCrossAttnUpBlock2D",) * 3 + ("ResnetUpsampleBlock2D",),
        norm_num_groups=32,
        attention_head_dim=64,
        cross_attention_dim=4 * width,
        encoder_hid_dim=4096,
        addition_embed_type_num_heads=64,
    )


SHAPES = {"M": shape(192), "L": shape(320), "XL": shape(704)}


class Place:
    """Where it runs: the clock, the memory and the peak speed of a device. On a CPU only for trying out."""

    def __init__(self, device: str, dtype: torch.dtype):
        self.device, self.dtype, self.cuda = torch.device(device), dtype, device.startswith("cuda")
        self.name = torch.cuda.get_device_name() if self.cuda else "CPU"

    def seconds(self, run: Callable[[], object]) -> float:
        if self.cuda:
            torch.cuda.synchronize()
        began = time.perf_counter()
        run()
        if self.cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - began

    def peak(self, side: int = SIDE) -> float:
        """FLOP/s of a large product."""
        a, b = (torch.randn(side, side, device=self.device, dtype=self.dtype) for _ in range(2))
        product = partial(torch.matmul, a, b)
        return 2 * side**3 / min(self.seconds(product) for _ in range(10))

    def forget(self) -> None:
        """Compiled graphs and their memory go, and the peak is counted anew."""
        torch._dynamo.reset()
        gc.collect()
        if self.cuda:
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()

    def gigabytes(self) -> float | None:
        return torch.cuda.max_memory_allocated() / 1e9 if self.cuda else None

    def unet(self, settings: dict) -> diffusers.UNet2DConditionModel:
        """Made where it will run and in its precision: a float32 copy of XL would take 17 GB more."""
        torch.manual_seed(0)
        usual = torch.get_default_dtype()
        torch.set_default_dtype(self.dtype)
        try:
            with self.device:
                return tiny_if.stage_1_unet(**settings)
        finally:
            torch.set_default_dtype(usual)


@torch.no_grad()
def flops(unet: diffusers.UNet2DConditionModel) -> int:
    """FLOPs of diffusers' forward over one row."""
    like, side = unet.conv_in.weight, unet.config.sample_size
    x, text = like.new_zeros(1, 3, side, side), like.new_zeros(1, 77, unet.config.encoder_hid_dim)
    with FlopCounterMode(display=False) as counter:
        unet(x, 500, encoder_hidden_states=text)
    return counter.get_total_flops()


def one_model(name: str, place: Place, how: argparse.Namespace, peak: float) -> list[dict]:
    """All arms of one shape. Ours takes the same UNet over when theirs is done with it."""
    place.forget()
    unet = place.unet(SHAPES[name])
    per_row, found, expected = flops(unet), [], {}

    def measure(arm: str, run: Callable[..., Tensor], **options) -> None:
        for count in COUNTS:
            place.forget()
            picture = run(how.steps, count).to("cpu", torch.float32)  # warm-up, compilation
            expected.setdefault(count, picture)
            timed = partial(run, how.steps, count, **options)
            timed()
            taken = [place.seconds(timed) for _ in range(how.repeats)]
            step = statistics.median(taken) / how.steps
            found.append(
                {
                    "model": name,
                    "pictures": count,
                    "arm": arm,
                    "steps/s": 1 / step,
                    "floor": 2 * count * per_row / peak / step,
                    "GB": place.gigabytes(),
                    "apart": float((picture - expected[count]).abs().max()),
                }
            )

    theirs = Theirs(unet)
    measure("IFPipeline", theirs.picture, draws_on=place.device)
    if not how.eager:
        unet.compile(mode="reduce-overhead", fullgraph=True, dynamic=False)
        measure("IFPipeline, compiled", theirs.picture, draws_on=place.device)
    del theirs
    ours = Ours(unet, place.dtype, place.device)
    measure("ours", ours.alone)
    if not how.eager:
        ours.network._blocks = torch.compile(ours.network._blocks, mode="reduce-overhead", dynamic=False)
        measure("ours, compiled", ours.alone)
    ours.studio.engine.close()
    return found


def table(report: dict) -> str:
    """The report as Markdown."""

    def cell(value: object) -> str:
        return "-" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)

    lines = [
        f"# {report['card']}, {report['date']}",
        "",
        f"{report['precision']}, {report['steps']} steps, gamma {GAMMA:g}; torch {report['torch']}, "
        f"diffusers {report['diffusers']}. A large product runs at {report['peak'] / 1e12:.0f} TFLOP/s here.",
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    lines += ["| " + " | ".join(cell(row[name]) for name in COLUMNS) + " |" for row in report["rows"]]
    return "\n".join(lines) + "\n"


def benchmark(how: argparse.Namespace, device: str = "cuda") -> dict:
    diffusers.utils.logging.set_verbosity_error()
    text.install()
    place = Place(device, getattr(torch, how.dtype) if how.dtype else best_dtype(device))
    peak = place.peak(SIDE if place.cuda else 256)
    return {
        "card": place.name,
        "date": date.today().isoformat(),
        "torch": torch.__version__,
        "diffusers": diffusers.__version__,
        "precision": str(place.dtype).removeprefix("torch."),
        "steps": how.steps,
        "peak": peak,
        "rows": [row for name in how.shapes for row in one_model(name, place, how, peak)],
    }


def main(how: argparse.Namespace) -> dict:
    """how: of benchmarks.sampling. SystemExit with a sentence where there is no GPU."""
    if not torch.cuda.is_available():
        raise SystemExit("There is no GPU here; without --gpu the benchmark runs on the CPU.")
    report = benchmark(how)
    card = report["card"].lower().replace(" ", "-")
    where = Path(__file__).with_name(f"sampling-{card}-{report['precision']}.md")
    where.write_text(table(report), encoding="utf-8")
    print(json.dumps(report, indent=2) if how.json else table(report))
    return report
