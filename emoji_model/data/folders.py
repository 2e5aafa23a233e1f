"""Where the data lies: a folder for each kind, by option or environment, or in a parent folder."""

import os
from dataclasses import dataclass
from pathlib import Path

HOW = "`python -m emoji_model.data` says how to get it."

KINDS = {
    "artists": ("ARTISTS_DIR", "the pictures by many artists"),
    "doodles": ("DOODLES_DIR", "the doodles of Quick, Draw!"),
    "photos": ("PHOTOS_DIR", "the photographs"),
    "noto-emoji": ("EMOJI_DIR", "Noto's emoji at 256 pixels"),
    "wordnet": ("WORDNET_DIR", "WordNet"),
}
"""Name of the folder in the parent -> its environment variable, and what it holds."""


class DataError(RuntimeError):
    """Data is missing or damaged; the message says what to do."""


@dataclass(frozen=True)
class Folders:
    """parent  a folder that holds artists/, doodles/, ...; the environment says what it lacks"""

    parent: Path | None = None

    @classmethod
    def of(cls, parent: "str | Path | Folders | None") -> "Folders":
        if isinstance(parent, Folders):
            return parent
        return cls(Path(parent) if parent else None)

    def __getitem__(self, kind: str) -> Path:
        """The folder of a kind of KINDS. DataError if it is nowhere."""
        variable, what = KINDS[kind]
        named = os.environ.get(variable)
        inside = self.parent / kind if self.parent else None
        path = Path(named) if named and not (inside and inside.exists()) else inside
        if path is None:
            raise DataError(
                f"Where are {what}? Give the folder above {kind}/ with --data, or {kind} in {variable}. {HOW}"
            )
        if not path.exists():
            raise DataError(f"There is no {path}, where {what} should be. {HOW}")
        return path

    def has(self, kind: str) -> bool:
        try:
            return self[kind].exists()
        except DataError:
            return False
