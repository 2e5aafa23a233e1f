"""Recipes for text-to-image models: their fields, and what a person may write into them.

Schemas stand here, apart from recipes.py, because they only make sense where a text model is registered;
`text_techniques.install()` adds them to the house.
"""

import re
from dataclasses import replace
from typing import NamedTuple

from diffusion_core.fields import Choice, Field, Number, Numbers, Picture, RecipeError, Seed, Text, shown
from diffusion_core.filters import BANKS
from diffusion_core.levels import leading
from diffusion_core.prompts import LONGEST
from diffusion_core.views import VIEWS

T = 1000  # timesteps of an IF model
COURSE = list(range(990, -1, -30))  # the list of CS180: 990, 960, ..., 0
PRESETS = ("fast27", "smart27", "smart50", "smart100", "smart185", "super27", "super40", "super100")
VIEWS_AT_MOST = 6
PROMPTS_AT_MOST = 8


# --- readers: a text that a person wrote -> values; RecipeError with a sentence otherwise ---------------


def timesteps(text: str) -> list[int]:
    """A list of timesteps, falling, 0..999:

    "40"        so many, evenly ("leading" in diffusers): 975, 950, ..., 0
    "course"    990, 960, ..., 0
    "fast27"    DeepFloyd's own lists: fast27, smart27/50/100/185, super27/40/100
    "999, 500"  one's own
    """
    how = f'Write a number of steps, "course", one of {", ".join(PRESETS)}, or timesteps like 990, 500, 0.'
    text = text.strip().lower()
    if text == "course":
        return list(COURSE)
    if text in PRESETS:
        from diffusers.pipelines.deepfloyd_if import timesteps as published

        return list(getattr(published, f"{text}_timesteps"))
    try:
        numbers = [int(part) for part in re.split(r"[,;\s]+", text) if part]
    except ValueError:
        raise RecipeError(f"Timesteps: {shown(text)} is none that I know. {how}") from None
    if not numbers:
        raise RecipeError(f"Timesteps: nothing is given. {how}")
    if len(numbers) == 1:
        if not 1 <= numbers[0] <= T:
            raise RecipeError(f"Timesteps: the number of steps lies in 1..{T}, not {numbers[0]}.")
        return leading(T, numbers[0])
    if max(numbers) >= T or min(numbers) < 0:
        raise RecipeError(f"Timesteps: they lie in 0..{T - 1}; {shown(text)} leaves that.")
    if len(set(numbers)) < len(numbers):
        raise RecipeError("Timesteps: one of them is given twice; each may come once.")
    if numbers != sorted(numbers, reverse=True):
        raise RecipeError("Timesteps: they must fall, the noisiest first, like 990, 500, 0.")
    return numbers


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
        if abs(weight) > 20:
            raise RecipeError(f"Prompts: the weight {weight:g} is out of range; weights lie in -20..20.")
        result.append(Weighted(weight, prompt))
    return result


def prompts(text: str) -> list[str]:
    """A prompt per line; an empty text is one empty prompt."""
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [""]
    if len(lines) > PROMPTS_AT_MOST:
        raise RecipeError(f"Prompts: {len(lines)} are too many; {PROMPTS_AT_MOST} are the most.")
    return lines


def views(text: str) -> list[str]:
    """Names of views with commas or on lines; at least two, since one view alone is no anagram."""
    names = [part.strip().lower().replace(" ", "_") for part in re.split(r"[,;\n]+", text) if part.strip()]
    for name in names:
        if name not in VIEWS:
            raise RecipeError(f"Views: there is none called {shown(name)}; there are {', '.join(VIEWS)}.")
    if not 2 <= len(names) <= VIEWS_AT_MOST:
        raise RecipeError(f"Views: choose 2 to {VIEWS_AT_MOST}, not {len(names)}.")
    return names


def counts(text: str) -> list[int]:
    """Numbers of steps to compare: "5, 10, 20, 40, 100"."""
    return [len(timesteps(part)) for part in re.split(r"[,;\s]+", text.strip()) if part]


# --- fields -------------------------------------------------------------------------------------------

MODEL = Text("model", "Model", "built-in", "a model of the catalogue, or a folder", most=300)
PROMPT = Text("prompt", "Prompt", "a high quality photo", "what the picture shall show", most=LONGEST)
NEGATIVE = Text(
    "negative", "Negative prompt", "", "what to lead away from; empty is the null prompt", most=LONGEST
)
GAMMA = Number(
    "gamma", "gamma", 7.0, "0 ignores the prompt, 1 is plain, 7 is usual", low=0, high=30, step=0.5
)
COUNT = Number("count", "Pictures", 1, "seeds seed, seed + 1, ...", low=1, high=16, step=1, whole=True)
SEED = Seed("seed", "Seed", 0, "the same seed gives the same picture")
LOOP = (
    Text(
        "steps",
        "Timesteps",
        "40",
        'a number, "course", "fast27", ..., or a list',
        most=5000,
        parse=timesteps,
    ),
    Choice(
        "maths",
        "Maths",
        "diffusers",
        "thresholds as published, or none as in the course",
        choices=("diffusers", "course"),
    ),
    Choice("solver", "Solver", "ancestral", choices=("ancestral", "ddim", "dpm++ 2m")),
    Number("eta", "eta", 0.0, "noise of DDIM: 0 none, 1 as ancestral", low=0, high=1, step=0.05),
)
ENLARGE = (
    Choice(
        "enlarge", "Enlarge", "no", "stage II makes the picture four times as large", choices=("no", "yes")
    ),
    Text("steps_2", "Timesteps, stage II", "20", "as for stage I", most=5000, parse=timesteps),
    Number("gamma_2", "gamma, stage II", 4.0, "guidance while enlarging", low=0, high=30, step=0.5),
    Number(
        "noise_level",
        "Noise level",
        250,
        "how noisy the small picture is shown",
        low=0,
        high=999,
        step=1,
        whole=True,
    ),
)
SAMPLER = (GAMMA, COUNT, *LOOP, SEED)
PHOTO = Picture("picture", "Picture", "example:Rocket")
START = Number(
    "start", "Start", 10, "index into the timesteps: 0 is pure noise", low=0, high=T - 1, step=1, whole=True
)

