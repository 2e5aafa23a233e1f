"""Scenes and the captions that describe them, drawn from a seed.

A scene is plain data: which emoji stand where, on which ground, in which style. Its caption names what
is in it, so that a prompt means more than a lookup:

    a dog                          one thing, by its name, another word for it, or its keywords
    a dog next to a tree           two or three things; above, below, wearing
    people around a campfire       four people, and what people gather around
    a snowy mountain village       houses below a mountain
    a small crown, many stars      sizes and numbers
    ... on a blue background       grounds
    an oil painting of ...         styles, see styles.py

`scene(album, rng, mix)` draws one; the same seed gives the same scene and caption on every machine.
"""

from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from emoji_model.data import Emoji
from emoji_model.vocabulary import (
    CENTRES,
    COLOURS,
    HATS,
    HEADS,
    HOMES,
    MORE_NAMES,
    MOUNTAINS,
    PEOPLE,
    STYLES,
    article,
    is_core,
    is_sign,
    plural,
)


@dataclass(frozen=True)
class Mix:
    """How often scenes are what; the shares of one choice are weights."""

    empty: float = 0.1  # captions that say nothing
    things: tuple[float, ...] = (0.70, 0.22, 0.08)  # one, two, more things
    grounds: float = 0.25  # scenes on something other than white
    styles: float = 0.30  # scenes in a style
    signs: float = 0.15  # how often a sign, against a pictured thing
    core: bool = False  # only the most pictured things
    jitter: float = 0.04  # how far and how much smaller, in parts of the picture


PLAIN = Mix(things=(1.0,), grounds=0.0, styles=0.0, jitter=0.0)
"""One thing on white."""

MIXES = {
    "full": Mix(),
    "plain": PLAIN,
    "core": Mix(things=(0.86, 0.12, 0.02), grounds=0.10, styles=0.20, core=True, jitter=0.0),
    "pairs": Mix(things=(0.40, 0.50, 0.10), grounds=0.10, styles=0.20, core=True, jitter=0.0),
}


AROUND = ((0.14, 0.56, 0.28), (0.86, 0.56, 0.28), (0.33, 0.2, 0.28), (0.67, 0.2, 0.28))
VILLAGE = ((0.26, 0.76, 0.4), (0.62, 0.8, 0.36), (0.88, 0.68, 0.24))
"""Where people stand around something, and houses below a mountain: middle and size, as a Thing has them."""


class Thing(NamedTuple):
    """emoji  its row in the album; x, y  its middle and size its side, in parts of the picture's side."""

    emoji: int
    x: float = 0.5
    y: float = 0.5
    size: float = 1.0


@dataclass(frozen=True)
class Scene:
    """What is to be seen, and `caption`, what a prompt would call it ("" for one in ten)."""

    things: tuple[Thing, ...]
    caption: str
    ground: str = "plain"
    colours: tuple = ((1.0, 1.0, 1.0), (1.0, 1.0, 1.0))  # of the ground, above and below
    style: str = "none"
    seed: int = 0  # of what is random in grounds and styles
    names: tuple[str, ...] = field(default=(), compare=False)  # of the things, for measuring


