"""Scenes and the captions that describe them, drawn from a seed.

A scene is plain data: which pictures and doodles stand where, on which ground, in which style. Its caption
names what is in it, so that a prompt means more than a lookup:

    a dog                            one thing, by its name, another word for it, or its keywords
    a 3D render of a dog             in an artist's style, or in one made by a filter (styles.py)
    a doodle of a dog                by people; with chalk, in coloured ink, on coloured paper, filled
    a dog next to a tree             two or three things; above, below, wearing
    two dogs, many stars             numbers
    people around a campfire         four people, and what people gather around
    a snowy mountain village         houses below a mountain
    ... on a blue background         grounds

`Cast(things, mix).scene(rng)` draws one; the same seed gives the same scene and caption on every machine.
Nothing that held_out.py names is ever drawn.
"""

from collections.abc import Callable
from random import Random

from emoji_model import held_out
from emoji_model.looks import Look, doodled, grounded, phrase
from emoji_model.mixes import PLAIN, Mix
from emoji_model.scene import Placed, Scene
from emoji_model.things import COLOURED, Thing, Things
from emoji_model.vocabulary import (
    CENTRES,
    CORE,
    HATS,
    HEADS,
    HOMES,
    MOUNTAINS,
    OF_DOODLES,
    PEOPLE,
    STYLES,
    WITH_FILTERS,
    article,
    plural,
)

AROUND = ((0.14, 0.56, 0.28), (0.86, 0.56, 0.28), (0.33, 0.2, 0.28), (0.67, 0.2, 0.28))
VILLAGE = ((0.26, 0.76, 0.4), (0.62, 0.8, 0.36), (0.88, 0.68, 0.24))
"""Where people stand around something, and houses below a mountain: middle and size, as a Placed has them."""