START_2 = replace(START, name="start_2", label="Start, stage II", default=0)

TEXT_SCHEMAS: dict[str, tuple[Field, ...]] = {
    "text-sample": (MODEL, PROMPT, NEGATIVE, *SAMPLER, *ENLARGE),
    "text-enlarge": (MODEL, PHOTO, PROMPT, NEGATIVE, COUNT, *ENLARGE[1:], *LOOP[1:], SEED),
    "text-steps": (
        MODEL,
        PROMPT,
        NEGATIVE,
        GAMMA,
        Text("counts", "Numbers of steps", "5, 10, 20, 40", "one picture each, on one seed", parse=counts),
        *LOOP[1:],
        SEED,
    ),
    "text-gamma-sweep": (
        MODEL,
        PROMPT,
        NEGATIVE,
        Numbers("gammas", "gamma", [0, 1, 3, 7, 15], "a picture each", low=0, high=30),
        *LOOP,
        SEED,
    ),
    "text-blur": (
        MODEL,
        PHOTO,
        Numbers("ts", "t", [250, 500, 750], "how noisy", low=0, high=T - 1, whole=True),
        Number("sigma", "sigma", 2.0, "of the blur, in pixels at 64", low=0.1, high=10, step=0.1),
        SEED,
    ),
    "text-one-step": (
        MODEL,
        PHOTO,
        PROMPT,
        Numbers("ts", "t", [250, 500, 750], "how noisy", low=0, high=T - 1, whole=True),
        SEED,
    ),
    "text-iterative": (MODEL, PHOTO, PROMPT, NEGATIVE, START, *SAMPLER, *ENLARGE, START_2),
    "text-sdedit": (
        MODEL,
        PHOTO,
        PROMPT,
        NEGATIVE,
        GAMMA,
        Numbers(
            "starts",
            "Starts",
            [1, 3, 5, 7, 10, 20],
            "indices into the timesteps",
            low=0,
            high=T - 1,
            whole=True,
        ),
        *LOOP,
        SEED,
    ),
    "text-inpaint": (
        MODEL,
        PHOTO,
        Picture("mask", "Mask", "", "white is new, black is kept", optional=True),
        PROMPT,
        NEGATIVE,
        Choice("way", "Known part", "re-noised", choices=("re-noised", "kept clean", "repaint")),
        Number(
            "jump",
            "Jump length",
            10,
            "RePaint climbs back so many steps",
            low=1,
            high=100,
            step=1,
            whole=True,
        ),
        Number(
            "again", "Jumps", 2, "and walks each stretch so many times", low=1, high=20, step=1, whole=True
        ),
        *SAMPLER,
        *ENLARGE,
    ),
    "text-anagram": (
        MODEL,
        Text(
            "prompts",
            "Prompts",
            "an oil painting of an old man\nan oil painting of people around a campfire",
            "one per line, with a weight before it if you like: 1.5 * a dog",
            most=LONGEST,
            parse=weighted,
        ),
        Text("views", "Views", "identity, half_turn", "as many as prompts", parse=views),
        Choice("together", "Estimates", "averaged", choices=("averaged", "in turns")),
        Number(
            "view_seed", "Shuffle", 0, "which permutation or jigsaw", low=0, high=9999, step=1, whole=True
        ),
        NEGATIVE,
        *SAMPLER,
        *ENLARGE,
    ),
    "text-hybrid": (
        MODEL,
        Text(
            "prompts",
            "Prompts",
            "a lithograph of a skull\na lithograph of waterfalls",
            "one per line, from the far band to the near one",
            most=LONGEST,
            parse=prompts,
        ),
        Choice("bands", "Bands", "low/high", choices=tuple(BANKS)),
        NEGATIVE,
        *SAMPLER,
        *ENLARGE,
    ),
    "text-hybrid-photo": (
        MODEL,
        PHOTO,
        PROMPT,
        NEGATIVE,
        Number("sigma", "sigma", 2.0, "coarser than this is the photo's", low=0.1, high=10, step=0.1),
        *SAMPLER,
        *ENLARGE,
    ),
    "text-arithmetic": (
        MODEL,
        Text(
            "prompts",
            "Prompts",
            "a photo of a dog\n0.5 * snow\n-0.5 * people",
            "weight * prompt, one per line",
            most=LONGEST,
            parse=weighted,
        ),
        NEGATIVE,
        *SAMPLER,
        *ENLARGE,
    ),
}
