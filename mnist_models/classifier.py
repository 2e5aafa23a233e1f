"""A classifier of digits, the judge of the MNIST models: `python -m mnist_models.classifier`.

It answers two questions about a sample: which digit is it (logits), and what does it look like
(features, for the Frechet distance). About three minutes on two cores; nothing to resume.

    x [B,1,28,28] -> DownConv 32, Conv 64, Conv 64 (14 x 14) -> DownConv 128, Conv 128 (7 x 7)
      -> mean over the 7 x 7 places -> Linear 64, GELU = features [B,64] -> Linear 10 = logits [B,10]

The training digits are turned, scaled and shifted a little, each by its own random amount. Adam follows
the one-cycle schedule (Smith and Topin 2018): the step size climbs for a fifth of the run, then falls to 0.
"""

import argparse
import json
import platform
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mnist_models import data, zoo
from mnist_models.unet import CLASSES, SIZE, Conv, DownConv

NAME, STEM = "classifier", "weights"
FEATURES = 64


@dataclass(frozen=True)
class Recipe:
    """How the classifier is trained."""

    epochs: int = 5  # passes over the 60,000 digits
    batch: int = 128  # digits per step
    lr: float = 4e-3  # Adam's largest step size
    weight_decay: float = 1e-2  # pulls the weights to 0, decoupled from the gradient (AdamW)
    turn: float = 12.0  # degrees, at most, to either side
    scale: float = 0.1  # larger or smaller by at most this share
    shift: float = 2.0  # pixels, at most, in x and in y


class Classifier(nn.Module):
    """x [B,1,28,28] in [0,1] -> logits [B,10]."""

    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(
            DownConv(1, 32), Conv(32, 64), Conv(64, 64), DownConv(64, 128), Conv(128, 128)
        )
        self.squeeze = nn.Sequential(nn.Linear(128, FEATURES), nn.GELU())
        self.head = nn.Sequential(nn.Dropout(0.2), nn.Linear(FEATURES, CLASSES))

    def features(self, x: Tensor) -> Tensor:
        """x [B,1,28,28] in [0,1] -> [B,64], what the last layer sees."""
        return self.squeeze(self.trunk(x).mean(dim=(2, 3)))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def load(root: Path = zoo.FOLDER) -> Classifier:
    """The shipped classifier, float32, ready to answer. CheckpointError if files are missing or damaged."""
    zoo.facts(NAME, root)
    net = Classifier()
    zoo.load_tensors(net, root / NAME, STEM, NAME)
    return net.eval().requires_grad_(False)


@torch.inference_mode()
def judge(net: Classifier, pictures: Tensor, batch: int = 500) -> tuple[Tensor, Tensor]:
    """pictures [N,1,28,28] in [0,1] -> digits [N] int64 and features [N,64] float32, `batch` at a time."""
    parts = [net.features(x.contiguous(memory_format=torch.channels_last)) for x in pictures.split(batch)]
    features = torch.cat(parts).float()
    return net.head(features).argmax(dim=1), features


def accuracy(net: Classifier, images: Tensor, labels: Tensor) -> float:
    """The share of digits, uint8 [N,1,28,28] with labels [N], that the classifier reads rightly."""
    digits, _ = judge(net, data.as_pictures(images))
    return float((digits == labels).double().mean())


def augmented(x: Tensor, recipe: Recipe, rng: torch.Generator) -> Tensor:
    """x [B,1,28,28], each picture turned, scaled and shifted by its own random amounts; outside is 0.

    Output pixel p shows input pixel A p + s, with A a turn times a scale; a pixel is 2/28 of the grid's unit.
    """

    def uniform(limit: float) -> Tensor:
        return limit * (2 * torch.rand(len(x), generator=rng, device=x.device) - 1)

    angle, scale = torch.deg2rad(uniform(recipe.turn)), 1 + uniform(recipe.scale)
    cos, sin = scale * angle.cos(), scale * angle.sin()
    right, down = uniform(recipe.shift * 2 / SIZE), uniform(recipe.shift * 2 / SIZE)
    maps = torch.stack([cos, -sin, right, sin, cos, down], dim=1).view(-1, 2, 3)
    grid = F.affine_grid(maps, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, align_corners=False)