class Cast:
    """The things under a mix: who may appear in which style, and how often."""

    def __init__(self, things: Things, mix: Mix = PLAIN):
        self.things, self.mix = things, mix
        self.by_style = {style: self._shown(style) for style in ("", *STYLES)}
        self.styles = {s: w for s, w in mix.styles.items() if w and self.by_style[s]}
        self.weights = {
            style: [mix.core if name in CORE else 1.0 for name in names]
            for style, names in self.by_style.items()
        }

    def _shown(self, style: str) -> list[str]:
        return [name for name, thing in self.things.items() if rows_in(thing, style)]

    def scene(self, rng: Random) -> Scene:
        """One scene and its caption."""
        style = rng.choices(list(self.styles), list(self.styles.values()))[0]
        count = 1 + rng.choices(range(len(self.mix.counts)), self.mix.counts)[0]
        if style == "photo":  # photographs fill the picture
            count = 1
        look = doodled(style, rng) if style in OF_DOODLES else self._ground(style, rng)
        draw: Callable = (self._alone, self._pair, self._more)[count - 1]
        placed, words, names = draw(style, rng)
        if any(not p.doodle and self.things.pictures[p.row].set == "photo" for p in placed):
            look = Look()
        caption = phrase(style, look, rng) + words + look.where
        if rng.random() < self.mix.empty:
            caption = ""
        seed = rng.getrandbits(31)
        return Scene(
            tuple(placed),
            caption,
            look.ground,
            look.colours,
            style,
            look.ink,
            look.width,
            look.fill,
            seed,
            names,
        )

    def one(self, name: str, style: str = "", rng: Random | None = None, *, row: int | None = None) -> Scene:
        """A scene of one thing in a style, in the middle of white (of a board for chalk)."""
        rng = rng or Random(name)
        look = doodled(style, rng, plain=True) if style in OF_DOODLES else Look()
        if style == "photo" and "photo" not in self.things[name].pictures:
            look = Look("table")
        row = rng.choice(rows_in(self.things[name], style)) if row is None else row
        placed = Placed(row, style in OF_DOODLES, size=0.9 if style in OF_DOODLES else 1.0)
        caption = phrase(style, look, rng) + article(self.called(name, style))
        return Scene(
            (placed,),
            caption,
            look.ground,
            look.colours,
            style,
            look.ink,
            look.width,
            look.fill,
            rng.getrandbits(31),
            (name,),
        )

    # --- one, two, three things ---

    def pick(self, style: str, rng: Random, among: list[str] | None = None) -> str | None:
        """The name of a thing that may be shown in this style; None if there is none among these."""
        if among is None:
            return rng.choices(self.by_style[style], self.weights[style])[0]
        there = [name for name in among if name in self.things and rows_in(self.things[name], style)]
        return rng.choice(there) if there else None

    def _alone(self, style: str, rng: Random) -> tuple[list[Placed], str, tuple[str, ...]]:
        name, kind, loose = self.pick(style, rng), rng.random(), self.mix.jitter
        if loose and kind < 0.04:
            return (
                [self._at(rng, name, style, 0.5, 0.55, 0.45)],
                f"a small {self.call(name, style, rng)}",
                (name,),
            )
        if loose and kind < 0.08:
            places = rng.sample([(x, y) for x in (0.2, 0.5, 0.8) for y in (0.2, 0.5, 0.8)], rng.randint(4, 9))
            placed = [self._at(rng, name, style, x, y, 0.3) for x, y in places]
            return placed, f"many {plural(self.call(name, style, rng))}", (name,)
        size = 1 - loose * rng.random() * 3
        return [self._at(rng, name, style, 0.5, 0.5, size)], self.describe(name, style, rng), (name,)

    def _pair(self, style: str, rng: Random) -> tuple[list[Placed], str, tuple[str, ...]]:
        if rng.random() < 0.08 and style not in OF_DOODLES:
            hat, head = self.pick(style, rng, HATS), self.pick(style, rng, HEADS)
            if hat and head and not held_out.pair(hat, head):
                words = f"{self.named(head, style, rng)} {rng.choice(('wearing', 'with'))} "
                words += self.named(hat, style, rng)
                placed = [
                    self._at(rng, head, style, 0.5, 0.6, 0.78),
                    self._at(rng, hat, style, 0.5, 0.2, 0.5),
                ]
                return placed, words, (head, hat)
        first, second = self._together(style, rng, 2)
        beside = rng.random() < 0.65
        places = ((0.27, 0.5, 0.54), (0.73, 0.5, 0.54)) if beside else ((0.5, 0.27, 0.54), (0.5, 0.73, 0.54))
        placed = [self._at(rng, name, style, *place) for name, place in zip((first, second), places)]
        if first == second or rng.random() < 0.12:
            placed[1] = self._at(rng, first, style, *places[1])
            return (
                placed,
                f"{rng.choice(('two', 'two', 'a pair of'))} {plural(self.call(first, style, rng))}",
                (first,),
            )
        a, b = self.named(first, style, rng), self.named(second, style, rng)
        if beside:
            words = rng.choice(
                (
                    f"{a} next to {b}",
                    f"{a} and {b}",
                    f"{a} beside {b}",
                    f"{a} left of {b}",
                    f"{b} right of {a}",
                    f"{a} with {b}",
                )
            )
        else:
            words = rng.choice((f"{a} above {b}", f"{b} below {a}", f"{a} on top of {b}", f"{b} under {a}"))
        return placed, words, (first, second)

    def _more(self, style: str, rng: Random) -> tuple[list[Placed], str, tuple[str, ...]]:
        kind = rng.random()
        if kind < 0.3 and (found := self._around(style, rng)):
            return found
        if kind < 0.5 and (found := self._village(style, rng)):
            return found
        if kind < 0.65:
            name = self.pick(style, rng)
            placed = [self._at(rng, name, style, x, 0.5, 0.38) for x in (0.2, 0.5, 0.8)]
            return placed, f"three {plural(self.call(name, style, rng))}", (name,)
        names = self._together(style, rng, 3)
        a, b, c = (self.named(name, style, rng) for name in names)
        if rng.random() < 0.5:
            places = ((0.24, 0.6, 0.46), (0.76, 0.6, 0.46), (0.5, 0.25, 0.42))
            words = rng.choice((f"{a}, {b} and {c}", f"{a} and {b} below {c}"))
        else:
            places = ((0.2, 0.5, 0.38), (0.5, 0.5, 0.38), (0.8, 0.5, 0.38))
            words = rng.choice((f"{a}, {b} and {c} in a row", f"{a}, {b}, {c}"))
        return [self._at(rng, name, style, *place) for name, place in zip(names, places)], words, tuple(names)

    def _around(self, style: str, rng: Random):
        middle = self.pick(style, rng, CENTRES)
        if not middle or style in OF_DOODLES:
            return None
        people = [name for name in PEOPLE if not held_out.pair(name, middle)]
        chosen = [self.pick(style, rng, people) for _ in AROUND]
        if not all(chosen) or _held_together(set(chosen)):
            return None
        placed = [self._at(rng, name, style, *place) for name, place in zip(chosen, AROUND)]
        words = f"{rng.choice(('people', 'four people'))} around {self.named(middle, style, rng)}"
        return [*placed, self._at(rng, middle, style, 0.5, 0.68, 0.5)], words, (*chosen, middle)

    def _village(self, style: str, rng: Random):
        mountain = self.pick(style, rng, MOUNTAINS)
        homes = [self.pick(style, rng, HOMES) for _ in VILLAGE]
        if not mountain or not all(homes) or _held_together({mountain, *homes}):
            return None
        placed = [self._at(rng, name, style, *place) for name, place in zip(homes, VILLAGE)]
        called = self.call(mountain, style, rng)
        words = rng.choice((f"a {called} village", f"a village below a {called}"))
        return [self._at(rng, mountain, style, 0.5, 0.38, 0.76), *placed], words, (mountain, *homes)

    def _together(self, style: str, rng: Random, count: int) -> list[str]:
        """Things of which no two are a pair held out."""
        while _held_together(set(names := [self.pick(style, rng) for _ in range(count)])):
            pass
        return names

    def _at(self, rng: Random, name: str, style: str, x: float, y: float, size: float) -> Placed:
        row, loose = rng.choice(rows_in(self.things[name], style)), self.mix.jitter
        if loose:
            x, y = x + loose * rng.uniform(-1, 1), y + loose * rng.uniform(-1, 1)
        if style in OF_DOODLES:
            flip = bool(loose) and rng.random() < 0.3
            turn = rng.gauss(0, 0.06) if loose else 0.0
            return Placed(row, True, x, y, size * rng.uniform(0.78, 0.92), flip, turn)
        if self.things.pictures[row].set == "photo":
            return Placed(row, flip=rng.random() < 0.5)
        return Placed(row, False, x, y, size, flip=bool(loose) and rng.random() < 0.3)

    # --- words ---

    def called(self, name: str, style: str) -> str:
        """The first name of a thing: what doodles are called by their own."""
        return self.things[name].doodle_name.lower() if style in OF_DOODLES else name

    def call(self, name: str, style: str, rng: Random) -> str:
        """A name of the thing, without an article."""
        more, own = self.things[name].names, self.called(name, style)
        return rng.choice(more) if more and rng.random() < 0.35 else own

    def named(self, name: str, style: str, rng: Random) -> str:
        """A name, mostly with its article."""
        called = self.call(name, style, rng)
        return article(called) if rng.random() < 0.8 else called

    def describe(self, name: str, style: str, rng: Random) -> str:
        """By name, by name and keywords, by colour, or by keywords alone."""
        keywords = [word for word in self.things[name].keywords if word.replace(" ", "").isalpha()]
        kind = rng.random()
        if style or kind < 0.8 or not keywords:
            plain = self.named(name, style, rng)
            return (
                f"{rng.choice(('a picture of', 'an emoji of'))} {plain}"
                if not style and kind < 0.1
                else plain
            )
        some = rng.sample(keywords, min(len(keywords), rng.randint(1, 3)))
        return ", ".join([self.call(name, style, rng), *some] if kind < 0.93 else some)

    def _ground(self, style: str, rng: Random) -> "Look":
        if style == "photo":
            return Look("table")
        if style not in ("line drawing", "pixel art") and rng.random() < self.mix.grounds:
            return grounded(rng)
        return Look()


def rows_in(thing: Thing, style: str) -> tuple[int, ...]:
    """What may be shown of a thing in a style: rows of Doodles for OF_DOODLES, of Pictures for others."""
    if style in thing.without:
        return ()
    if style in OF_DOODLES:
        return thing.doodles
    if style in thing.pictures:
        return thing.pictures[style]
    if style == "" or style in WITH_FILTERS:
        return tuple(row for each in COLOURED for row in thing.pictures.get(each, ()))
    return ()


def _held_together(names: set[str]) -> bool:
    return any(held_out.pair(a, b) for a in names for b in names if a < b)
