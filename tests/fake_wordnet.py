"""WordNet's files in small: a folder as Princeton's, with the few synsets that tests ask for."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

LICENCE = "  1 This software and database is being provided to you, the LICENSEE.  \n"


class Entry(NamedTuple):
    offset: int
    kind: int  # lexnames(5WN)
    lemmas: str  # "cat true_cat", underscores for blanks
    gloss: str
    above: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()  # of the lemmas, 0 by default


NOUNS = (
    Entry(100, 5, "animal", "a living organism that moves", (), (30,)),
    Entry(110, 5, "feline", "an animal with retractile claws", (100,), (3,)),
    Entry(120, 5, "cat true_cat Felis_catus", "feline mammal with soft fur", (110,), (18,)),
    Entry(121, 18, "cat", "a spiteful woman gossip", ()),
    Entry(130, 5, "kitten kitty", 'young domestic cat; "the kitten plays"', (100,), (7,)),
    Entry(140, 5, "dog domestic_dog Canis_familiaris", "a domestic animal that barks", (100,), (42,)),
    Entry(141, 18, "cad dog", "someone who is morally reprehensible", ()),
    Entry(150, 5, "pooch doggy", "informal terms for dogs", (140,)),
    Entry(160, 5, "bat chiropteran", "nocturnal flying mammal", (100,), (2,)),
    Entry(170, 6, "bat", "a club used for hitting a ball in baseball", ()),
    Entry(
        200, 6, "car auto automobile machine motorcar", "a motor vehicle with wheels", (), (71, 2, 15, 0, 2)
    ),
    Entry(210, 6, "machine", "a device that uses energy", (), (19,)),
    Entry(220, 6, "motor", "a car needs a motor, and a motor a car", ()),
    Entry(230, 20, "grass", "a green plant in a field of grass", (), (9,)),
    Entry(231, 6, "grass weed", "street names for marijuana", ()),
    Entry(240, 18, "slowpoke snail", "an offensive word for a slow person", ()),
    Entry(250, 5, "snail slowpoke", "a mollusk with a shell", (), (1,)),
)
KITTY_FIRST = {"kitty": (900,), "machine": (210, 200), "cat": (120, 121), "dog": (140, 141)}
NOUNS += (Entry(900, 21, "pool kitty", "the combined stakes of the betters", (), (5,)),)


def build(folder: Path, nouns: Iterable[Entry] = NOUNS) -> Path:
    """data.noun, data.adj, data.verb, data.adv and index.sense."""
    folder.mkdir(parents=True, exist_ok=True)
    nouns = list(nouns)
    senses: dict[str, list[tuple[int, int]]] = {}
    lines = [LICENCE]
    for entry in nouns:
        lemmas = entry.lemmas.split()
        words = " ".join(f"{lemma} 0" for lemma in lemmas)
        below = [other.offset for other in nouns if entry.offset in other.above]
        pointers = [f"@ {to:08d} n 0000" for to in entry.above] + [f"~ {to:08d} n 0000" for to in below]
        head = f"{entry.offset:08d} {entry.kind:02d} n {len(lemmas):02x} {words}"
        lines.append(f"{' '.join([head, f'{len(pointers):03d}', *pointers])} | {entry.gloss}  \n")
        for k, lemma in enumerate(lemmas):
            count = entry.counts[k] if k < len(entry.counts) else 0
            senses.setdefault(lemma.lower(), []).append((entry.offset, count))
    (folder / "data.noun").write_text("".join(lines))
    adjective = "00000010 00 a 01 furry 0 000 | covered with fur; furry cats, furry dogs, furry bats  \n"
    (folder / "data.adj").write_text(LICENCE + adjective)
    (folder / "data.verb").write_text("00000020 29 v 01 purr 0 000 01 + 02 00 | sound as a cat  \n")
    (folder / "data.adv").write_text("00000030 02 r 01 softly 0 000 | with softness  \n")
    index = ["furry%3:00:00:: 00000010 1 2", "purr%2:29:00:: 00000020 1 0", "softly%4:02:00:: 00000030 1 1"]
    for lemma, found in senses.items():
        order = KITTY_FIRST.get(lemma, ())
        found.sort(key=lambda sense: order.index(sense[0]) if sense[0] in order else 99)
        index += [f"{lemma}%1:05:{k:02d}:: {at:08d} {k + 1} {n}" for k, (at, n) in enumerate(found)]
    (folder / "index.sense").write_text("\n".join(sorted(index)) + "\n")
    return folder
