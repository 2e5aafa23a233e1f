"""The measures of stage I, each a share in [0,1]. What is asked for is fixed: it hangs on names alone.

    top5             all things, by name, in no style: is the thing among the five likeliest of all things?
    few_step_top5    the same with few steps
    unseen_top5      combinations of thing and style that were never trained on: the thing (of doodles, by the
    unseen_style     reader of doodles), and the style
    doodle_top5      every class of Quick, Draw!, several seeds each
    doodle_diversity, nearest_copy        of the same pictures, see copies.py
    pair_top5        "X next to Y", pairs never trained on: both found, each in its half
    synonym_top5     things by words that no caption ever used

The figures of the judges on real pictures (readers.py) say what a perfect model would reach.
"""

from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor

from emoji_model import held_out
from emoji_model.captions import rows_in
from emoji_model.evaluate import copies, real
from emoji_model.evaluate.drawing import Model, Wanted, wanted
from emoji_model.evaluate.networks import features, top
from emoji_model.evaluate.plan import Plan
from emoji_model.evaluate.readers import Judges, share
from emoji_model.things import Things
from emoji_model.vocabulary import OF_DOODLES, STYLES, article

HALVES = ((0.0, 0.23, 0.54), (0.46, 0.23, 0.54))  # left, top and side of what stands left and right


