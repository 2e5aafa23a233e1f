"""What the pages show of MNIST without holding MNIST: ten digits that our flow model drew, and the mean.

python -m mnist_models.examples           draws the ten digits with the shipped flow-class model
python -m mnist_models.examples --mean    averages the 60,000 training digits (see data.py)

checkpoints/mnist/digits.png    ten pictures side by side, 28 x 280, with the recipe that made them
checkpoints/mnist/mean.json     the mean picture, 28 x 28 numbers in 0..1, and how far a digit is from it
"""

import argparse
import json
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch
from PIL import Image
from torch import Tensor

from diffusion_core.images import convert, export, grid
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.serving.studio import Studio
from mnist_models import data, network, zoo
from mnist_models.unet import SIZE

DRAWN_BY = "drawn by our flow model"
GAMMA, STEPS, SEED = 4.0, 50, 440  # of the seeds looked at, one with ten good digits


class Mean(NamedTuple):
    """picture [1,28,28] in [0,1], the mean of `count` digits; rms: how far a digit is from it."""

    picture: Tensor
    rms: float
    count: int


def digits(root: Path = zoo.FOLDER) -> list[Image.Image]:
    """The ten shipped digits, 0 to 9, 28 x 28 grey. CheckpointError with a remedy if they are not there."""
    path = root / "digits.png"
    try:
        sheet = convert.opened(path).convert("L")
    except RecipeError as error:
        raise zoo.CheckpointError(_remedy(path, "")) from error
    if sheet.size != (10 * SIZE, SIZE):
        raise zoo.CheckpointError(_remedy(path, ""))
    return [sheet.crop((SIZE * k, 0, SIZE * (k + 1), SIZE)) for k in range(10)]


def mean(root: Path = zoo.FOLDER) -> Mean:
    """The mean training digit. CheckpointError with a remedy if it is not there."""
    path = root / "mean.json"
    try:
        about = json.loads(path.read_text())
        picture = torch.tensor(about["mean"], dtype=torch.float32).reshape(1, SIZE, SIZE)
        return Mean(picture, float(about["rms"]), int(about["count"]))
    except (OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise zoo.CheckpointError(_remedy(path, " --mean")) from error


def register(studio: Studio, root: Path = zoo.FOLDER) -> None:
    """Tell a studio of "Digit 0" to "Digit 9"; the file is read when one is asked for."""
    for k in range(10):
        studio.examples[f"Digit {k}"] = partial(_digit, k, root)


def _digit(k: int, root: Path) -> Image.Image:
    return digits(root)[k]


def _remedy(path: Path, option: str) -> str:
    return (
        f"{path} is missing or damaged. Fetch the repository's file again, or make it: "
        f"python -m mnist_models.examples{option}"
    )


def draw(root: Path = zoo.FOLDER, gamma: float = GAMMA, steps: int = STEPS, seed: int = SEED) -> Path:
    """Draw the ten digits with the shipped flow-class model, and write digits.png with its recipe."""
    studio = Studio()
    network.register(studio, root)
    recipe = Recipe.of("mnist-sample", digits="0-9", gamma=gamma, steps=steps, seed=seed)
    *_, result = studio.run(recipe)
    path = root / "digits.png"
    path.write_bytes(export.with_recipe(grid.grid(result.pictures, 10, 0.0, 1.0, gap=0), recipe))
    return path


def average(root: Path = zoo.FOLDER, folder: str | None = None) -> Path:
    """Average the training digits and write mean.json. DataError if MNIST cannot be found."""
    pictures, _ = data.load("train", folder)
    pictures = data.as_pictures(pictures)
    middle = pictures.double().mean(0)
    facts = {
        "what": "the mean of the MNIST training digits, ink 1 on 0; rows from the top",
        "made_by": "python -m mnist_models.examples --mean",
        "count": len(pictures),
        "rms": round(float((pictures - middle).square().mean().sqrt()), 5),
        "rms_is": "root mean square difference between a training digit and the mean, per pixel",
        "mean": [[round(value, 5) for value in row] for row in middle[0].tolist()],
    }
    path = root / "mean.json"
    path.write_text(json.dumps(facts).replace("], [", "],\n[") + "\n")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--mean", action="store_true", help="average the training digits instead")
    parser.add_argument("--data", help="folder of the MNIST files (default: $MNIST_DIR, or a mirror)")
    parser.add_argument("--out", type=Path, default=zoo.FOLDER, help="folder of the shipped models")
    parser.add_argument("--gamma", type=float, default=GAMMA, help="guidance scale")
    parser.add_argument("--steps", type=int, default=STEPS, help="network evaluations per digit")
    parser.add_argument("--seed", type=int, default=SEED, help="what the noise is drawn from")
    args = parser.parse_args()
    try:
        path = (
            average(args.out, args.data) if args.mean else draw(args.out, args.gamma, args.steps, args.seed)
        )
    except (data.DataError, zoo.CheckpointError, RecipeError) as error:
        raise SystemExit(str(error)) from None
    print(path)


if __name__ == "__main__":
    main()
