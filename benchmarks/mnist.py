"""Ours against the loop that a student would write, over the same weights: `python -m benchmarks.mnist`.

    flow_ratio    our seconds over theirs, ten digits by flow matching, gamma 5      goal .7
    ddpm_ratio    the same by DDPM                                                   goal .7
    joint_ratio   eight runs submitted together over the same one after another      goal .8

Theirs is the course's loop: the UNet as it was trained (float32, BatchNorm in eval mode, eager), one
forward with the digits and one without at every step. Ours is a recipe through the studio, frames read
as the page reads them, in the precision the studio chooses; `..._float32` is the same in float32.
Arms take turns within every repeat, after a warm-up. A ratio is the median of the repeats' ratios.
On a machine that others use too, `--threads 1 --cpu` counts processor seconds, which are all our own.
"""

import argparse
import threading
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from benchmarks import common
from benchmarks.common import measured, ratio
from diffusion_core.levels import evenly, linear_alphas_cumprod
from diffusion_core.recipes import Recipe
from diffusion_core.samplers import Rng
from diffusion_core.serving.studio import Studio
from mnist_models import network, zoo
from mnist_models.unet import UNet

GAMMA = 5.0
DIGITS = list(range(10))
CROWD = ["0", "12", "345", "6789", "0", "12", "345", "6789"]  # digits of the eight runs
GOALS = {"flow_ratio": 0.7, "ddpm_ratio": 0.7, "joint_ratio": 0.8}
T = 300

Noise = Callable[[], Tensor]  # a fresh [B,1,28,28] of N(0, 1)


@torch.no_grad()
def flow_loop(net: UNet, digits: list[int], steps: int, gamma: float, noise: Noise) -> Tensor:
    """Euler along the guided velocity, from t = 0 to 1."""
    x = noise()
    c = torch.nn.functional.one_hot(torch.tensor(digits), 10).float()
    for k in range(steps):
        t = torch.full((len(x),), k / steps)
        unconditional = net(x, t, torch.zeros_like(c))
        conditional = net(x, t, c)
        x = x + (unconditional + gamma * (conditional - unconditional)) / steps
    return x


@torch.no_grad()
def ddpm_loop(net: UNet, digits: list[int], steps: int, gamma: float, noise: Noise) -> Tensor:
    """The reverse process of DDPM over every (T / steps)-th timestep; the last step draws nothing."""
    x = noise()
    c = torch.nn.functional.one_hot(torch.tensor(digits), 10).float()
    abar = linear_alphas_cumprod(T)
    timesteps = evenly(T, steps)
    for t, before in zip(timesteps, [*timesteps[1:], -1]):
        told = torch.full((len(x),), t / T)
        unconditional = net(x, told, torch.zeros_like(c))
        conditional = net(x, told, c)
        eps = unconditional + gamma * (conditional - unconditional)
        x0 = (x - (1 - abar[t]).sqrt() * eps) / abar[t].sqrt()
        if before < 0:
            return x0
        alpha = abar[t] / abar[before]
        mean = abar[before].sqrt() * (1 - alpha) / (1 - abar[t]) * x0
        mean = mean + alpha.sqrt() * (1 - abar[before]) / (1 - abar[t]) * x
        x = mean + ((1 - alpha) * (1 - abar[before]) / (1 - abar[t])).sqrt() * noise()
    return x


LOOPS = {"flow": flow_loop, "ddpm": ddpm_loop}


def house(root: Path, dtype: torch.dtype | None = None) -> Studio:
    """A studio with the two class-conditioned models, in a precision of ours or of its own choice."""
    studio = Studio()
    for model in ("flow-class", "ddpm-class"):
        studio.register(network.card(model, "last"), lambda m=model: network.load(m, "last", root, dtype))
    return studio


def recipe(model: str, digits: list[int] | str, steps: int, seed: int = 0) -> Recipe:
    text = "".join(map(str, digits))
    return Recipe.of("mnist-sample", model=model, digits=text, steps=steps, gamma=GAMMA, seed=seed)


def pictures(studio: Studio, wanted: Recipe, owner: str = "") -> Tensor:
    *_, result = studio.run(wanted, owner)
    return result.pictures


