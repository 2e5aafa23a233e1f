"""What a person writes into the text fields of a recipe, read: timesteps, prompts, weights, views.

Every reader takes a text and gives values, or raises RecipeError with a sentence that says what to write.
"""

import re

from diffusion_core.levels import leading
from diffusion_core.recipes import RecipeError
from diffusion_core.recipes.errors import shown

T = 1000  # timesteps of an IF model
COURSE = list(range(990, -1, -30))  # the list of CS180: 990, 960, ..., 0
PUBLISHED = ("fast27", "smart27", "smart50", "smart100", "smart185", "super27", "super40", "super100")
LISTS_AT_MOST = 8


def timesteps(text: str) -> list[int]:
    """A list of timesteps, falling, 0..999:

    "40"          so many, evenly ("leading" in diffusers, so "leading 40" too): 975, 950, ..., 0
    "stride 30"   every 30th down to 0: 990, 960, ..., 0
    "course"      the same list, CS180's
    "fast27"      DeepFloyd's own lists: fast27, smart27/50/100/185, super27/40/100
    "999, 500"    one's own
    """
    how = (
        'Write a number of steps, "stride 30", "course", a list of DeepFloyd\'s '
        f"({', '.join(PUBLISHED)}), or timesteps like 990, 500, 0."
    )
    text = text.strip().lower()
    if text == "course":
        return list(COURSE)
    if text in PUBLISHED:
        from diffusers.pipelines.deepfloyd_if import timesteps as published

        return list(getattr(published, f"{text}_timesteps"))
    if match := re.fullmatch(r"(stride|leading)\s*([0-9]{1,9})", text):
        return _stride(int(match[2])) if match[1] == "stride" else _leading(int(match[2]))
    try:
        numbers = [int(part) for part in re.split(r"[,;\s]+", text) if part]
    except ValueError:
        raise RecipeError(f"Timesteps: {shown(text)} is none that I know. {how}") from None
    if not numbers:
        raise RecipeError(f"Timesteps: nothing is given. {how}")
    return _leading(numbers[0]) if len(numbers) == 1 else _own(numbers, text)


def _leading(count: int) -> list[int]:
    if not 1 <= count <= T:
        raise RecipeError(f"Timesteps: the number of steps lies in 1..{T}, not {shown(count)}.")
    return leading(T, count)


def _stride(stride: int) -> list[int]:
    if not 1 <= stride < T:
        raise RecipeError(f"Timesteps: a stride lies in 1..{T - 1}, not {shown(stride)}.")
    return list(range((T - 1) // stride * stride, -1, -stride))


def _own(numbers: list[int], text: str) -> list[int]:
    if max(numbers) >= T or min(numbers) < 0:
        raise RecipeError(f"Timesteps: they lie in 0..{T - 1}; {shown(text)} leaves that.")
    if len(set(numbers)) < len(numbers):
        raise RecipeError("Timesteps: one of them is given twice; each may come once.")
    if numbers != sorted(numbers, reverse=True):
        raise RecipeError("Timesteps: they must fall, the noisiest first, like 990, 500, 0.")
    return numbers


def lists(text: str) -> list[str]:
    """Lists of timesteps to compare, by number or by name: "5, 10, stride 30, fast27"."""
    names = [
        " ".join(name.split()) for name in re.findall(r"(?:stride|leading)\s*\d+|[^,;\s]+", text.lower())
    ]
    if not 1 <= len(names) <= LISTS_AT_MOST:
        raise RecipeError(
            f"Numbers of steps: give 1 to {LISTS_AT_MOST}, with commas between, not {len(names)}."
        )
    for name in names:
        timesteps(name)
    return names
