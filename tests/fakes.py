"""Stand-ins that can be predicted: networks that are plain functions, and a house full of them."""

import io
from collections.abc import Callable, Hashable
from zlib import crc32

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from diffusion_core.estimates import Answer, Ask, Card, Condition, guided
from diffusion_core.levels import evenly, schedule, strided
from diffusion_core.loop import Process, Step, denoise
from diffusion_core.models.network import Network, Rows
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.recipes.schema import Picture
from diffusion_core.samplers import Rng
from diffusion_core.serving.engine import Engine
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.text import TEXT_SCHEMAS

TINY = Card("fake", "eps", (1, 4, 4), "ddpm-linear")
CASCADE = [
    Card("built-in/I", "eps", (3, 16, 16), "if-cosine", spread=True, threshold=(0.95, 1.5)),
    Card("built-in/II", "eps", (3, 32, 32), "if-cosine", spread=True, threshold=(0.95, 1.0)),
]


def says(x: Tensor, t: Tensor, labels: tuple[Hashable, ...]) -> Tensor:
    """What a fake network predicts: a bounded function of each row's x, t and label, and of nothing else."""
    numbers = [0.0 if label is None else 0.3 + 0.1 * (crc32(str(label).encode()) % 20) for label in labels]
    t, told = (each.to(x.dtype).view(-1, 1, 1, 1) for each in (t / (1 + t), torch.tensor(numbers)))
    return torch.tanh(0.7 * x + 0.3 * x.roll(1, -1) - 0.2 * x.flip(-2) + told + 0.1 * t)


class FakeNetwork(Network):
    """`says` behind a card, with a memory of what it was asked.

    asked   the Rows of every forward
    memory  more rows than this in one forward are out of memory
    bad     a label that makes the forward fail
    """

    def __init__(self, card: Card = TINY, rows_at_most: int = 64, memory: int | None = None, bad=None):
        self.card, self.rows_at_most, self.memory, self.bad = card, rows_at_most, memory, bad
        self.asked: list[Rows] = []

    def forward(self, rows: Rows) -> tuple[Tensor, Tensor | None]:
        if self.memory is not None and len(rows.labels) > self.memory:
            raise torch.OutOfMemoryError("out of memory")
        if self.bad is not None and self.bad in rows.labels:
            raise ValueError(f"no such label: {self.bad}")
        self.asked.append(rows)
        x = rows.spread_out(rows.x)
        prediction = says(x, rows.t, rows.labels)
        if rows.beside is not None:
            prediction = prediction + 0.1 * rows.beside + 0.01 * rows.noise.view(-1, 1, 1, 1)
        return prediction, torch.tanh(2 * x) if self.card.spread else None

    @property
    def rows(self) -> int:
        """How many rows it has answered."""
        return sum(len(rows.labels) for rows in self.asked)


class FakeStudio(Studio):
    """Whoever registers a network here gets a fake one with the same card instead."""

    def register(self, card: Card, load: Callable[[], Network]) -> None:
        super().register(card, lambda: FakeNetwork(card))

    @property
    def fakes(self) -> dict[str, FakeNetwork]:
        return {name: self.network(name) for name in self._cards}


def with_examples(studio: Studio) -> Studio:
    """The studio, with a drawing under every name that the defaults of the recipes mention."""
    for field in (field for schema in (SCHEMAS | TEXT_SCHEMAS).values() for field in schema):
        if isinstance(field, Picture) and str(field.default).startswith("example:"):
            studio.examples[field.default.removeprefix("example:")] = drawing
    return studio


def drawing(side: int = 100) -> Image.Image:
    """A crooked white line on black: something that is not its own mirror image."""
    picture = Image.new("RGB", (side, side))
    corners = [(0.3, 0.2), (0.7, 0.3), (0.4, 0.8)]
    ImageDraw.Draw(picture).line([(x * side, y * side) for x, y in corners], "white", side // 10)
    return picture


def data_of(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    """The picture as a file's bytes."""
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(side: int, seed: int = 0) -> Image.Image:
    """A square of random colours."""
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


def played(process: Process, answer: Callable[[Ask], Answer]) -> tuple[list[Step], Tensor]:
    """Run a process without an engine: its steps, and its picture."""
    steps, answers = [], None
    try:
        while True:
            steps.append(process.send(answers))
            answers = [answer(ask) for ask in steps[-1].asks]
    except StopIteration as end:
        return steps, end.value


def fake_answer(ask: Ask) -> Answer:
    """What a FakeNetwork would answer."""
    return Answer(says(ask.x, torch.full((ask.rows,), ask.level.t), ask.cond.labels))


def digits_of(labels=(1,), steps=5, gamma=5.0, card=TINY, seed=0) -> Process:
    """A guided run of ancestral steps: two asks about each x, unless gamma is 0 or 1."""
    rng = Rng(range(seed, seed + len(labels)))
    estimate = guided(card, Condition(tuple(labels)), Condition((None,) * len(labels)), gamma)
    return denoise(
        rng.normal(card.shape), strided(schedule(card.schedule), evenly(1000, steps)), estimate, rng
    )


def alone(process: Process) -> Tensor:
    """The picture of a process that only asks fake networks, without an engine."""
    return played(process, fake_answer)[1]


def manual(*networks: FakeNetwork, **options) -> Engine:
    """An engine without a thread: a test ticks it."""
    return Engine({n.card.name: n for n in networks}.__getitem__, thread=False, **options)


def finish(engine: Engine) -> int:
    """Tick until nothing is left; how many ticks that took."""
    ticks = 0
    while engine.running:
        engine.tick()
        ticks += 1
        assert ticks < 2000, "the engine does not come to an end"
    return ticks
