"""The judges: networks that were trained on real pictures alone, and what they say of others.

    judges = Judges(things, Path("runs/judges"))       # trained once, about half an hour on a core
    judges.doodles(x)      logits [B,345] of which thing of Quick, Draw! a doodle is
    judges.things(x)       logits [B,things] of which thing a picture shows (names: judges.names)
    judges.styles(x)       logits [B,styles] over vocabulary.STYLES

Pictures are [B,3,64,64] in [-1,1]. Neither judge has met what held_out.py holds out; their own accuracy on
that is in their JSON, so that a reader knows what a perfect model would reach.
"""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from emoji_model.evaluate import networks, real
from emoji_model.evaluate.networks import Lessons, Reader, learn, read, top
from emoji_model.scenes import Painter
from emoji_model.things import Things
from emoji_model.vocabulary import STYLES

DOODLE_LESSONS = Lessons(phases=((3500, 32), (3000, 48), (1200, 64)), lr=5e-3)
DOODLE_WIDTHS = (24, 48, 96, 192)
PICTURE_LESSONS = Lessons(phases=((1200, 32), (1800, 64)), batch=96, lr=4e-3)
PICTURE_WIDTHS = (32, 64, 128, 256)


class Judges:
    """things  where the real pictures are;  cache  the folder of the trained judges, made if need be"""

    def __init__(self, things: Things, cache: Path):
        self.real, self.cache = things, cache
        self.names = real.named(things)
        self.digest = real.digest(things)

    def doodles(self, x: Tensor) -> Tensor:
        return read(self.doodle_reader, real.ink(x), "doodles")

    def things(self, x: Tensor) -> Tensor:
        return read(self.picture_reader, x, "things")

    def styles(self, x: Tensor) -> Tensor:
        return read(self.picture_reader, x, "styles")

    @cached_property
    def painter(self) -> Painter:
        """Of all pictures at 64 pixels, those held out too."""
        return Painter(self.real, real.SIDE, rows=real.all_rows(self.real))

    @cached_property
    def doodle_reader(self) -> Reader:
        net = _seeded(1, {"doodles": len(self.real.doodles.names)}, DOODLE_WIDTHS)
        batch = real.DoodleLessons(self.real, DOODLE_LESSONS.batch)
        return self._trained("doodles", net, batch, DOODLE_LESSONS, self._doodle_accuracy)

    @cached_property
    def picture_reader(self) -> Reader:
        net = _seeded(3, {"things": len(self.names), "styles": len(STYLES)}, PICTURE_WIDTHS)
        batch = real.PictureLessons(self.real, self.painter, PICTURE_LESSONS.batch)
        return self._trained("pictures", net, batch, PICTURE_LESSONS, self._picture_accuracy)

    def _trained(
        self, name: str, net: Reader, batch: Callable, lessons: Lessons, tested: Callable[[Reader], Mapping]
    ) -> Reader:
        """The reader in the cache if it was trained like this on these pictures, else one that is now."""
        weights, notes = self.cache / f"{name}.safetensors", self.cache / f"{name}.json"
        made = json.loads(json.dumps({"data": self.digest, "lessons": asdict(lessons), "shape": shape(net)}))
        if weights.exists() and notes.exists():
            said = json.loads(notes.read_text())
            if all(said.get(key) == value for key, value in made.items()):
                net.load_state_dict(load_file(weights))
                return net.eval().to(memory_format=torch.channels_last)
        print(
            f"training the judge of {name} on real pictures, into {self.cache}", file=sys.stderr, flush=True
        )
        self.cache.mkdir(parents=True, exist_ok=True)
        seconds = learn(net, batch, lessons, self.cache / f"{name}.{self.digest[:8]}.state", name)
        save_file({key: value.contiguous() for key, value in net.state_dict().items()}, weights)
        notes.write_text(
            json.dumps(made | {"seconds": round(seconds), "accuracy": tested(net)}, indent=1) + "\n"
        )
        return net

    def accuracy(self) -> dict[str, float]:
        """What the judges themselves reach on real pictures that they have not met."""
        self.doodle_reader, self.picture_reader  # noqa: B018  made if need be
        notes = [json.loads((self.cache / f"{name}.json").read_text()) for name in ("doodles", "pictures")]
        return notes[0]["accuracy"] | notes[1]["accuracy"]

    def _doodle_accuracy(self, net: Reader) -> dict[str, float]:
        """On all doodles held out, drawn plainly."""
        rows, labels = real.held_doodles(self.real)
        said = torch.cat(
            [read(net, real.doodles_of(self.real, part), "doodles") for part in parts(rows, 400)]
        )
        return {f"doodle_reader_top{k}": share(top(said, labels, k)) for k in (1, 5)} | {
            "doodles_read": len(rows)
        }

    def _picture_accuracy(self, net: Reader) -> dict[str, float]:
        """On the combinations held out: the thing by its logits, and by the nearest pictures trained on."""
        scenes = real.held_scenes(self.real)
        x = torch.cat([self.painter.paint(part) for part in parts(scenes, 200)])
        lessons = real.PictureLessons(self.real, self.painter, 1)
        right = lessons.labels(scenes)
        said = {head: read(net, x, head) for head in right}
        near = networks.nearest(net, x, *self._references(net, lessons))
        report = {
            "thing_reader_top1": share(top(said["things"], right["things"], 1)),
            "thing_reader_top5": share(top(said["things"], right["things"], 5)),
            "thing_nearest_top1": share(top(near, right["things"], 1)),
            "thing_nearest_top5": share(top(near, right["things"], 5)),
            "style_reader_top1": share(top(said["styles"], right["styles"], 1)),
            "pictures_read": len(scenes),
        }
        for k, style in enumerate(STYLES):
            mine = right["styles"] == k
            if mine.any():
                report[f"style_reader {style}"] = share(top(said["styles"][mine], right["styles"][mine], 1))
        return report

    def _references(self, net: Reader, lessons: real.PictureLessons) -> tuple[Tensor, Tensor]:
        """Features of the pictures trained on, twelve of a thing in a style at most, and which things they show."""
        scenes = [
            lessons.cast.one(name, row=row)
            for name in self.names
            for rows in self.real[name].pictures.values()
            for row in rows[:12]
        ]
        x = [networks.features(net, self.painter.paint(part)) for part in parts(scenes, 200)]
        return torch.cat(x), lessons.labels(scenes)["things"]


def _seeded(channels: int, heads: Mapping[str, int], widths: tuple[int, ...]) -> Reader:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Reader(channels, heads, widths)


def shape(net: Reader) -> dict:
    """The sizes of a reader's weights, by which another one is told from it."""
    return {name: list(weight.shape) for name, weight in net.state_dict().items() if weight.ndim > 1}


def share(yes: Tensor) -> float:
    return round(float(yes.float().mean()), 4)


def parts(items, size: int) -> list:
    return [items[k : k + size] for k in range(0, len(items), size)]
