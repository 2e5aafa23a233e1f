"""The model under test: what it draws when it is asked, with fixed seeds, nothing chosen.

    model = Model(Path("checkpoints/emoji-64"), "stage1", gamma=4.0)
    model.drawn([wanted(things["cat"]), wanted(things["dog"], "doodle")], steps=30)       # [2,3,64,64]
    model.anagram([wanted(things[name], "doodle") for name in ("cat", "dog")], 16, 12)    # [3,64,64]

Guided and ancestral, by the app's own loop, estimates and score; a network of 32 pixels is enlarged to 64.
"""

import sys
import time
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from diffusion_core.estimates import Ask, Estimate, guided, mean, total
from diffusion_core.filters import bank
from diffusion_core.levels import leading, schedule, strided
from diffusion_core.loop import denoise
from diffusion_core.ranking import Reading, gains
from diffusion_core.samplers import Rng, dynamic
from diffusion_core.techniques.cascade import Tell, telling
from diffusion_core.views import view
from emoji_model import cascade, progress
from emoji_model.evaluate.real import SIDE
from emoji_model.things import Thing
from emoji_model.vocabulary import OF_DOODLES, PHRASES, article

AT_ONCE = 25  # pictures drawn in one batch
SCORED_AT = (400, 600, 800)  # the t at which the app scores an illusion


class Wanted(NamedTuple):
    """What is asked for: the prompt, the things that should be seen, the style ("" is none named)."""

    prompt: str
    names: tuple[str, ...]
    style: str = ""


def wanted(thing: Thing, style: str = "", called: str = "") -> Wanted:
    """One thing in a style, by its name or as it is `called`, by the phrase that captions use most."""
    name = called or (thing.doodle_name.lower() if style in OF_DOODLES else thing.name)
    phrase = f"{PHRASES[style][0].format('blue')} " if style else ""
    return Wanted(phrase + article(name), (thing.name,), style)


class Model:
    """A stage I: its network, how it is sampled, and `rows`, how many rows went through it so far."""

    def __init__(self, folder: Path, stage: str, *, gamma: float = 4.0, bf16: bool = True):
        self.stage, self.tokenizer = cascade.load(stage, folder)
        self.stage.eval().to(memory_format=torch.channels_last)
        self.gamma, self.bf16, self.rows, self.seconds = gamma, bf16, 0, 0.0
        self.size = {"small": 32, "stage1": 64}[stage]
        self.card = replace(progress.CARD, shape=(3, self.size, self.size))

    def drawn(self, asked: Sequence[Wanted], steps: int, what: str = "pictures") -> Tensor:
        """[N,3,64,64] in [-1,1]: a picture each, seeds 0, 1, 2, ..."""
        prompts, made = [each.prompt for each in asked], []
        for first in range(0, len(prompts), AT_ONCE):
            part = prompts[first : first + AT_ONCE]
            with self._watched(2 * steps * len(part)):
                made.append(
                    progress.samples(
                        self.stage,
                        self.tokenizer,
                        part,
                        size=self.size,
                        steps=steps,
                        gamma=self.gamma,
                        seed=first,
                        bf16=self.bf16,
                    )
                )
            say(what, first + len(part), len(prompts))
        return _to_side(torch.cat(made)) if made else torch.zeros(0, 3, SIDE, SIDE)

    def anagram(self, asked: Sequence[Wanted], seeds: int, steps: int) -> Tensor:
        """[3,64,64]: shows the one, and turned by 180 degrees the other; the best of seeds 0, 1, 2, ..."""
        prompts = [each.prompt for each in asked]
        seen = [view(name, 0, SIDE) for name in ("identity", "half_turn")]
        tell = telling(seeds)
        each = [guided(self.card, tell(p), tell(""), self.gamma).seen(v) for p, v in zip(prompts, seen)]
        readings = [Reading(v.name, p, look=v) for v, p in zip(seen, prompts)]
        return self._best(mean(each), readings, tell, seeds, steps)

    def hybrid(self, asked: Sequence[Wanted], seeds: int, steps: int) -> Tensor:
        """[3,64,64]: shows the one from afar (blurred), the other from near."""
        prompts = [each.prompt for each in asked]
        bands, tell = bank("low/high"), telling(seeds)
        each = [
            guided(self.card, tell(p), tell(""), self.gamma).after(band) for p, band in zip(prompts, bands)
        ]
        readings = [Reading(band.name, p, part=band) for band, p in zip(bands, prompts)]
        return self._best(total(each), readings, tell, seeds, steps)

    @torch.no_grad()
    def _best(
        self, estimate: Estimate, readings: list[Reading], tell: Tell, seeds: int, steps: int
    ) -> Tensor:
        """The picture whose worst reading gains most, as the app's contact sheets rank them."""
        rng = Rng(range(seeds))
        path = strided(schedule(self.card.schedule), leading(1000, steps))
        answer = self._answering([reading.prompt for reading in readings])
        process = denoise(rng.normal(self.card.shape), path, estimate, rng, threshold=dynamic())
        made = progress.driven(process, answer)
        table = progress.driven(gains(made, self.card, readings, SCORED_AT, tell), answer)
        return _to_side(made[table.diagonal(dim1=1, dim2=2).amin(-1).argmax()][None])[0]

    def _answering(self, prompts: Sequence[str]) -> Callable[[Ask], object]:
        told = list(dict.fromkeys([*prompts, ""]))
        said = dict(zip(told, self.stage.read(*cascade.tokens(self.tokenizer, told))))

        def answer(ask: Ask):
            with self._watched(ask.rows):
                return progress.answered(self.stage, ask, said, self.bf16)

        return answer

    @contextmanager
    def _watched(self, rows: int):
        started = time.perf_counter()
        yield
        self.rows += rows
        self.seconds += time.perf_counter() - started


def say(what: str, done: int, of: int) -> None:
    """How far it is, on stderr."""
    print(f"{what}: {done} of {of}", file=sys.stderr, flush=True)


def _to_side(x: Tensor) -> Tensor:
    """As the judges want it: 64 pixels."""
    if x.shape[-1] == SIDE:
        return x
    return F.interpolate(x, size=SIDE, mode="bicubic", align_corners=False).clamp(-1, 1)
