"""The things that the model knows, and which pictures there are of each, by style.

    things = Things.read(Folders.of("data"))
    cat = things["cat"]
    cat.pictures["cartoon"]         # rows of things.pictures, never those held out
    cat.doodles                     # rows of things.doodles, never those held out

A style is a word that people use; several artists may share one (STYLE_SETS).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from emoji_model import choice, held_out
from emoji_model.data import Doodles, Folders, Pictures
from emoji_model.vocabulary import MORE_NAMES, OF_DOODLES, STYLE_SETS, WITH_FILTERS

STYLE_OF = {name: style for style, names in STYLE_SETS.items() for name in names}


@dataclass(frozen=True)
class Thing:
    """name      what it is called, in lower case
    names     what else people call it, in captions
    keywords  CLDR's
    pictures  style -> rows of Pictures to train on
    held      style -> rows never trained on: combinations held out, and the 20 emoji
    without   styles in which it is never shown, though it could be
    doodles   rows of Doodles to train on; held_doodles  those held out
    """

    name: str
    names: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    pictures: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    held: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    without: frozenset[str] = frozenset()
    doodles: tuple[int, ...] = ()
    held_doodles: tuple[int, ...] = ()
    doodle_name: str = ""

    @property
    def held_out(self) -> bool:
        """Is it one of the 20 of which no artist's picture is trained on?"""
        return self.name in held_out.EMOJI


class Things(dict[str, Thing]):
    """name -> Thing, and the pictures and doodles that their rows point into."""

    pictures: Pictures
    doodles: Doodles
    folders: Folders
    synonyms: Mapping[str, tuple[str, ...]]  # name -> words beyond CLDR's, held out or not
    unsaid: frozenset[str]  # the synonyms held out: no caption says them

    @classmethod
    def read(cls, folders: Folders, synonyms: Mapping[str, tuple[str, ...]] | None = None) -> "Things":
        """synonyms: name -> words for it beyond CLDR's; those held out are left out of captions.

        DataError where data is missing or damaged.
        """
        made = cls()
        made.folders = folders
        made.pictures, made.doodles = Pictures(folders), Doodles(folders["doodles"])
        made.synonyms = synonyms or {}
        rows = _rows(made.pictures)
        drawn = {choice.DOODLE_OF.get(name, name.lower()): name for name in made.doodles.names}
        names = {*rows, *drawn}
        spoken = {
            word for name in (*names, *made.doodles.names) for word in (name.lower(), *name.lower().split())
        }
        made.unsaid = frozenset(
            word
            for words in made.synonyms.values()
            for word in words
            if held_out.synonym(word) and word not in spoken
        )
        for name in sorted(names):
            made[name] = made._thing(name, rows.get(name, {}), drawn.get(name, ""), made.unsaid)
        return made

    def _thing(self, name: str, rows: dict[str, list[int]], doodle: str, unsaid: frozenset[str]) -> Thing:
        styles = set(rows)
        if styles & set(COLOURED):
            styles |= set(WITH_FILTERS)
        if doodle:
            styles |= {"chalk drawing", "ink drawing"}
        out = held_out.combinations(name, styles)
        if name in held_out.EMOJI:
            out |= styles - set(OF_DOODLES)
        keywords = [word for style in rows.values() for row in style for word in self.pictures[row].keywords]
        more = [
            *MORE_NAMES.get(name, ()),
            *([doodle.lower()] if doodle else []),
            *self.synonyms.get(name, ()),
        ]
        train, held = (
            tuple(map(int, self.doodles.rows(doodle, held=which))) if doodle else ()
            for which in (False, True)
        )
        return Thing(
            name,
            names=_said(more, name, unsaid),
            keywords=_said(keywords, name, unsaid),
            pictures={style: tuple(r) for style, r in rows.items() if style not in out},
            held={style: tuple(r) for style, r in rows.items() if style in out},
            without=frozenset(out),
            doodles=train,
            held_doodles=held,
            doodle_name=doodle,
        )


def _said(words: Iterable[str], name: str, unsaid: frozenset[str]) -> tuple[str, ...]:
    """Each once, without the name itself and without what no caption says."""
    return tuple(w for w in dict.fromkeys(words) if w != name and not unsaid & {w, *w.split()})


def drawn_by(things: Things, artists: set[str]) -> Things:
    """The same things with the pictures of these artists alone, and without doodles."""
    made = Things()
    vars(made).update(vars(things))
    for name, thing in things.items():
        kept = {
            style: mine
            for style, rows in thing.pictures.items()
            if (mine := tuple(row for row in rows if things.pictures[row].set in artists))
        }
        if kept:
            made[name] = replace(thing, pictures=kept, doodles=())
    return made


COLOURED = ("cartoon", "sticker", "3d render")
"""Styles that a caption without a style may mean, and to which filters are applied."""


def _rows(pictures: Pictures) -> dict[str, dict[str, list[int]]]:
    """name -> style -> rows, of the concepts that choice.py takes, and of the photographs."""
    artists: dict[str, set[str]] = {}
    place: dict[str, tuple[str, str]] = {}
    for picture in pictures:
        if picture.code:
            artists.setdefault(picture.name.lower(), set()).add(picture.set)
            place[picture.name.lower()] = picture.category, picture.subcategory
    known = {name for name in artists if not choice.reason_left_out(name, *place[name], len(artists[name]))}
    rows: dict[str, dict[str, list[int]]] = {}
    called = {other: name for name in known for other in MORE_NAMES.get(name, ())}
    for row, picture in enumerate(pictures):
        name = picture.name.lower()
        if picture.set == "photo":
            name = choice.PHOTO_OF.get(name, name)
        elif not picture.code:  # clip art is named by its artist
            name = name if name in known else called.get(name, name)
        if name in known or picture.set == "photo":
            rows.setdefault(name, {}).setdefault(STYLE_OF[picture.set], []).append(row)
    return rows