def together(studio: Studio, wanted: list[Recipe]) -> None:
    """All recipes at once, a thread and an owner each."""
    visitors = [
        threading.Thread(target=pictures, args=(studio, each, str(k))) for k, each in enumerate(wanted)
    ]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()


def one_model(model: str, how: argparse.Namespace, ours: Studio, ours32: Studio) -> dict:
    """Ten digits: theirs, ours, and ours in float32."""
    steps, root = steps_of(how)[model], how.root
    net, loop, wanted = zoo.load(f"{model}-class", root=root), LOOPS[model], recipe(model, DIGITS, steps)
    rng = Rng(DIGITS)  # the studio's noise: a seed per picture
    exact = loop(net, DIGITS, steps, GAMMA, lambda: rng.normal((1, 28, 28)))
    differences = [float((pictures(each, wanted) - exact).abs().max()) for each in (ours, ours32)]
    arms = {
        "theirs": lambda: loop(net, DIGITS, steps, GAMMA, lambda: torch.randn(len(DIGITS), 1, 28, 28)),
        "ours": lambda: pictures(ours, wanted),
        "ours, float32": lambda: pictures(ours32, wanted),
    }
    taken = measured(arms, how)  # warm by now
    return {
        f"{model}_ratio": ratio(taken, "ours", "theirs"),
        f"{model}_ratio_float32": ratio(taken, "ours, float32", "theirs"),
        f"{model}_difference": differences[0],
        f"{model}_difference_float32": differences[1],
        "seconds": {f"{model}, {arm}": each for arm, each in taken.items()},
    }


def a_crowd(how: argparse.Namespace, ours: Studio) -> dict:
    """Eight small runs, together and one by one."""
    crowd = [recipe("flow", digits, how.steps, seed=100 * k) for k, digits in enumerate(CROWD)]
    arms = {
        "one by one": lambda: [pictures(ours, each) for each in crowd],
        "together": lambda: together(ours, crowd),
    }
    together(ours, [each.changed(steps=2) for each in crowd])
    taken = measured(arms, how)
    return {
        "joint_ratio": ratio(taken, "together", "one by one"),
        "seconds": {f"eight runs, {arm}": each for arm, each in taken.items()},
    }


def steps_of(how: argparse.Namespace) -> dict[str, int]:
    """Network evaluations per picture, two rows each."""
    return {"flow": how.steps, "ddpm": T if how.full else how.steps}


def benchmark(how: argparse.Namespace) -> dict:
    """Everything that is printed: settings, seconds of all repeats, ratios, differences."""
    ours, ours32 = house(how.root), house(how.root, torch.float32)
    parts = [*(one_model(model, how, ours, ours32) for model in LOOPS), a_crowd(how, ours)]
    for studio in (ours, ours32):
        studio.engine.close()
    figures = {name: value for part in parts for name, value in part.items() if name != "seconds"}
    return {
        **common.surroundings(how),
        "pictures": len(DIGITS),
        "gamma": GAMMA,
        "steps": steps_of(how),
        **figures,
        "goals_met": {name: figures[name] <= goal for name, goal in GOALS.items()},
        "seconds": {arm: taken for part in parts for arm, taken in part["seconds"].items()},
    }


def table(report: dict) -> str:
    """The report for people."""
    lines = [
        common.head(report),
        f"{report['pictures']} digits, gamma {report['gamma']:g}; "
        + ", ".join(f"{model} {n} steps" for model, n in report["steps"].items()),
        "",
        *common.rows(report["seconds"]),
        "",
    ]
    for name, goal in GOALS.items():
        exact = report.get(f"{name}_float32")
        extra = "" if exact is None else f", {exact:.2f} in float32"
        lines.append(f"{name:26} {report[name]:7.2f}     (goal {goal}{extra})")
    for model in LOOPS:
        difference = report[f"{model}_difference_float32"]
        lines.append(f"largest difference, {model:6} {difference:7.0e}     (in float32, pictures in 0..1)")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> dict:
    parser = common.arguments(__doc__)
    parser.add_argument("--root", type=Path, default=zoo.FOLDER, help="folder of the models")
    parser.add_argument("--steps", type=int, default=50, help="network evaluations per picture")
    parser.add_argument("--full", action="store_true", help=f"all {T} steps of DDPM")
    how = common.told(parser, argv)
    return common.printed(benchmark(how), how, table)


if __name__ == "__main__":
    main()