class Cast:
    """The cast of an album under a mix: who may appear, and how often."""

    def __init__(self, emoji: list[Emoji], mix: Mix):
        self.emoji, self.mix = emoji, mix
        wanted = is_core if mix.core else (lambda each: not each.held_out)
        self.cast = [row for row, each in enumerate(emoji) if wanted(each)]
        if not self.cast:  # an album of other names than Noto's
            self.cast = list(range(len(emoji)))
        self.weights = [mix.signs if is_sign(emoji[row]) else 1.0 for row in self.cast]
        self.props = [row for row in self.cast if not is_sign(emoji[row])] or self.cast
        self.hats = [row for row in self.cast if emoji[row].name in HATS]
        self.heads = [row for row in self.cast if emoji[row].name in HEADS]
        self.people = [row for row in self.cast if emoji[row].name in PEOPLE]
        self.centres = [row for row in self.cast if emoji[row].name in CENTRES]
        self.mountains = [row for row in self.cast if emoji[row].name in MOUNTAINS]
        self.homes = [row for row in self.cast if emoji[row].name in HOMES]

    def scene(self, rng: Random) -> Scene:
        """One scene and its caption."""
        mix = self.mix
        count = 1 + rng.choices(range(len(mix.things)), mix.things)[0]
        if count == 1:
            things, words = self._alone(rng)
        elif count == 2:
            things, words = self._pair(rng)
        else:
            things, words = self._more(rng)
        style = rng.choice(STYLES[1:]) if rng.random() < mix.styles else "none"
        ground, colours, where = "plain", ((1.0, 1.0, 1.0),) * 2, ""
        if style == "photo":
            ground = "table"
        elif rng.random() < mix.grounds:
            ground, colours, where = _ground(rng)
        caption = _styled(style, words, rng) + where
        if rng.random() < mix.empty:
            caption = ""
        names = tuple(self.emoji[thing.emoji].name for thing in things)
        return Scene(tuple(things), caption, ground, colours, style, rng.getrandbits(31), names)

    def one(self, row: int, caption: str | None = None) -> Scene:
        """A plain scene of one emoji, for references and measures."""
        name = self.emoji[row].name
        return Scene((Thing(row),), article(name) if caption is None else caption, names=(name,))

    # --- one, two, three things ---

    def _alone(self, rng: Random) -> tuple[list[Thing], str]:
        row = rng.choices(self.cast, self.weights)[0]
        kind = rng.random()
        loose = self.mix.jitter
        if loose and kind < 0.07:
            return [self._at(rng, row, 0.5, 0.55, 0.45)], f"a small {self.call(row, rng)}"
        if loose and kind < 0.14:
            places = [(x, y) for x in (0.2, 0.5, 0.8) for y in (0.2, 0.5, 0.8)]
            chosen = rng.sample(places, rng.randint(4, 9))
            return [self._at(rng, row, x, y, 0.3) for x, y in chosen], f"many {plural(self.call(row, rng))}"
        size = 1 - loose * rng.random() * 3
        return [self._at(rng, row, 0.5, 0.5, size)], self.describe(row, rng)

    def _pair(self, rng: Random) -> tuple[list[Thing], str]:
        if self.hats and self.heads and rng.random() < 0.12:
            hat, head = rng.choice(self.hats), rng.choice(self.heads)
            words = f"{self.named(head, rng)} {rng.choice(('wearing', 'with'))} {self.named(hat, rng)}"
            return [self._at(rng, head, 0.5, 0.6, 0.78), self._at(rng, hat, 0.5, 0.2, 0.5)], words
        first, second = rng.sample(self.props, 2) if len(self.props) > 1 else self.props * 2
        a, b = self.named(first, rng), self.named(second, rng)
        if rng.random() < 0.65:
            words = rng.choice((f"{a} next to {b}", f"{a} and {b}", f"{a} beside {b}", f"{a} left of {b}"))
            y = 0.5
            return [self._at(rng, first, 0.27, y, 0.54), self._at(rng, second, 0.73, y, 0.54)], words
        words = rng.choice((f"{a} above {b}", f"{b} below {a}", f"{a} on top of {b}"))
        return [self._at(rng, first, 0.5, 0.27, 0.54), self._at(rng, second, 0.5, 0.73, 0.54)], words

    def _more(self, rng: Random) -> tuple[list[Thing], str]:
        kind = rng.random()
        if self.people and self.centres and kind < 0.4:
            middle = rng.choice(self.centres)
            around = [self._at(rng, rng.choice(self.people), *place) for place in AROUND]
            words = f"{rng.choice(('people', 'four people'))} around {self.named(middle, rng)}"
            return [*around, self._at(rng, middle, 0.5, 0.68, 0.5)], words
        if self.mountains and self.homes and kind > 0.65:
            mountain = rng.choice(self.mountains)
            homes = [self._at(rng, rng.choice(self.homes), *place) for place in VILLAGE]
            words = rng.choice(
                (f"a {self.call(mountain, rng)} village", f"a village below a {self.call(mountain, rng)}")
            )
            return [self._at(rng, mountain, 0.5, 0.38, 0.76), *homes], words
        rows = [rng.choice(self.props) for _ in range(3)]
        a, b, c = (self.named(row, rng) for row in rows)
        if rng.random() < 0.5:
            places = ((0.24, 0.6, 0.46), (0.76, 0.6, 0.46), (0.5, 0.25, 0.42))
            words = rng.choice((f"{a}, {b} and {c}", f"{a} and {b} below {c}"))
        else:
            places = ((0.2, 0.5, 0.38), (0.5, 0.5, 0.38), (0.8, 0.5, 0.38))
            words = rng.choice((f"{a}, {b} and {c} in a row", f"{a}, {b}, {c}"))
        return [self._at(rng, row, *place) for row, place in zip(rows, places)], words

    def _at(self, rng: Random, row: int, x: float, y: float, size: float) -> Thing:
        loose = self.mix.jitter
        if not loose:
            return Thing(row, x, y, size)
        return Thing(row, x + loose * rng.uniform(-1, 1), y + loose * rng.uniform(-1, 1), size)

    # --- words ---

    def call(self, row: int, rng: Random) -> str:
        """A name of the thing, without an article."""
        name = self.emoji[row].name
        return rng.choice((name, *MORE_NAMES[name])) if name in MORE_NAMES and rng.random() < 0.6 else name

    def named(self, row: int, rng: Random) -> str:
        """A name, mostly with its article."""
        return article(self.call(row, rng)) if rng.random() < 0.75 else self.call(row, rng)

    def describe(self, row: int, rng: Random) -> str:
        """By name, by name and keywords, or by keywords alone."""
        keywords = [word for word in self.emoji[row].keywords if word.replace(" ", "").isalpha()]
        kind = rng.random()
        if kind < 0.70 or not keywords:
            plain = self.named(row, rng)
            return plain if rng.random() < 0.8 else f"{rng.choice(('a picture of', 'an emoji of'))} {plain}"
        some = rng.sample(keywords, min(len(keywords), rng.randint(1, 3)))
        if kind < 0.9:
            return ", ".join([self.call(row, rng), *some])
        return ", ".join(some)


def _ground(rng: Random) -> tuple[str, tuple, str]:
    """A ground, its colours, and the words that name it."""
    kind = rng.choice(("colour", "colour", "gradient", "night", "meadow", "snow"))
    if kind == "colour":
        name = rng.choice(list(COLOURS))
        return "plain", (COLOURS[name],) * 2, f" on a {name} background".replace("a orange", "an orange")
    if kind == "gradient":
        above, below = rng.sample(list(COLOURS), 2)
        words = rng.choice((f" on a gradient from {above} to {below}", f" on a {above} and {below} gradient"))
        return "gradient", (COLOURS[above], COLOURS[below]), words.replace("a orange", "an orange")
    words = {
        "night": (" in the night sky", " at night", " on a night sky"),
        "meadow": (" on a meadow", " in a meadow", " on the grass"),
        "snow": (" in the snow", " in a snowy landscape"),
    }[kind]
    return kind, ((1.0, 1.0, 1.0),) * 2, rng.choice(words)


def _styled(style: str, words: str, rng: Random) -> str:
    if style == "none":
        return words
    if style == "photo":
        return f"{rng.choice(('a photo of', 'a high quality photo of', 'a photograph of'))} {words}"
    return f"{article(style)} of {words}"
