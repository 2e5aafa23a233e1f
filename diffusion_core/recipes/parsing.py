"""Prompts as a person writes them, read: cleaned, a prompt per line, with weights.

Every reader takes a text and gives values, or raises RecipeError with a sentence that says what to write.
"""

import re
from typing import NamedTuple

from diffusion_core.recipes.errors import RecipeError

LONGEST = 2000  # characters that a recipe takes; 77 tokens are about 350


def clean(prompt: str) -> str:
    """The prompt as the encoder is given it; two prompts that clean alike are one prompt."""
    printable = "".join(letter if letter.isprintable() else " " for letter in prompt)
    return " ".join(printable.split()).lower()


PROMPTS_AT_MOST = 8
HEAVIEST = 20  # a weight lies in -HEAVIEST..HEAVIEST


class Weighted(NamedTuple):
    """A prompt and how much it counts; negative to lead away from it."""

    weight: float
    prompt: str


def weighted(text: str) -> list[Weighted]:
    """A prompt per line, each with a weight before it, or 1: "a dog", "0.5 * snow", "-1 * people"."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not 1 <= len(lines) <= PROMPTS_AT_MOST:
        raise RecipeError(f"Prompts: write 1 to {PROMPTS_AT_MOST} prompts, one per line, not {len(lines)}.")
    result = []
    for line in lines:
        match = re.fullmatch(r"([+-]?\s*(?:\d+\.?\d*|\.\d+))\s*[*×]\s*(.*)", line)
        weight, prompt = (float(match[1].replace(" ", "")), match[2]) if match else (1.0, line)
        if abs(weight) > HEAVIEST:
            raise RecipeError(
                f"Prompts: the weight {weight:g} is out of range; weights lie in -{HEAVIEST}..{HEAVIEST}."
            )
        result.append(Weighted(weight, prompt))
    return result


def prompts(text: str) -> list[str]:
    """A prompt per line; an empty text is one empty prompt."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    if len(lines) > PROMPTS_AT_MOST:
        raise RecipeError(f"Prompts: {len(lines)} are too many; {PROMPTS_AT_MOST} are the most.")
    return lines
