"""What no training may see, decided by one rule: a hash of its name, the same on every machine."""

import hashlib


def share(kind: str, key: str) -> float:
    """A number in [0,1) that belongs to a key: the first eight bytes of sha256("kind:key")."""
    return int.from_bytes(hashlib.sha256(f"{kind}:{key}".encode()).digest()[:8], "big") / 2**64


def synonym(word: str) -> bool:
    """Is this other word for a thing never said of a picture? 30% of the words of synonyms.py."""
    return share("synonym", word) < 0.3
