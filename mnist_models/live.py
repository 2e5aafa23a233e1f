"""Train it here: a short run of a small UNet while one watches, on a CPU that also serves others.

    for progress in training(Settings.of(objective="flow", steps=600)): ...

The losses, the averaged weights and the networks are those of train.py, narrower. From time to time the
model draws, always from the same noise, so that one sees what a falling loss is worth. workshop.py does
this for the visitors of a server, as a job of the recipe that Settings.recipe gives.
"""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffusion_core import loop
from diffusion_core.estimates import Card, Condition, given, guided
from diffusion_core.levels import Level, noised
from diffusion_core.loop import Process
from diffusion_core.models.network import best_dtype
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.recipes.errors import shown
from diffusion_core.recipes.schema import Choice, Field, Number, Seed
from diffusion_core.samplers import Rng
from diffusion_core.serving.engine import Engine
from mnist_models import data, synthetic, train
from mnist_models.network import PREDICTS, SCHEDULES, MnistNetwork
from mnist_models.objectives import DENOISER_SIGMA
from mnist_models.techniques import path_of, solver_of
from mnist_models.unet import SIZE, UNet, UNetConfig

FIELDS: tuple[Field, ...] = (
    Choice("digits", "Digits", "drawn by formula", choices=("drawn by formula", "MNIST")),
    Choice("objective", "It learns", "flow", choices=("flow", "ddpm", "denoiser")),
    Choice("told", "It is told", "t and the digit", "a denoiser is told nothing",
           choices=("t and the digit", "t")),
    Number("width", "Width", 16, "D, channels at 28 x 28; the shipped models have 64 and 128",
           low=4, high=32, step=4, whole=True),
    Number("steps", "Steps", 600, "each one batch; DDPM wants about 2000",
           low=20, high=3000, step=20, whole=True),
    Number("batch", "Batch", 32, "digits per step", low=4, high=128, step=4, whole=True),
    Number("lr", "Step size", 0.01, "of Adam at the start; a tenth of it at the end", low=1e-5, high=0.1),
    Seed("seed", "Seed", 0, "the same seed gives the same run"),
)  # fmt: skip
TRAINING = "mnist-training"  # the technique that a training is kept under; it makes no picture of a recipe
DRAWN_DIGITS = 2000  # in the set drawn by formula; 0.4 ms each
ROWS = 7  # times the model draws on the way: after 1/64, 1/32, ... 1/2 of the steps, and at the end
SAMPLING_STEPS = {"flow": 20, "ddpm": 50}  # network evaluations for one drawing
GAMMA = 2.0  # guidance of those drawings
SLOW_STEPS = 5  # at the start of a run, which say nothing of its pace
SECONDS_AT_MOST = 300.0  # for one run; then it ends where it is


@dataclass(frozen=True)
class Settings:
    """What is trained, and for how long. Make one with Settings.of, which checks."""

    digits: str
    objective: str
    told: str
    width: int
    steps: int
    batch: int
    lr: float
    seed: int

    @classmethod
    def of(cls, **values: Any) -> "Settings":
        """What is not given takes its default. RecipeError with a sentence for what cannot be."""
        strange = sorted(set(values) - {field.name for field in FIELDS})
        if strange:
            raise RecipeError(f"Training here has no setting {shown(strange[0])}.")
        settings = cls(**{field.name: field.read(values.get(field.name, field.default)) for field in FIELDS})
        if settings.digits == "MNIST" and not data.available():
            raise RecipeError(
                "The MNIST files are not on this machine. Choose the digits drawn by formula, or set "
                "$MNIST_DIR to a folder that holds the four files and start again."
            )
        return settings

    @property
    def recipe(self) -> Recipe:
        """The same as plain data, for a job."""
        return Recipe(TRAINING, MappingProxyType(asdict(self)))

    @property
    def preset(self) -> train.Preset:
        """The same in the words of train.py; its one "epoch" is the whole run, over which the step falls."""
        knows_time = self.objective != "denoiser"
        return train.Preset(
            objective=self.objective,
            width=self.width,
            time=knows_time,
            classes=knows_time and self.told == "t and the digit",
            modulation="multiply" if self.objective == "flow" else "add",
            batch=self.batch,
            epochs=1,
            lr=self.lr,
            decay=0.1,
            snapshots=(),
            ema=0.98,
        )


class Drawing(NamedTuple):
    """What the model drew after `step` steps: ten pictures [10,1,28,28]; at step 0, what it starts from."""

    step: int
    pictures: Tensor


