"""Anagrams and hybrids of doodles: are both readings among the five likeliest of the 345?

    anagram    as it stands, and turned by 180 degrees
    hybrid     from near, as it is; and from afar, through the blur that the app parts its frequencies with

50 fixed pairs of classes; of 16 seeds the one whose worst reading the model itself says most of
(diffusion_core/ranking.py), as in the app's contact sheets. It is read by the judge of doodles, who had no
say in that.
"""

from random import Random

import torch
from torch import Tensor

from diffusion_core.filters import bank
from emoji_model.evaluate.drawing import Wanted, say, wanted
from emoji_model.evaluate.measures import Measures
from emoji_model.evaluate.networks import top
from emoji_model.evaluate.readers import share


def pairs(measures: Measures) -> list[tuple[Wanted, Wanted]]:
    """Pairs of doodles, no class twice as long as there are enough."""
    rng, things = Random("illusions"), measures.things
    named = sorted((t for t in things.values() if t.doodle_name), key=lambda t: t.doodle_name)
    order: list = []
    while len(order) < 2 * measures.plan.illusions:
        order += rng.sample(named, len(named) // 2 * 2)
    asked = [wanted(thing, "doodle") for thing in order]
    return list(zip(asked[::2], asked[1::2]))[: measures.plan.illusions]


def anagram(measures: Measures) -> dict:
    made = _made(measures, "anagram")
    return _read(measures, "anagram", made, made.rot90(2, (-2, -1)))


def hybrid(measures: Measures) -> dict:
    made = _made(measures, "hybrid")
    low = bank("low/high")[0]
    return _read(measures, "hybrid", low(made), made)


def _made(measures: Measures, kind: str) -> Tensor:
    """[N,3,64,64]."""
    plan, asked = measures.plan, pairs(measures)
    made = []
    for pair in asked:
        made.append(getattr(measures.model, kind)(pair, plan.illusion_seeds, plan.illusion_steps))
        say(f"{kind}s", len(made), len(asked))
    return torch.stack(made)


def _read(measures: Measures, kind: str, one: Tensor, other: Tensor) -> dict:
    """The share of which both are read right, and each."""
    names = measures.things.doodles.names
    right = [
        top(
            measures.judges.doodles(seen),
            torch.tensor([names.index(measures.called(each[side])) for each in pairs(measures)]),
            5,
        )
        for side, seen in enumerate((one, other))
    ]
    return {
        kind: share(right[0] & right[1]),
        f"{kind}_first": share(right[0]),
        f"{kind}_second": share(right[1]),
        f"{kind}s": len(one),
    }