def train(recipe: Recipe, images: Tensor, labels: Tensor, seed: int, device: torch.device) -> Classifier:
    """A classifier trained on uint8 images [N,1,28,28] and labels [N]; prints a line of JSON an epoch."""
    torch.manual_seed(seed)  # the first weights, and dropout
    rng = torch.Generator(device).manual_seed(seed)
    images, labels = images.to(device), labels.to(device)
    net = Classifier().to(device, memory_format=torch.channels_last).train()
    steps = len(images) // recipe.batch
    optimizer = torch.optim.AdamW(net.parameters(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.lr, total_steps=recipe.epochs * steps, pct_start=0.2
    )
    started = time.perf_counter()
    for epoch in range(recipe.epochs):
        order = torch.randperm(len(images), generator=rng, device=device)
        total = torch.zeros((), device=device)
        for rows in order[: steps * recipe.batch].split(recipe.batch):
            x = augmented(data.as_pictures(images[rows]), recipe, rng)
            with torch.autocast(device.type, torch.bfloat16):
                logits = net(x.contiguous(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits.float(), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.detach()
        line = {"epoch": epoch + 1, "loss": round(float(total) / steps, 5)}
        print(json.dumps(line | {"seconds": round(time.perf_counter() - started, 1)}), flush=True)
    return net.cpu().eval()


def made_by(recipe: Recipe, args: argparse.Namespace, digits: int, seconds: float, cpu: float) -> dict:
    """What model.json says before the accuracy is measured."""
    gpu = device_of(args).type == "cuda"
    return {
        "name": NAME,
        "network": {"features": FEATURES, "classes": CLASSES},
        "recipe": asdict(recipe),
        "data": "MNIST, 60,000 training digits (LeCun et al. 1998), as numbers in [0, 1]",
        "made": {
            "command": "python -m mnist_models.classifier"
            + (f" --epochs {args.epochs}" if args.epochs else "")
            + (f" --seed {args.seed}" if args.seed else ""),
            "epochs": recipe.epochs,
            "steps": recipe.epochs * (digits // recipe.batch),
            "samples": recipe.epochs * (digits // recipe.batch) * recipe.batch,
            "seed": args.seed,
            "seconds": round(seconds),
            "cpu_seconds": round(cpu),  # over all threads; on a busy machine it says more than the clock
            "hardware": torch.cuda.get_device_name() if gpu else f"CPU, {platform.machine()}",
            "threads": None if gpu else torch.get_num_threads(),
            "precision": "bf16",
            "torch": torch.__version__,
        },
    }


def options(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("--epochs", type=int, help=f"passes over the digits; {Recipe.epochs} by default")
    add("--data", help="folder with the four MNIST files; else $MNIST_DIR, else a download")
    add("--out", default=str(zoo.FOLDER), help="where the weights go, in a folder named classifier")
    add("--seed", type=int, default=0)
    add("--cpu", action="store_true", help="stay on the CPU even if there is a GPU")
    add("--dry-run", action="store_true", help="print what would be done, and stop")
    args = parser.parse_args(argv)
    args.load = lambda split: data.load(split, args.data)
    return args


def device_of(args: argparse.Namespace) -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() and not args.cpu else "cpu")


def run(recipe: Recipe, args: argparse.Namespace) -> dict:
    """Train, write, read back what was written, and measure that on the test digits; returns the quality."""
    images, labels = args.load("train")
    folder, started, cpu = Path(args.out) / NAME, time.perf_counter(), time.process_time()
    net = train(recipe, images, labels, args.seed, device_of(args))
    spent = time.perf_counter() - started, time.process_time() - cpu
    about = made_by(recipe, args, len(images), *spent)
    zoo.save_tensors(folder, STEM, net.state_dict())
    zoo.describe(folder, about)
    test = args.load("test")
    quality = {"test_accuracy": round(accuracy(load(Path(args.out)), *test), 5), "test_digits": len(test[0])}
    zoo.describe(folder, {"quality": quality})
    return quality


def main(argv: list[str] | None = None) -> None:
    args = options(argv)
    recipe = Recipe(epochs=args.epochs) if args.epochs else Recipe()
    if args.dry_run:
        print(json.dumps({"name": NAME, "recipe": asdict(recipe)}, indent=2))
        return
    try:
        print(json.dumps(run(recipe, args)))
    except data.DataError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
