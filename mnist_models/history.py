"""What the files of the shipped models tell of their training: curves, an experiment, how each was made."""

import contextlib
import math
from pathlib import Path
from typing import NamedTuple

import torch

from mnist_models import zoo
from mnist_models.unet import UNet, UNetConfig

FIXED = "flow-class-fixed"  # flow-class again, with the step size held at 1e-4
GROUPS = {
    "flow": ("flow-class", "flow-time", FIXED),
    "ddpm": ("ddpm-class", "ddpm-time"),
    "denoiser": ("denoiser",),
}  # objective -> runs whose losses may be compared, for they predict the same thing
COLUMNS = (
    "Model", "Learns", "Parameters", "Epochs", "Steps x batch", "Step size", "Took", "On", "Quality"
)  # fmt: skip


class Point(NamedTuple):
    """One report of a run: epochs done (not whole on the way), the loss, and which run it is of."""

    epoch: float
    loss: float
    run: str


def curve(name: str, root: Path = zoo.FOLDER) -> list[dict]:
    """The reports of a run, see train.py. CheckpointError with a remedy if the file is missing or damaged."""
    try:
        lines = zoo.curve(name, root)
        [(line["epoch"] + 0.0, line["loss"] + 0.0, line.get("test_loss", 0.0) + 0.0) for line in lines]
    except (OSError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise zoo.CheckpointError(f"The training curve of {name} cannot be read ({error}).") from None
    if not lines:
        raise zoo.CheckpointError(f"The training curve of {name} is not here.")
    return lines


def training_points(name: str, window: int, root: Path = zoo.FOLDER) -> list[Point]:
    """The training loss of each report, as the mean of the `window` reports up to there."""
    lines = curve(name, root)
    losses = smoothed([line["loss"] for line in lines], window)
    return [Point(line["epoch"], loss, name) for line, loss in zip(lines, losses)]


def test_points(name: str, root: Path = zoo.FOLDER) -> list[Point]:
    """The loss on held-out digits after each epoch."""
    return [
        Point(line["epoch"], line["test_loss"], name) for line in curve(name, root) if "test_loss" in line
    ]


test_points.__test__ = False  # a name that pytest would take for a test


def smoothed(values: list[float], window: int) -> list[float]:
    """Each value replaced by the mean of itself and up to window - 1 before it."""
    return [
        math.fsum(values[max(0, k + 1 - window) : k + 1]) / min(k + 1, window) for k in range(len(values))
    ]


def fixed_rate(root: Path = zoo.FOLDER) -> str:
    """What the experiment of a fixed step size shows, in a sentence or two, from the two curves.

    CheckpointError if one of them is missing or damaged.
    """
    falling, fixed = ({round(p.epoch): p.loss for p in test_points(n, root)} for n in ("flow-class", FIXED))
    common = sorted(falling.keys() & fixed.keys())
    if not common:
        raise zoo.CheckpointError("The two curves of the experiment have no epoch in common yet.")
    last = common[-1]
    start, held = curve("flow-class", root)[0].get("lr", 0.01), curve(FIXED, root)[0].get("lr", 1e-4)
    epochs = f"{last} epoch{'s' * (last > 1)}"
    text = (
        f"**A large step that shrinks, or a small one throughout?** After {epochs} the test loss is "
        f"{falling[last]:.4f} for flow-class, whose step size falls from {start:g}, and {fixed[last]:.4f} "
        f"for {FIXED}, where it stays at {held:g}."
    )
    reached = next((p for p in training_points("flow-class", 5, root) if p.loss <= fixed[last]), None)
    if fixed[last] > falling[last] and reached:
        return f"{text} The small step works, only slowly: the large one was there after {reached.epoch:.1f}."
    return f"{text} The small fixed step is no worse here: a schedule is a help, not a need."


def made(name: str, root: Path = zoo.FOLDER) -> tuple[str, ...]:
    """A row of COLUMNS about a model. CheckpointError if its model.json is missing or not of our making."""
    about = zoo.facts(name, root)
    try:
        config, preset, made = UNetConfig(**about["network"]), about["preset"], about["made"]
        with torch.device("meta"):
            parameters = sum(p.numel() for p in UNet(config).parameters())
        return (
            name,
            {"flow": "velocity x0 - eps", "ddpm": "noise eps", "denoiser": "picture x0"}[about["objective"]],
            f"{parameters / 1e6:.1f} M (D = {config.width})",
            _epochs(made),
            f"{made['steps']:,} x {preset['batch']}",
            f"{preset['lr']:g}"
            + (f", falling to {preset['lr'] * preset['decay']:g}" * (preset["decay"] != 1)),
            _took(made["seconds"]),
            f"{made['hardware']}, {made['precision']}",
            quality(name, about, root),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        path = zoo.told(root / name / "model.json")
        raise zoo.CheckpointError(f"{path} does not say how {name} was made ({error!r}).") from error


def quality(name: str, about: dict, root: Path = zoo.FOLDER) -> str:
    """What was measured of a model, in words; what was not is left out."""
    measured = about.get("quality") or {}
    parts = []
    if "class_accuracy" in measured:
        parts.append(f"{measured['class_accuracy']:.1%} of its digits are read as asked")
    if "class_frechet" in measured:
        parts.append(f"Fréchet distance {measured['class_frechet']:.2f}")
    if "mse" in measured:
        parts.append(f"squared error {measured['mse']:.4f}, of {measured['identity_mse']:.3f} before")
    with contextlib.suppress(zoo.CheckpointError, IndexError):
        parts.append(f"test loss {test_points(name, root)[-1].loss:.4f}")
    return "; ".join(parts) or "not measured"


def shorter(names: tuple[str, ...], root: Path = zoo.FOLDER) -> list[str]:
    """The runs of fewer epochs than the course's, as "flow-class (4 of 10)"; unreadable ones are left out."""
    found = []
    for name in names:
        try:
            made = zoo.facts(name, root)["made"]
            if made["epochs"] < made["epochs_of_the_course"]:
                found.append(f"{name} ({made['epochs']} of {made['epochs_of_the_course']})")
        except (zoo.CheckpointError, KeyError, TypeError):
            continue
    return found


def _epochs(made: dict) -> str:
    course = made["epochs_of_the_course"]
    return (
        f"{made['epochs']}, the course's"
        if made["epochs"] == course
        else f"{made['epochs']} (course: {course})"
    )


def _took(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{seconds:.0f} s" if minutes < 2 else f"{minutes} min"
