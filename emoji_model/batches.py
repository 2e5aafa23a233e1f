"""What a training sees at its k-th step: painted scenes and their captions, drawn from (seed, k) alone."""

from random import Random

import torch
from torch import Tensor
from torch.utils.data import Dataset

from emoji_model.captions import Cast, Scene
from emoji_model.mixes import MIXES, PLAIN
from emoji_model.plan import Plan
from emoji_model.scenes import Painter
from emoji_model.things import Things


class Batches(Dataset):
    """Batch k of a plan: pictures uint8 [B,3,S,S] of the phase's size, and B captions.

    The painters are made when they are first needed, so that a phase of the past costs nothing.
    """

    def __init__(self, things: Things, plan: Plan):
        self.things, self.plan = things, plan
        self.casts = {phase.mix: Cast(things, MIXES[phase.mix]) for phase in plan.phases}
        self._painters: dict[int, Painter] = {}

    def __len__(self) -> int:
        return self.plan.steps

    def scenes(self, step: int) -> list[Scene]:
        rng = Random(f"{self.plan.seed} {step}")
        cast = self.casts[self.plan.phase(step).mix]
        return [cast.scene(rng) for _ in range(self.plan.batch)]

    def painter(self, size: int) -> Painter:
        if size not in self._painters:
            self._painters[size] = Painter(self.things, size)
        return self._painters[size]

    def __getitem__(self, step: int) -> tuple[Tensor, list[str]]:
        scenes = self.scenes(step)
        return as_bytes(self.painter(self.plan.phase(step).size).paint(scenes)), [s.caption for s in scenes]


class Shown:
    """Things alone and whole scenes, 32 x 32 pixels, for the T5's warm-up (warmup.Source)."""

    def __init__(self, things: Things, seed: int = 0):
        self.seed = seed
        self.casts = [Cast(things, mix) for mix in (PLAIN, MIXES["alone"], MIXES["full"], MIXES["full"])]
        self.painter = Painter(things, 32)

    def draw(self, step: int, count: int) -> tuple[Tensor, list[str]]:
        """([count,3,32,32] in [-1,1], captions), the same for the same step."""
        rng = Random(f"warm-up {self.seed} {step}")
        scenes = [rng.choice(self.casts).scene(rng) for _ in range(count)]
        return self.painter.paint(scenes), [scene.caption for scene in scenes]


def as_bytes(x: Tensor) -> Tensor:
    """[-1,1] -> uint8."""
    return ((x + 1) * 127.5).round().to(torch.uint8)


def as_pictures(x: Tensor) -> Tensor:
    """uint8 -> float32 in [-1,1]."""
    return x.float() / 127.5 - 1
