"""What stage II learns from: crops of large pictures, beside the same place of their enlarged small ones.

noto       scenes of Noto's emoji at 256 pixels, which are published that large
doodles    at 256 pixels, for strokes have no size
artists    scenes of all artists at 128 pixels, to be made from 32: the same step, a quarter of the area
"""

from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.data import Dataset

from emoji_model.batches import as_bytes, as_pictures
from emoji_model.captions import Cast
from emoji_model.data import enlarged_noto
from emoji_model.learner import Learner
from emoji_model.mixes import Mix
from emoji_model.plan import Plan
from emoji_model.scenes import Painter
from emoji_model.things import Things, drawn_by
from emoji_model.vocabulary import OF_DOODLES

NOISE_LEVELS = 400  # the small picture is noised to a level below this; IF asks with 250
PLACES = 4  # crops of one picture
SOURCES = {"noto": (256, 0.4), "doodles": (256, 0.3), "artists": (128, 0.3)}
"""Name -> size of the pictures, and how often."""

COLOURED = {
    "": 0.5,
    "cartoon": 0.2,
    "oil painting": 0.1,
    "pencil drawing": 0.07,
    "lithograph": 0.07,
    "mosaic": 0.06,
}
MIXES = {
    "noto": Mix(styles=COLOURED, grounds=0.4),
    "doodles": Mix(styles={"doodle": 0.6, "chalk drawing": 0.2, "ink drawing": 0.2}),
    "artists": Mix(styles={s: w for s, w in Mix().styles.items() if s not in OF_DOODLES}, grounds=0.4),
}


class Crops(Dataset):
    """Batch k of a plan: uint8 [2,B,3,side,side], crops and the same places enlarged, and B captions."""

    def __init__(self, things: Things, plan: Plan):
        self.plan, self.things = plan, things
        noto = drawn_by(things, {"noto"})
        self.casts = {name: Cast(noto if name == "noto" else things, mix) for name, mix in MIXES.items()}
        self._painters: dict[str, Painter] = {}

    def __len__(self) -> int:
        return self.plan.steps

    def painter(self, source: str) -> Painter:
        if source not in self._painters:
            size, things = SOURCES[source][0], self.casts[source].things
            if source == "doodles":
                self._painters[source] = Painter(things, size, rows=[])
            elif source == "noto":
                rows = sorted({r for t in things.values() for rs in t.pictures.values() for r in rs})
                atlas = enlarged_noto(things.folders, [things.pictures[row] for row in rows])
                self._painters[source] = Painter(things, size, rows=rows, atlas=atlas)
            else:
                self._painters[source] = Painter(things, size)
        return self._painters[source]

    def __getitem__(self, step: int) -> tuple[Tensor, list[str]]:
        rng = Random(f"{self.plan.seed} {step}")
        source = rng.choices(list(SOURCES), [share for _, share in SOURCES.values()])[0]
        scenes = [self.casts[source].scene(rng) for _ in range(-(-self.plan.batch // PLACES))]
        x0 = self.painter(source).paint(scenes)
        side = min(self.plan.phase(step).size, x0.shape[-1])
        crops = [pair for _ in range(PLACES) for pair in zip(*small_and_large(x0, side, rng))][
            : self.plan.batch
        ]
        captions = [scene.caption for _ in range(PLACES) for scene in scenes][: self.plan.batch]
        return as_bytes(torch.stack([torch.stack(part) for part in zip(*crops)])), captions


def small_and_large(x0: Tensor, side: int, rng: Random) -> tuple[Tensor, Tensor]:
    """Pictures [B,3,S,S] -> crops of them and of their enlarged small ones [B,3,side,side], at one place.

    The small picture is the mean of 4 x 4 pixels, enlarged as IF does (bilinear, align_corners=True).
    """
    size = x0.shape[-1]
    large = F.interpolate(F.avg_pool2d(x0, 4), size=size, mode="bilinear", align_corners=True)
    down, right = (rng.randrange((size - side) // 8 + 1) * 8 for _ in range(2))
    place = (..., slice(down, down + side), slice(right, right + side))
    return x0[place], large[place]


def enlarging_step(learner: Learner, crops: Tensor, text: Tensor, rng: torch.Generator) -> Tensor:
    """Learn from uint8 [2,B,3,side,side] and texts [B,77,D]; the loss []."""
    x0, large = as_pictures(crops)
    objective = learner.objective
    t = objective.times(len(x0), rng, late=0.6)
    eps, other = (torch.randn(x0.shape, generator=rng, device=x0.device) for _ in range(2))
    level = torch.randint(0, NOISE_LEVELS, (len(x0),), generator=rng, device=x0.device)
    beside = objective.noised(large, level, other)
    return learner.learn(torch.cat([objective.noised(x0, t, eps), beside], 1), t, text, eps, level)
