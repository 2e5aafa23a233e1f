"""Measure the shipped MNIST models, live: `python -m mnist_models.evaluate --json`.

    python -m mnist_models.evaluate                     the full measurement, as a table
    python -m mnist_models.evaluate --json --quick      fewer samples and steps, one JSON object
    python -m mnist_models.evaluate flow-class --write  one model; the figures go into its model.json

Digits are drawn by the same recipes, loop, engine and half-precision networks as in the app.

    class accuracy   share of class-conditioned samples that the classifier reads as the digit asked for;
                     with guidance as in the course (gamma 5), and as `..._gamma1` without
    class frechet    Frechet distance, in the classifier's features, of the samples to the 10,000 test
                     digits; the floors are the same distance of real training digits: of 5,000 of them, and
                     of as many as there are samples, for a small set looks farther away than it is
    denoiser mse     mean squared error of x0^ on test digits with noise of sigma .5; identity: of x_t itself
"""

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from diffusion_core.estimates import Condition, given
from diffusion_core.levels import Level, noised
from diffusion_core.loop import ask_once
from diffusion_core.recipes import Recipe
from diffusion_core.samplers import Rng
from diffusion_core.serving.studio import Studio
from mnist_models import classifier, data, network, zoo
from mnist_models.frechet import frechet_distance
from mnist_models.objectives import DENOISER_SIGMA

SAMPLED, DENOISER = ("flow-class", "ddpm-class"), "denoiser"
MEASURED = (*SAMPLED, DENOISER)
GAMMA = 5.0  # guidance scale, the course's
UNGUIDED = 1.0  # what the model knows of a class by itself
SHEET = 100  # digits in one recipe: ten of each class
FLOOR_DIGITS = 5_000  # training digits whose distance to the test digits is the floor


@dataclass(frozen=True)
class Plan:
    """How much is measured. Solvers are named as in the recipes."""

    samples: int = 1_000  # digits drawn with each model, a tenth of each class
    flow_steps: int = 50  # network evaluations a sample
    flow_solver: str = "as trained"  # Euler
    ddpm_steps: int = 100  # of the 300 levels it was trained on; all of them take three times as long
    ddpm_solver: str = "as trained"  # ancestral
    denoised: int = 10_000  # test digits the denoiser sees

    def sampler(self, model: str) -> dict:
        """The part of a recipe that says how a model is sampled."""
        kind = model.split("-")[0]
        return {"steps": getattr(self, f"{kind}_steps"), "solver": getattr(self, f"{kind}_solver")}


FULL = Plan()
QUICK = Plan(samples=100, ddpm_steps=50, ddpm_solver="ddim", denoised=1_000)


class Judge:
    """The classifier, and what it sees in the real digits. Looked at once, when first needed."""

    def __init__(self, root: Path, folder: str | None):
        self.net = classifier.load(root)
        self.test, self.labels = data.load("test", folder)
        self.train, _ = data.load("train", folder)
        read, self.test_features = classifier.judge(self.net, data.as_pictures(self.test))
        self.test_accuracy = float((read == self.labels).double().mean())
        _, self.train_features = classifier.judge(self.net, data.as_pictures(self.train[:FLOOR_DIGITS]))

    def floor(self, count: int) -> float:
        """The distance of the first `count` training digits (at most 5,000) to the test digits."""
        return frechet_distance(self.train_features[:count], self.test_features)

    def of(self, pictures: Tensor, asked: Tensor) -> tuple[float, float]:
        """Accuracy and Frechet distance of samples [N,1,28,28], as shown: clamped to [0, 1]."""
        read, features = classifier.judge(self.net, pictures.clamp(0, 1))
        return float((read == asked).double().mean()), frechet_distance(features, self.test_features)


