"""Ranking: how well each reading of an illusion comes out, by what the model itself says of it.

A diffusion model is a classifier: with the right words the noise on a picture is easier to find. So noise
the finished picture, once more, and ask for the noise back, with a prompt and with none:

    x_t     = alpha look(x) + sigma eps
    E(p)    = || part( eps - eps^(x_t, t, p) ) ||^2
    gain(p) = mean over t of  1 - E_t(p) / E_t("")

look is how the picture is seen in this reading (turned, for an anagram), part is which part of the noise
the prompt was to write (a band, for a hybrid). A gain of 30 % says: told the prompt, the model errs 30 % less
than without words. 0 says that the prompt is no help, and below that it misleads. An illusion is as good as
its worst reading, and that is what pictures are ranked by.

For a hybrid one might rather look at the picture through the filter. That fails: a filtered picture is none
that the model was trained on. Of 24 hybrids put together of two emoji each, an early built-in model named
both of them rightly in all 24 by their bands of the noise; by filtered pictures, the near one in half.

All pictures, readings and prompts are asked about the same draws of eps, so that they can be compared with
few of them.

Source: Li et al. 2023, "Your Diffusion Model is Secretly a Zero-Shot Classifier",
https://arxiv.org/abs/2303.16203, section 3. Ranking by the worst reading is the "alignment score" of Geng et
al. 2024, "Visual Anagrams", with the model itself in the place of CLIP.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from diffusion_core.estimates import Card, Condition, given
from diffusion_core.filters import as_large
from diffusion_core.levels import noised, schedule
from diffusion_core.loop import Process, Step
from diffusion_core.processes import numbered, shown_as
from diffusion_core.samplers import Rng

Tell = Callable[[str], Condition]

NOISE = 20230328  # seed of the noise that all scores share


def same(x: Tensor) -> Tensor:
    """The picture as it is; all of the error."""
    return x


class Reading(NamedTuple):
    """One way to look at a picture, and the prompt that should come out.

    look  picture -> as seen, a map that leaves noise what it is: a view
    part  error -> what of it the prompt answers for: a band
    """

    name: str
    prompt: str
    look: Callable[[Tensor], Tensor] = same
    part: Callable[[Tensor], Tensor] = same


NOTHING = Reading("nothing", "")  # what every prompt is measured against


class Scored(str):
    """A caption that carries its numbers: the seed, and gains[i][j], what prompt j gains in reading i."""

    seed: int
    gains: tuple[tuple[float, ...], ...]

    @classmethod
    def of(cls, rank: int, seed: int, gains: Tensor) -> "Scored":
        table = tuple(map(tuple, gains.tolist()))
        scored = cls(f"{rank}. seed {seed}, {percent(min(_right(table)))}")
        scored.seed, scored.gains = seed, table
        return scored

    @property
    def readings(self) -> tuple[float, ...]:
        """What its own prompt gains in each reading; the least of them is the score."""
        return _right(self.gains)

    @property
    def score(self) -> float:
        return min(self.readings)


def _right(table: Sequence[Sequence[float]]) -> tuple[float, ...]:
    return tuple(row[k] for k, row in enumerate(table))


def percent(share: float) -> str:
    """0.0312 -> "+3.1%"."""
    return f"{100 * share:+.1f}%"


def gains(
    pictures: Tensor, card: Card, readings: Sequence[Reading], ts: Sequence[int], tell: Tell, draws: int = 1
) -> Process:
    """[B,3,H,W] in [-1, 1] -> [B,R,R]: by which share prompt j lowers the error in reading i.

    One step per t and draw. Each asks about every different look, told every different prompt, and none.
    Larger pictures are shrunk to what the card takes. tell: prompt -> condition, equal prompts the same one.
    """
    small = F.interpolate(pictures.clamp(-1, 1), card.shape[1:], mode="area")
    rng = Rng([NOISE])
    looks = {id(reading.look): reading.look for reading in readings}
    asked = list(dict.fromkeys((look, tell(r.prompt)) for look in looks for r in (*readings, NOTHING)))
    of, shares = len(ts) * draws, torch.zeros(len(small), len(readings), len(readings))
    for k, level in enumerate(schedule(card.schedule)[t] for t in ts):
        errors = torch.zeros(len(asked), len(readings), len(small))
        for draw in range(draws):
            eps = rng.normal_like(small)
            xs = {name: noised(look(small), level, eps) for name, look in looks.items()}
            asks = [given(card, cond).asks(xs[look], level)[0] for look, cond in asked]
            shown = as_large(next(iter(xs.values())), pictures.shape[-1])
            answers = yield Step(k * draws + draw, of, level, shown, pictures, asks)
            for place, answer in enumerate(answers or ()):
                errors[place] += _missed(eps - answer.prediction, readings)
        if answers:
            shares += _shares(dict(zip(asked, errors)), readings, tell) / len(ts)
    return shares


def _missed(error: Tensor, readings: Sequence[Reading]) -> Tensor:
    """|| part(error) ||^2 of every reading, a number per pixel: [R,B]."""
    return torch.stack([reading.part(error).square().mean((1, 2, 3)) for reading in readings])


def _shares(errors: dict[tuple[int, Condition], Tensor], readings: Sequence[Reading], tell: Tell) -> Tensor:
    """errors: (look, condition) -> [R,B] at one level. 1 - E(p) / E(""), [B,R,R]."""
    rows = []
    for i, reading in enumerate(readings):
        of = {cond: each[i] for (look, cond), each in errors.items() if look == id(reading.look)}
        nothing = of[tell(NOTHING.prompt)]
        rows.append(torch.stack([1 - of[tell(other.prompt)] / nothing for other in readings], dim=-1))
    return torch.stack(rows, dim=1)


def ranked(
    made: Process, score: Callable[[Tensor], Process], more: int, seeds: Sequence[int], captions: list[str]
) -> Process:
    """The pictures of `made`, scored in `more` further steps, the best first.

    captions  a list that is filled at the end, with a Scored per picture in their new order
    """
    so_far = 0

    def longer(step: Step) -> Step:
        nonlocal so_far
        so_far = step.of
        return step._replace(of=step.of + more)

    pictures = yield from shown_as(made, longer)
    table = yield from numbered(score(pictures), so_far, so_far + more)
    order = table.diagonal(dim1=1, dim2=2).amin(-1).argsort(descending=True, stable=True).tolist()
    captions[:] = [Scored.of(rank, seeds[k], table[k]) for rank, k in enumerate(order, 1)]
    return pictures[order]
