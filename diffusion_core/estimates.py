"""What a network thinks of x_t, combined: one sum that covers guidance, anagrams and hybrids.

    estimate(x) = sum_k  w_k  pull_k( network_k( look_k(x), cond_k ) )

A term looks at x (turned, negated, or as it is), asks a network, and pulls the answer back. Terms are
added in the network's own prediction space (eps for DDPM and IF, velocity for flow, x0 for a denoiser),
so the code reads like the papers. An estimate may be added to another and multiplied by a number:

    guided  = (1 - gamma) given(net, null) + gamma given(net, cond)     Ho and Salimans 2022, eq. 6
    anagram = 1/V sum_v  given(net, cond_v).seen(view_v)                Geng et al. 2024, eq. 4
    hybrid  = given(net, far).after(low) + given(net, near).after(high) Geng et al. 2024b, eq. 5

Law: sum_k w_k pull_k . look_k = identity. Only then is the sum an estimate of the same x0 as its
parts; `defect` measures how far it is from that, and tests hold it at zero for every technique.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, Protocol

import torch
from torch import Tensor

from diffusion_core.levels import Level

Predicts = Literal["eps", "velocity", "x0"]
Filter = Callable[[Tensor], Tensor]


class View(Protocol):
    """A signed rearrangement of pixels, see views/; [B,C,H,W] -> [B,C,H,W]."""

    name: str

    def __call__(self, x: Tensor) -> Tensor: ...
    def inverse(self, x: Tensor) -> Tensor: ...
    def inverse_unsigned(self, x: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Card:
    """What the house knows of a network without loading it.

    name      how asks address it, as "mnist/flow-class/10"
    predicts  what it answers: eps, velocity (x0 - eps), or x0 itself
    shape     (C, H, W) of one picture
    low, high the range of pictures it was trained on, (-1, 1) for IF, (0, 1) for MNIST
    schedule  the name of its levels: "ddpm-linear-300", "if-cosine", "rectified", "additive"
    spread    does it answer with a learned variance too?
    threshold (ratio, largest) of the dynamic threshold it was published with, see samplers.dynamic
    beside    does it see a picture of the same size beside x? (stage II, see Condition)
    """

    name: str
    predicts: Predicts
    shape: tuple[int, int, int]
    schedule: str
    low: float = -1.0
    high: float = 1.0
    spread: bool = False
    title: str = ""
    threshold: tuple[float, float] | None = None
    beside: bool = False


@dataclass(frozen=True, eq=False)
class Condition:
    """What a network is told beside x and t: a label per row (a digit, a prompt; None for nothing).

    beside  [B,C,H,W], laid next to x (IF stage II: the noised low-resolution picture)
    noise   the noise level of `beside`
    """

    labels: tuple[Hashable, ...]
    beside: Tensor | None = None
    noise: float | None = None

    @property
    def key(self) -> Hashable:
        return self.labels, None if self.beside is None else id(self.beside), self.noise


@dataclass(frozen=True, eq=False)
class Ask:
    """A question to a network: what is x [B,C,H,W], at this level, given cond?"""

    network: str
    x: Tensor
    level: Level
    cond: Condition

    @property
    def rows(self) -> int:
        return len(self.x)


class Answer(NamedTuple):
    """prediction [B,C,H,W] in the network's own space; spread: IF's learned variance, raw in [-1, 1]."""

    prediction: Tensor
    spread: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Term:
    """w pull( network( look(x), cond ) ). views turn x; pulls work on the answer: turned back, filtered.

    Both are linear, so what terms with the same pulls are told can be added first and pulled once.
    """

    card: Card
    cond: Condition
    weight: float = 1.0
    views: tuple[View, ...] = ()
    pulls: tuple[Filter, ...] = ()
    shapes_spread: bool = True  # False for the null of guidance: its variance is not used

    def look(self, x: Tensor) -> Tensor:
        for view in self.views:
            x = view(x)
        return x

    @property
    def told(self) -> Condition:
        """The condition, with the picture beside x turned as x is."""
        beside = self.cond.beside
        return self.cond if beside is None else replace(self.cond, beside=self.look(beside))

    def pull(self, prediction: Tensor) -> Tensor:
        for each in self.pulls:
            prediction = each(prediction)
        return prediction

    def pull_spread(self, spread: Tensor) -> Tensor:
        for view in reversed(self.views):
            spread = view.inverse_unsigned(spread)
        return spread

    @property
    def question(self) -> Hashable:
        """Terms with one question share one ask (a hybrid asks its null once, not twice)."""
        return self.card.name, self.cond.key, tuple(id(view) for view in self.views)


@dataclass(frozen=True, eq=False)
class Estimate:
    """A weighted sum of terms over networks that predict the same thing."""

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        if len({(t.card.predicts, t.card.shape) for t in self.terms}) != 1:
            raise ValueError("an estimate can only add networks that predict the same thing, at one size")

    @property
    def predicts(self) -> Predicts:
        return self.terms[0].card.predicts

    def __add__(self, other: "Estimate") -> "Estimate":
        return Estimate(self.terms + other.terms)

    def __rmul__(self, w: float) -> "Estimate":
        return Estimate(tuple(replace(t, weight=w * t.weight) for t in self.terms))

    def seen(self, view: View) -> "Estimate":
        """The estimate of somebody who sees x through `view`, turned back."""
        return Estimate(
            tuple(replace(t, views=(view, *t.views), pulls=(*t.pulls, view.inverse)) for t in self.terms)
        )

    def after(self, each: Filter) -> "Estimate":
        """Only the part of the estimate that a linear filter lets through."""
        return Estimate(tuple(replace(t, pulls=(*t.pulls, each)) for t in self.terms))

    def asks(self, x: Tensor, level: Level) -> list[Ask]:
        """One ask per different question; terms of weight 0 ask nothing."""
        asks, looks = {}, {}
        for term in self._asking:
            if term.question not in asks:
                key = tuple(id(view) for view in term.views)
                if key not in looks:
                    looks[key] = term.look(x)  # one tensor for all who look alike: networks may share work
                asks[term.question] = Ask(term.card.name, looks[key], level, term.told)
        return list(asks.values())

    def merged(self, answers: Sequence[Answer]) -> Tensor:
        """sum_k w_k pull_k(answer_k), [B,C,H,W], in the networks' prediction space."""
        by_question, alike = self._by_question(answers), {}
        for term in self._asking:
            alike.setdefault(term.pulls, []).append(term)
        return _total(
            [
                terms[0].pull(_weighted([(t.weight, by_question[t.question].prediction) for t in terms]))
                for terms in alike.values()
            ]
        )

    def clean(self, x: Tensor, level: Level, answers: Sequence[Answer]) -> Tensor:
        """The estimate of x0, from x = alpha x0 + sigma eps and what was predicted."""
        return x0_from(self.merged(answers), self.predicts, x, level)

    def spread(self, answers: Sequence[Answer]) -> Tensor | None:
        """The learned variance: the mean over the conditional terms, each turned back without its sign."""
        by_question = self._by_question(answers)
        terms = [t for t in self._asking if t.shapes_spread] or self._asking
        parts = [(t, by_question[t.question].spread) for t in terms]
        if any(part is None for _, part in parts):
            return None
        whole = _total([t.pull_spread(part) for t, part in parts])
        return whole if len(parts) == 1 else whole / len(parts)

    def defect(self, x: Tensor) -> float:
        """max |sum_k w_k pull_k(look_k(x)) - x|; zero where the terms resolve the identity."""
        return float((sum(t.weight * t.pull(t.look(x)) for t in self.terms) - x).abs().max())

    @property
    def _asking(self) -> list[Term]:
        return [t for t in self.terms if t.weight != 0]

    def _by_question(self, answers: Sequence[Answer]) -> dict[Hashable, Answer]:
        return dict(zip(dict.fromkeys(t.question for t in self._asking), answers, strict=True))