def drawn(studio: Studio, model: str, plan: Plan, gamma: float = GAMMA) -> tuple[Tensor, Tensor]:
    """plan.samples digits [N,1,28,28] and the class asked of each [N]; sample n starts from seed n."""
    pictures = []
    for first in range(0, plan.samples, SHEET):
        recipe = Recipe.of(
            "mnist-sample",
            model=model.split("-")[0],
            conditioning="class",
            digits=f"{SHEET // 10}x10",
            gamma=gamma,
            seed=first,
            **plan.sampler(model),
        )
        *_, result = studio.run(recipe)
        pictures.append(result.pictures)
        print(f"{model}, gamma {gamma:g}: {first + SHEET} of {plan.samples} digits", file=sys.stderr)
    return torch.cat(pictures), torch.arange(10).repeat(plan.samples // 10)


def sampled(studio: Studio, model: str, judge: Judge, plan: Plan) -> dict:
    """What model.json shall say of a class-conditioned model."""
    began = time.perf_counter()
    accuracy, distance = judge.of(*drawn(studio, model, plan))
    alone, farther = judge.of(*drawn(studio, model, plan, UNGUIDED))
    seconds = time.perf_counter() - began
    return {
        "class_accuracy": round(accuracy, 4),
        "class_frechet": round(distance, 3),
        "class_accuracy_gamma1": round(alone, 4),
        "class_frechet_gamma1": round(farther, 3),
        "frechet_floor": round(judge.floor(FLOOR_DIGITS), 3),
        "frechet_floor_at_samples": round(judge.floor(plan.samples), 3),
        "samples": plan.samples,
        **plan.sampler(model),
        "gamma": GAMMA,
        "seconds": round(seconds, 1),
    }


def denoised(studio: Studio, judge: Judge, plan: Plan) -> dict:
    """What model.json shall say of the denoiser: mean over test digits and pixels, pictures in [0, 1]."""
    began = time.perf_counter()
    level, card = Level(0.0, 1.0, DENOISER_SIGMA), studio.card(f"mnist/{DENOISER}/last")
    studio.network(card.name)
    total = identity = 0.0
    for rows in torch.arange(plan.denoised).split(200):
        x0 = data.as_pictures(judge.test[rows])
        x_t = noised(x0, level, Rng(rows.tolist()).normal_like(x0))
        estimate = given(card, Condition((None,) * len(rows)))
        answer = studio.engine.submit(ask_once(x_t, level, estimate)).result()
        total += float((answer - x0).square().mean(dim=(1, 2, 3)).sum())
        identity += float((x_t - x0).square().mean(dim=(1, 2, 3)).sum())
    return {
        "mse": round(total / plan.denoised, 5),
        "identity_mse": round(identity / plan.denoised, 5),
        "sigma": DENOISER_SIGMA,
        "test_digits": plan.denoised,
        "seconds": round(time.perf_counter() - began, 1),
    }


def measured(models: list[str], plan: Plan, root: Path, folder: str | None) -> dict[str, dict]:
    """The quality of each model asked for, and of the classifier that judges them.

    CheckpointError or DataError, with a sentence, if weights or digits are missing or damaged.
    """
    judge, studio = Judge(root, folder), Studio()
    network.register(studio, root)
    quality = {
        classifier.NAME: {"test_accuracy": round(judge.test_accuracy, 5), "test_digits": len(judge.test)}
    }
    try:
        for model in models:
            one = denoised(studio, judge, plan) if model == DENOISER else sampled(studio, model, judge, plan)
            quality[model] = one | {"precision": str(studio.network(f"mnist/{model}/last").dtype)[6:]}
    finally:
        studio.engine.close()
    return quality


def flat(quality: dict[str, dict]) -> dict:
    """The figures by the names that benchmarks read; of models that were left out there is nothing."""
    figures = {"classifier_test_accuracy": quality[classifier.NAME]["test_accuracy"]}
    for model in SAMPLED:
        if one := quality.get(model):
            kind = model.split("-")[0]
            figures |= {f"{kind}_{name}": one[name] for name in one if name.startswith("class_")}
            figures |= {name: one[name] for name in ("frechet_floor", "frechet_floor_at_samples")}
    if one := quality.get(DENOISER):
        figures |= {"denoiser_mse": one["mse"], "identity_mse": one["identity_mse"]}
    return figures


def options(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("models", nargs="*", metavar="MODEL", help=f"some of {', '.join(MEASURED)}; all by default")
    add("--json", action="store_true", help="print one JSON object instead of a table")
    add("--quick", action="store_true", help="fewer samples, strided: under a minute on two cores")
    add("--write", action="store_true", help='store the figures under "quality" in each model.json')
    add("--root", type=Path, default=zoo.FOLDER, help="where the models are; checkpoints/mnist by default")
    add("--data", help="folder with the four MNIST files; else $MNIST_DIR, else a download")
    args = parser.parse_args(argv)
    if strange := set(args.models) - set(MEASURED):
        parser.error(f"no measurement for {min(strange)}; there are {', '.join(MEASURED)}")
    if args.write and args.quick:
        parser.error("--write stores the full measurement only; leave out --quick")
    args.models = args.models or list(MEASURED)
    return args


def main(argv: list[str] | None = None) -> None:
    args, began = options(argv), time.perf_counter()
    plan = QUICK if args.quick else FULL
    try:
        quality = measured(args.models, plan, args.root, args.data)
    except (zoo.CheckpointError, data.DataError) as error:
        raise SystemExit(str(error)) from None
    if args.write:
        for model, one in quality.items():
            zoo.describe(args.root / model, {"quality": one})
    report = flat(quality) | {
        "quick": args.quick,
        "plan": asdict(plan),
        "models": quality,
        "threads": torch.get_num_threads(),
        "seconds": round(time.perf_counter() - began, 1),
    }
    if args.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            if not isinstance(value, dict):
                print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
