"""What is never trained on, so that it can be measured: one rule, a hash, in one place.

    held out                                      because
    10% of (thing, style) combinations            the model has met both, but not together
    10% of the doodles of every thing             nobody can know them by heart
    10% of pairs of things                        "X next to Y" that it never saw side by side
    30% of the synonyms                           words it never met in a caption
    20 emoji, in every artist's hand              stage II enlarges them; stage I has no picture of them

The same key gives the same answer on every machine.
"""

from collections.abc import Iterable
from hashlib import sha256

COMBINATIONS = 0.1
DOODLES = 0.1
PAIRS = 0.1
SYNONYMS = 0.3

EMOJI = frozenset(
    [
        "abacus",
        "accordion",
        "anchor",
        "avocado",
        "badger",
        "bison",
        "canoe",
        "cupcake",
        "dodo",
        "flamingo",
        "helicopter",
        "kangaroo",
        "lobster",
        "parrot",
        "peacock",
        "pineapple",
        "snail",
        "teapot",
        "tractor",
        "trumpet",
    ]
)
"""Concepts of which no artist's picture and no photograph is trained on (doodles of some of them are)."""


def share(kind: str, key: str) -> float:
    """A number in [0,1) that hangs on kind and key alone: the first 8 bytes of their SHA-256."""
    return int.from_bytes(sha256(f"{kind}:{key}".encode()).digest()[:8], "big") / 2**64


def combination(thing: str, style: str) -> bool:
    """Is this thing never shown in this style? Ask `combinations`, which sees to it that both are seen
    elsewhere."""
    return share("combination", f"{thing}|{style}") < COMBINATIONS


def combinations(thing: str, styles: Iterable[str]) -> frozenset[str]:
    """Of the styles that there are of a thing, those held out; two at least are left."""
    there = sorted(styles)
    out = [style for style in there if combination(thing, style)]
    return frozenset(out[: max(0, len(there) - 2)])


def doodle(key_id: int) -> bool:
    """Is this drawing (by its number in Quick, Draw!) never trained on?"""
    return share("doodle", str(key_id)) < DOODLES


def pair(one: str, other: str) -> bool:
    """Are these two things never shown together? In whichever order."""
    return share("pair", "|".join(sorted((one, other)))) < PAIRS


def synonym(word: str) -> bool:
    """Does no caption use this synonym?"""
    return share("synonym", word) < SYNONYMS