def _weighted(parts: Sequence[tuple[float, Tensor]]) -> Tensor:
    """sum_k w_k p_k, written around the first as W p_1 + sum_k w_k (p_k - p_1), W = sum_k w_k.

    For guidance that is eps_null + gamma (eps_cond - eps_null). It rounds less than -6 and 7 times two
    numbers that are nearly equal.
    """
    (_, first), *others = parts
    whole = sum(weight for weight, _ in parts)
    result = first if abs(whole - 1) < 1e-9 else whole * first
    for weight, part in others:
        result = torch.add(result, part - first, alpha=weight)
    return result


def _total(parts: Sequence[Tensor]) -> Tensor:
    return sum(parts[1:], parts[0])


def given(card: Card, cond: Condition, *, shapes_spread: bool = True) -> Estimate:
    """What one network says, told `cond`."""
    return Estimate((Term(card, cond, shapes_spread=shapes_spread),))


def guided(card: Card, cond: Condition, null: Condition, gamma: float) -> Estimate:
    """Classifier-free guidance (Ho and Salimans 2022): (1 - gamma) f(x, null) + gamma f(x, cond).

    gamma 0 is truly unconditional, 1 is conditional (one ask each), above 1 exaggerates the difference.
    """
    return (1 - gamma) * given(card, null, shapes_spread=False) + gamma * given(card, cond)


def mean(estimates: Iterable[Estimate]) -> Estimate:
    """1/V sum_v estimate_v, asked together (Geng et al. 2024, eq. 4)."""
    estimates = list(estimates)
    return Estimate(sum(((1 / len(estimates) * e).terms for e in estimates), ()))


def x0_from(prediction: Tensor, predicts: Predicts, x: Tensor, level: Level) -> Tensor:
    """x0 from what was predicted, [B,C,H,W]:

    eps        x0 = (x - sigma eps) / alpha              DDPM, eq. 15
    velocity   x0 = x + sigma v, v = x0 - eps            rectified flow, alpha + sigma = 1
    x0         itself

    ValueError for eps at alpha = 0, where x holds nothing of x0.
    """
    if predicts == "x0":
        return prediction
    if predicts == "velocity":
        return x + level.sigma * prediction
    if level.alpha == 0:
        raise ValueError("x0 cannot be read from eps where alpha is 0")
    return torch.sub(x, prediction, alpha=level.sigma) / level.alpha


def eps_from(x0: Tensor, x: Tensor, level: Level) -> Tensor:
    """eps = (x - alpha x0) / sigma, [B,C,H,W]; zeros where sigma is 0."""
    return (x - level.alpha * x0) / level.sigma if level.sigma else torch.zeros_like(x)


def total(estimates: Sequence[Estimate]) -> Estimate:
    """Their sum, asked together."""
    return Estimate(sum((estimate.terms for estimate in estimates), ()))