class Progress(NamedTuple):
    """How far a run is. losses: one per step so far. seconds: since it began, drawings included."""

    step: int
    of: int
    losses: tuple[float, ...]
    seconds: float
    drawings: tuple[Drawing, ...]

    @property
    def to_go(self) -> float | None:
        """Seconds left, at the pace so far and within SECONDS_AT_MOST; None in the first steps."""
        if self.step < SLOW_STEPS:
            return None
        return max(0.0, min(self.seconds / self.step * (self.of - self.step), SECONDS_AT_MOST - self.seconds))


def marks(steps: int) -> list[int]:
    """After which steps the model draws, first to last."""
    return sorted({max(1, steps >> k) for k in range(ROWS)})


def training(settings: Settings) -> Iterator[Progress]:
    """Train in this thread: a Progress before the first step and after each one.

    The run ends after `steps` steps or SECONDS_AT_MOST, whichever comes first. RecipeError if MNIST is
    asked for and cannot be read.
    """
    preset = settings.preset
    images, labels = digits(settings.digits)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        net = UNet(UNetConfig(preset.width, preset.time, preset.classes, preset.modulation))
    net = net.to(memory_format=torch.channels_last)
    ema = train.averaged(net, preset.ema)
    optimizer = torch.optim.Adam(net.parameters(), lr=preset.lr)
    drawn_after = set(marks(settings.steps))
    losses: list[float] = []
    drawings = [Drawing(0, start(settings))]
    began = time.perf_counter()
    yield Progress(0, settings.steps, (), 0.0, tuple(drawings))
    for step in range(1, settings.steps + 1):
        optimizer.param_groups[0]["lr"] = train.learning_rate(preset, step / settings.steps)
        rng = train.generator(settings.seed, step, 0, torch.device("cpu"))
        rows = torch.randint(len(images), (preset.batch,), generator=rng)
        net.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=best_dtype() == torch.bfloat16):
            loss = train.step_loss(net, preset, data.as_pictures(images[rows]), labels[rows], rng)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        ema.update_parameters(net)
        losses.append(float(loss.detach()))
        late = time.perf_counter() - began > SECONDS_AT_MOST
        if step in drawn_after or late:
            drawings.append(Drawing(step, drawn(ema.module, settings)))
        yield Progress(step, settings.steps, tuple(losses), time.perf_counter() - began, tuple(drawings))
        if late:
            return


def drawn(net: UNet, settings: Settings) -> Tensor:
    """What the network makes of `start` by now, [10,1,28,28]: the digits 0..9 where it knows them.

    A denoiser answers once; the others walk the path of their noise levels in SAMPLING_STEPS steps.
    """
    objective = settings.objective
    card = Card("here", PREDICTS[objective], (1, SIZE, SIZE), SCHEDULES[objective], low=0.0, high=1.0)
    nothing, x = Condition((None,) * 10), start(settings)
    if objective == "denoiser":
        process = loop.ask_once(x, Level(0.0, 1.0, DENOISER_SIGMA), given(card, nothing))
    else:
        estimate = given(card, nothing)
        if settings.preset.classes:
            estimate = guided(card, Condition(tuple(range(10))), nothing, GAMMA)
        rng, path = Rng(range(10)), path_of(card, SAMPLING_STEPS[objective])
        process = loop.denoise(x, path, estimate, rng, solver=solver_of("as trained", card))
    return answered(process, MnistNetwork(card, net))


def start(settings: Settings) -> Tensor:
    """What the drawings start from, [10,1,28,28]: noise, or for a denoiser ten held-out digits with noise."""
    eps = Rng(range(settings.seed, settings.seed + 10)).normal((1, SIZE, SIZE))
    if settings.objective != "denoiser":
        return eps
    return noised(held_out(settings.digits), Level(0.0, 1.0, DENOISER_SIGMA), eps)


def answered(process: Process, network: MnistNetwork) -> Tensor:
    """The picture of a process whose asks one network answers, in this thread."""
    engine = Engine(lambda name: network, thread=False)
    run = engine.submit(process)
    while engine.tick():
        pass
    return run.result()


@lru_cache
def digits(name: str) -> tuple[Tensor, Tensor]:
    """The digits to learn from: images [N,1,28,28] uint8, labels [N]."""
    return mnist("train") if name == "MNIST" else synthetic.digits(DRAWN_DIGITS)


@lru_cache
def held_out(name: str) -> Tensor:
    """A 0, a 1, ... a 9 that nobody trains on, [10,1,28,28] in [0, 1]."""
    images, labels = mnist("test") if name == "MNIST" else synthetic.digits(10, seed=1)
    return data.as_pictures(torch.stack([images[labels == digit][0] for digit in range(10)]))


def mnist(split: str) -> tuple[Tensor, Tensor]:
    """data.load, whose sentence about missing or damaged files is for whoever asked for this run."""
    try:
        return data.load(split)
    except data.DataError as error:
        raise RecipeError(str(error)) from error
