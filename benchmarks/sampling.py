"""Ours against diffusers' DeepFloyd IF pipeline, over the same weights: `python -m benchmarks.sampling`.

    solo_ratio       our seconds over theirs, one guided picture, both in float32          goal .85
    solo_ratio_best  the same, ours in the precision it chooses on this CPU                goal .7
    anagram_ratio    two views of one picture, against visual_anagrams' loop, float32
    host_ops_ratio   operators per step outside the UNet, ours over DDPMScheduler.step's   goal .25

The UNet is of IF's format and has random weights: 64 x 64 pixels, 8.9 M parameters, 4.4 GFLOP. Theirs is
IFPipeline, and for the anagram the published loop: a forward over two rows per view through diffusers'
UNet, then DDPMScheduler.step. Ours is a recipe through the studio, frames read as the page reads them.
Nobody's text encoder is timed: both are handed the embeddings. Both draw from the same seed, and how far
the pictures (in -1..1) lie apart is reported. Arms take turns within every repeat, after a warm-up.

Operators are what torch dispatches, composite ones taken apart; both are counted in a second run, since
what can be kept is kept after the first. `--gpu` is another benchmark: see sampling_gpu.py.
On a machine that others use too, `--threads 1 --cpu` counts processor seconds, which are all our own.
"""

import argparse
import copy
from functools import partial

import diffusers
import torch

from benchmarks import common, sampling_gpu
from benchmarks.arms import GAMMA, SEED, Ours, Theirs
from benchmarks.common import measured, ratio
from benchmarks.operators import Operators, per_step
from diffusion_core.models.network import best_dtype
from diffusion_core.techniques import text
from tests import tiny_if

GOALS = {"solo_ratio": 0.85, "solo_ratio_best": 0.7, "host_ops_ratio": 0.25}
SHAPE = dict(
    sample_size=64,
    block_out_channels=(32, 64, 128, 192),
    down_block_types=("ResnetDownsampleBlock2D",) * 2 + ("SimpleCrossAttnDownBlock2D",) * 2,
    up_block_types=("SimpleCrossAttnUpBlock2D",) * 2 + ("ResnetUpsampleBlock2D",) * 2,
    attention_head_dim=64,
    cross_attention_dim=256,
)


def speed(how: argparse.Namespace, theirs: Theirs, ours: Ours, best: Ours) -> dict:
    """Ratios and differences: one picture, and an anagram."""
    arms = {
        "solo, theirs": theirs.picture,
        "solo, ours": ours.picture,
        "solo, ours at its best": best.picture,
        "anagram, theirs": theirs.anagram,
        "anagram, ours": ours.anagram,
        "anagram, ours at its best": best.anagram,
    }
    pictures = {name: arm(how.steps) for name, arm in arms.items()}  # all are warm then
    taken = measured({name: partial(arm, how.steps) for name, arm in arms.items()}, how)

    def compared(what: str, whose: str) -> tuple[float, float]:
        pair = f"{what}, {whose}", f"{what}, theirs"
        return ratio(taken, *pair), float((pictures[pair[0]] - pictures[pair[1]]).abs().max())

    figures = {}
    for what in ("solo", "anagram"):
        for whose, suffix in (("ours", ""), ("ours at its best", "_best")):
            figures[f"{what}_ratio{suffix}"], figures[f"{what}_difference{suffix}"] = compared(what, whose)
    return {**figures, "seconds": taken}


def operators(theirs: Theirs, ours: Ours) -> dict:
    """Operators per step: ours with all that is outside the UNet, theirs in DDPMScheduler.step alone, and
    theirs with all that IFPipeline does outside the UNet."""
    scheduler, x = theirs.scheduler, torch.randn(1, 6, 8, 8)
    scheduler.set_timesteps(10)
    generator = torch.Generator().manual_seed(SEED)
    with torch.no_grad(), Operators() as counted:
        scheduler.step(x, scheduler.timesteps[0], x[:, :3], generator=generator)
    mine, step = per_step(ours.alone, ours.network, "_blocks", "_embedded"), counted.counts.total()
    return {
        "host_ops": mine,
        "host_ops_theirs": step,
        "host_ops_pipeline": per_step(theirs.picture, theirs.unet, "forward"),
        "host_ops_ratio": mine / step,
    }


def benchmark(how: argparse.Namespace) -> dict:
    """Everything that is printed: settings, ratios, differences, operators, seconds of all repeats."""
    diffusers.utils.logging.set_verbosity_error()
    text.install()
    torch.manual_seed(SEED)
    unet = tiny_if.stage_1_unet(**SHAPE)
    size = sum(weight.numel() for weight in unet.parameters())
    theirs = Theirs(unet)
    ours, best = (Ours(copy.deepcopy(unet), dtype) for dtype in (torch.float32, best_dtype()))
    figures = speed(how, theirs, ours, best) | operators(theirs, ours)
    for each in (ours, best):
        each.studio.engine.close()
    return {
        **common.surroundings(how),
        "unet": f"{size / 1e6:.1f} M parameters, {SHAPE['sample_size']} pixels",
        "gamma": GAMMA,
        "steps": how.steps,
        **figures,
        "goals_met": {name: figures[name] <= goal for name, goal in GOALS.items()},
    }


def table(report: dict) -> str:
    """The report for people."""
    ratios = [name for name in report if "_ratio" in name]
    apart = {
        "one picture, float32": report["solo_difference"],
        "one picture, at our best": report["solo_difference_best"],
        "anagram, float32": report["anagram_difference"],
        "anagram, at our best": report["anagram_difference_best"],
    }
    return "\n".join(
        [
            common.head(report),
            f"{report['unet']}; {report['steps']} steps, gamma {report['gamma']:g}",
            "",
            *common.rows(report["seconds"]),
            "",
            *(
                f"{name:26} {report[name]:7.2f}" + (f"     (goal {GOALS[name]})" if name in GOALS else "")
                for name in ratios
            ),
            "",
            f"operators per step outside the UNet: ours {report['host_ops']:g}, theirs "
            f"{report['host_ops_theirs']} in DDPMScheduler.step ({report['host_ops_pipeline']:g} in all)",
            *(f"largest difference, {name:26} {value:7.0e}" for name, value in apart.items()),
        ]
    )


def main(argv: list[str] | None = None) -> dict:
    parser = common.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=20, help="forwards per picture")
    parser.add_argument(
        "--gpu", action="store_true", help="IF-I-M, L and XL on the GPU; what follows is for it"
    )
    parser.add_argument("--shapes", nargs="+", choices=("M", "L", "XL"), default=["M", "L", "XL"])
    parser.add_argument("--dtype", choices=("bfloat16", "float16"), help="the card's best unless given")
    parser.add_argument("--eager", action="store_true", help="do not compile, which takes minutes per shape")
    how = common.told(parser, argv)
    if how.gpu:
        return sampling_gpu.main(how)
    return common.printed(benchmark(how), how, table)


if __name__ == "__main__":
    main()
