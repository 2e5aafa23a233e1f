"""What a person can mend, with the sentence that says how."""

from typing import Any


class RecipeError(ValueError):
    """Something a person can mend; str(error) is the sentence to show."""


def shown(value: Any) -> str:
    """A value as it may stand in a sentence: short, in quotes if it is text."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