class Measures:
    """model  a drawing.Model, or whatever draws like one;  judges  who read what it draws"""

    def __init__(self, model: Model, judges: Judges, plan: Plan):
        self.model, self.judges, self.plan = model, judges, plan
        self.things: Things = judges.real

    def counts(self) -> dict[str, int]:
        """How many of each there are to be asked for."""
        return {
            "names": len(self.names()),
            "combinations": len(self.combinations()),
            "doodles": len(self.things.doodles.names),
            "pairs": self.plan.pairs,
            "synonyms": len(self.synonyms()),
        }

    # --- what is asked for ---

    def names(self) -> list[str]:
        """The names trained on in no style, and so to be read by the judge."""
        return [name for name, thing in self.things.items() if rows_in(thing, "")]

    def combinations(self) -> list[Wanted]:
        """(thing, style) never trained on, both met elsewhere."""
        return [
            wanted(thing, style)
            for thing in self.things.values()
            if not thing.held_out
            for style in sorted(thing.without)
            if thing.pictures or style in OF_DOODLES
        ]

    def pairs(self) -> list[tuple[str, str]]:
        """Held-out pairs, in a fixed order."""
        rng, names, found = Random("pairs"), self.names(), []
        for _ in range(100 * self.plan.pairs):
            one, other = rng.choice(names), rng.choice(names)
            if one != other and held_out.pair(one, other):
                found.append((one, other))
            if len(found) == self.plan.pairs:
                break
        return found

    def synonyms(self) -> list[Wanted]:
        """Words held out, of things that there are pictures of."""
        names, unsaid = set(self.names()), self.things.unsaid
        return [
            wanted(self.things[name], called=word)
            for name, words in sorted(self.things.synonyms.items())
            if name in names
            for word in words
            if word in unsaid
        ]

    # --- what is measured ---

    def top5(self) -> dict:
        asked = [wanted(self.things[name]) for name in some("top5", self.names(), self.plan.names)]
        drawn = self.model.drawn(asked, self.plan.steps, "top5")
        return {
            "top1": share(self.found(drawn, asked, 1)),
            "top5": share(self.found(drawn, asked, 5)),
            "names": len(asked),
        }

    def few_step_top5(self) -> dict:
        asked = [wanted(self.things[name]) for name in some("top5", self.names(), self.plan.names)]
        return {
            "few_step_top5": share(self.found(self.model.drawn(asked, self.plan.few, "few steps"), asked, 5))
        }

    def unseen_top5(self) -> dict:
        asked = some("unseen", self.combinations(), self.plan.combinations)
        drawn = self.model.drawn(asked, self.plan.steps, "unseen")
        style = torch.tensor([STYLES.index(each.style) for each in asked])
        return {
            "unseen_top5": share(self.found(drawn, asked, 5)),
            "unseen_style": share(top(self.judges.styles(drawn), style, 1)),
            "unseen": len(asked),
        }

    def doodle_top5(self) -> dict:
        classes = some("doodles", list(range(len(self.things.doodles.names))), self.plan.doodles)
        named = {thing.doodle_name: thing for thing in self.things.values() if thing.doodle_name}
        seeds, names = self.plan.doodle_seeds, self.things.doodles.names
        asked = [wanted(named[names[k]], "doodle") for k in classes for _ in range(seeds)]
        drawn = self.model.drawn(asked, self.plan.doodle_steps, "doodles")
        right = torch.tensor(classes).repeat_interleave(seeds)
        said = self.judges.doodles(drawn)
        return {
            "doodle_top1": share(top(said, right, 1)),
            "doodle_top5": share(top(said, right, 5)),
            "doodles": len(asked),
        } | self.own(drawn, classes)

    def own(self, drawn: Tensor, classes: list[int]) -> dict:
        """Are doodles alike, are they copies? drawn [classes x seeds,3,64,64], class by class."""
        doodles, seeds, read = self.things.doodles, self.plan.doodle_seeds, self.judges.doodle_reader
        made, held, copied, seen_made, seen_held = [], [], [], [], []
        inks = real.ink(drawn)
        for k, mine, small in zip(classes, inks.split(seeds), F.avg_pool2d(inks, 2).split(seeds)):
            trained_on, there = (doodles.rows(doodles.names[k], held=which) for which in (False, True))
            if len(there) < 3 or not len(trained_on):
                continue
            made.append(copies.doodle_space(small))
            held.append(copies.doodle_space(real.doodles_of(self.things, there, side=32)))
            known = [
                copies.doodle_space(real.doodles_of(self.things, trained_on, side=32, turn=turn))
                for turn in copies.TURNS
            ]
            known += [copies.mirrored(each) for each in known]
            copied.append(copies.copied(made[-1], torch.cat(known), held[-1]))
            seen_made.append(features(read, mine))
            seen_held.append(features(read, real.doodles_of(self.things, there[:12])))
        if not made:
            return {}
        return {
            "doodle_diversity": round(copies.diversity(made, held), 4),
            "doodle_diversity_of_features": round(copies.diversity(seen_made, seen_held), 4),
            "nearest_copy": share(torch.cat(copied)),
        }

    def pair_top5(self) -> dict:
        pairs = self.pairs()
        asked = [Wanted(f"{article(a)} next to {article(b)}", (a, b)) for a, b in pairs]
        drawn = self.model.drawn(asked, self.plan.steps, "pairs")
        both = [
            self.found(half(drawn, side), [each._replace(names=each.names[side:]) for each in asked], 5)
            for side in (0, 1)
        ]
        return {
            "pair_top5": share(both[0] & both[1]),
            "pair_each_top5": share(torch.cat(both)),
            "pairs": len(pairs),
        }

    def synonym_top5(self) -> dict:
        asked = some("synonyms", self.synonyms(), self.plan.synonyms)
        if not asked:
            return {"synonym_top5": None, "synonyms": 0}
        drawn = self.model.drawn(asked, self.plan.steps, "synonyms")
        return {"synonym_top5": share(self.found(drawn, asked, 5)), "synonyms": len(asked)}

    def found(self, drawn: Tensor, asked: list[Wanted], k: int) -> Tensor:
        """[N] bool: is the first thing asked for among the k likeliest?"""
        right = torch.zeros(len(asked), dtype=torch.bool)
        doodled = torch.tensor([each.style in OF_DOODLES for each in asked])
        for judge, names, mine in (
            (self.judges.things, self.judges.names, ~doodled),
            (self.judges.doodles, self.things.doodles.names, doodled),
        ):
            if mine.any():
                rows = [names.index(self.called(each)) for each, here in zip(asked, mine.tolist()) if here]
                right[mine] = top(judge(drawn[mine]), torch.tensor(rows), k)
        return right

    def called(self, asked: Wanted) -> str:
        """The name by which a judge knows it."""
        name = asked.names[0]
        return self.things[name].doodle_name if asked.style in OF_DOODLES else name


def half(x: Tensor, side: int) -> Tensor:
    """[B,3,S,S] -> what stands left (0) or right (1), enlarged to S."""
    size = x.shape[-1]
    left, upper, extent = (round(size * part) for part in HALVES[side])
    cut = x[..., upper : upper + extent, left : left + extent]
    return F.interpolate(cut, size=size, mode="bilinear", antialias=True)


def some(what: str, items: list, count: int) -> list:
    """At most so many of them, the same every time."""
    return Random(what).sample(items, count) if count < len(items) else items
