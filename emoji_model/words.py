"""What the built-in model knows: a list to search, and the nearest known words for an unknown one.

`words.json` lies beside the weights: {"things": {name: [other words]}, "styles": {style: [names of things]},
"words": [all words of captions]}, written by training, for no model knows more than its captions said.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from emoji_model.vocabulary import COLOURS, HATS, STYLES

if TYPE_CHECKING:
    from emoji_model.things import Things

FILE = "words.json"
OF_GRAMMAR = """
    a an the of on in at and with next to beside left above below top many small row wearing around background
    gradient from sky night meadow grass snow snowy landscape picture emoji photo photograph high quality
    inside big large very painting drawing is it its some one two three four pair right under beside doodle
    chalk ink paper 3d render sticker cartoon comic line pixel clip art flat black white
"""
"""Words of templates, and little words that do no harm."""


def write(things: Things, folder: Path) -> None:
    """Put the words of the captions beside the weights."""
    from emoji_model.captions import rows_in  # what reads data is not for the app

    shown = {name: thing for name, thing in things.items() if thing.pictures or thing.doodles}
    known = {name: sorted({*thing.names, *thing.keywords}) for name, thing in shown.items()}
    styles = {style: [name for name in known if rows_in(things[name], style)] for style in STYLES}
    spoken = [*known, *(word for more in known.values() for word in more), *STYLES, *COLOURS, *HATS]
    words = {part for phrase in spoken for part in split(phrase)} | set(OF_GRAMMAR.split())
    read = {"things": known, "styles": styles, "words": sorted(words)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE).write_text(json.dumps(read, ensure_ascii=False, indent=0) + "\n")


def split(text: str) -> list[str]:
    """Words in lower case, without punctuation."""
    return re.findall(r"[^\W\d_]+(?:[-’'][^\W\d_]+)*", text.lower())


@dataclass(frozen=True)
class Words:
    """things  name -> the other words that were said of it;  words  all words of the captions
    styles  style -> the names of the things that were shown in it
    """

    things: dict[str, list[str]]
    words: frozenset[str]
    styles: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> Words | None:
        """None where there is no such file."""
        try:
            read = json.loads((folder / FILE).read_text())
        except (OSError, ValueError):
            return None
        return cls(read["things"], frozenset(read["words"]), read.get("styles", {}))

    @cached_property
    def _spoken(self) -> dict[str, list[str]]:
        """word -> the names of the things of which it was said."""
        spoken: dict[str, list[str]] = {}
        for name, more in self.things.items():
            for word in {part for phrase in (name, *more) for part in split(phrase)}:
                spoken.setdefault(word, []).append(name)
        return spoken

    def search(self, text: str, most: int = 60) -> list[str]:
        """Names of known things for which all words of the text were said, begun or whole; all for ""."""
        wanted = split(text)
        found = [
            name
            for name, more in self.things.items()
            if all(any(p.startswith(w) for p in split(" ".join((name, *more)))) for w in wanted)
        ]
        return sorted(found, key=lambda name: (name != text.strip().lower(), name))[:most]

    def unknown(self, prompt: str) -> dict[str, list[str]]:
        """The words of a prompt that no caption had, each with up to three known ones that look like it."""
        strange = [word for word in dict.fromkeys(split(prompt)) if not self._knows(word)]
        return {word: get_close_matches(word, sorted(self._spoken), n=3, cutoff=0.7) for word in strange}

    def _knows(self, word: str) -> bool:
        singular = {word.removesuffix("s"), word.removesuffix("es"), re.sub("ies$", "y", word)}
        return bool(({word} | singular) & self.words)

    def notice(self, prompt: str) -> str:
        """A sentence on what the model will not understand, "" if it has met every word."""
        strange = self.unknown(prompt)
        if not strange:
            return ""
        parts = [
            f"“{word}” (near: {', '.join(near)})" if near else f"“{word}”" for word, near in strange.items()
        ]
        return f"The built-in model has never met {', '.join(parts)}. Its list says what it knows."
