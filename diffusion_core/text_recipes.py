"""Recipes for text-to-image models: which fields each technique has, with their bounds and words.

Schemas stand here, apart from recipes.py, because they only make sense where a text model is registered;
`text_techniques.install()` adds them to the house. What a person writes is read in text_input.py.
"""

from dataclasses import replace

from diffusion_core.fields import Choice, Field, Number, Numbers, Picture, Text
from diffusion_core.filters import BANKS
from diffusion_core.text_fields import (
    BOTH,
    COUNT,
    GAMMA,
    MODEL,
    NEGATIVE,
    NOISE_LEVEL,
    PHOTO,
    PROMPT,
    SAMPLER,
    SEED,
    SIGMA,
    STAGE_2,
    START,
    START_2,
    STEPS,
    TOLD,
    TS,
    WALK,
    enlarge,
    several,
)
from diffusion_core.text_input import COURSE as COURSE  # benchmarks/parity.py looks for it here
from diffusion_core.text_input import T, lists, prompts, views, weighted

PARTS = ("low", "high", "grey", "colour", "moving", "still")  # what an inverse hybrid may keep of a photo

# --- what each technique asks for ---------------------------------------------------------------------

FROM_NOISE: dict[str, tuple[Field, ...]] = {
    "text-sample": (*TOLD, *BOTH),
    "text-enlarge": (MODEL, PHOTO, *TOLD[1:], COUNT, *STAGE_2, NOISE_LEVEL, *WALK, SEED),
    "text-steps": (
        *TOLD,
        GAMMA,
        Text(
            "counts",
            "Numbers of steps",
            "5, 10, 20, 40, 100",
            "a column each, all from one noise; names of lists too, like fast27",
            most=200,
            parse=lists,
        ),
        COUNT,
        *WALK,
        SEED,
        enlarge("stage II enlarges each, always in the same number of steps"),
        *STAGE_2,
        NOISE_LEVEL,
    ),
    "text-gamma-sweep": (
        *TOLD,
        Numbers(
            "gammas",
            "gamma",
            [0, 1, 3, 7, 15],
            "a column each, a row per seed: 0 is unguided and unconditional, 1 conditional",
            low=0,
            high=30,
        ),
        *SAMPLER[1:],
        enlarge("stage II enlarges each, never guided more than its column is"),
        STAGE_2[0],
        replace(STAGE_2[1], help="guidance while enlarging; a column of a smaller gamma keeps its own"),
        NOISE_LEVEL,
    ),
    "text-arithmetic": (
        MODEL,
        several(
            "prompts",
            "a photo of a dog\n0.5 * snow\n-0.5 * people",
            "weight * prompt, one per line; a negative weight leads away from its prompt",
            weighted,
        ),
        NEGATIVE,
        *BOTH,
    ),
    "text-anagram": (
        MODEL,
        several(
            "prompts",
            "an oil painting of an old man\nan oil painting of people around a campfire",
            "one per line and view, with a weight before it if you like: 1.5 * a dog",
            weighted,
        ),
        Text("views", "Views", "identity, half_turn", "as many as prompts, in their order", parse=views),
        Choice(
            "together",
            "Estimates",
            "averaged",
            "averaged: all views have their say at every step; in turns: one view a step",
            choices=("averaged", "in turns"),
        ),
        Number(
            "view_seed",
            "Shuffle",
            0,
            "which jigsaw or permutation, where a view has one",
            low=0,
            high=9999,
            step=1,
            whole=True,
        ),
        NEGATIVE,
        *BOTH,
    ),
    "text-hybrid": (
        MODEL,
        several(
            "prompts",
            "a lithograph of a skull\na lithograph of waterfalls",
            "one per line and band: the far one first; grey, then colour; moving, then still",
            prompts,
        ),
        Choice("bands", "Bands", "low/high", "what each prompt may write", choices=tuple(BANKS)),
        replace(SIGMA, help="where far and near part, in pixels at 64; of three bands, again at half of it"),
        NEGATIVE,
        *BOTH,
    ),
    "text-hybrid-photo": (
        MODEL,
        PHOTO,
        *TOLD[1:],
        Choice(
            "part",
            "Kept of the picture",
            "low",
            "the prompt makes the rest: with low the detail, with grey the colours",
            choices=PARTS,
        ),
        replace(SIGMA, help="where low and high part, in pixels at 64"),
        *BOTH,
    ),
}

AT_STAGE_2 = enlarge("at the size of stage II, where the same t hides less of a picture")

FROM_PHOTO: dict[str, tuple[Field, ...]] = {
    "text-noise": (MODEL, PHOTO, TS, COUNT, SEED, AT_STAGE_2),
    "text-blur": (MODEL, PHOTO, TS, SIGMA, COUNT, SEED, AT_STAGE_2),
    "text-one-step": (
        MODEL,
        PHOTO,
        PROMPT,
        TS,
        COUNT,
        SEED,
        enlarge("one step of stage II at the same t, shown the estimate of stage I"),
        NOISE_LEVEL,
    ),
    "text-denoise": (
        MODEL,
        PHOTO,
        *TOLD[1:],
        replace(TS, low=1, help="how noisy, 1 to 999; a column each"),
        SIGMA,
        replace(STEPS, default="stride 30", help="the stops of the iterative way, those below t"),
        replace(GAMMA, default=1.0, help="guidance of the iterative way: 1 is none"),
        COUNT,
        *WALK,
        SEED,
        enlarge("at the size of stage II, told what stage I made in the same way"),
        STAGE_2[0],
        replace(STAGE_2[1], default=1.0),
        NOISE_LEVEL,
    ),
    "text-iterative": (
        MODEL,
        PHOTO,
        *TOLD[1:],
        START,
        Number(
            "every",
            "Keep every",
            0,
            "5 lays every fifth x_t beside the result; 0 keeps the result alone",
            low=0,
            high=T,
            step=1,
            whole=True,
        ),
        *SAMPLER,
        enlarge("stage II goes on, from the large picture with noise added"),
        START_2,
        *STAGE_2,
        NOISE_LEVEL,
    ),
    "text-sdedit": (
        MODEL,
        PHOTO,
        replace(PROMPT, help="what the picture shall become; empty for no prompt at all"),
        NEGATIVE,
        Numbers(
            "starts",
            "Starts",
            [1, 3, 5, 7, 10, 20],
            "numbers of timesteps to start at, a column each: later ones keep more of the picture",
            low=0,
            high=T - 1,
            whole=True,
        ),
        Choice(
            "told",
            "Told",
            "the prompt",
            "without and with: a row with no prompt at all above the row with it",
            choices=("the prompt", "without and with"),
        ),
        *SAMPLER,
        enlarge("stage II edits the large picture too, told the small one of its column"),
        START_2,
        *STAGE_2,
        NOISE_LEVEL,
    ),
    "text-inpaint": (
        MODEL,
        PHOTO,
        Picture("mask", "Mask", "", "white is new, black is kept", optional=True),
        *TOLD[1:],
        Choice(
            "way",
            "Known part",
            "re-noised",
            "how the rest is held at every level: noised to it (the course), clean (diffusers), noised "
            "and with jumps back (RePaint)",
            choices=("re-noised", "kept clean", "repaint", "all three"),
        ),
        Choice(
            "paste",
            "Paste back",
            "yes",
            "at the end, all outside the mask is the picture itself; no: what the network made of it",
            choices=("yes", "no"),
        ),
        Number(
            "jump",
            "Jump length",
            10,
            "RePaint climbs back so many steps, at both stages",
            low=1,
            high=100,
            step=1,
            whole=True,
        ),
        Number(
            "again",
            "Walks",
            2,
            "and walks each stretch so many times; 1 is no jump",
            low=1,
            high=20,
            step=1,
            whole=True,
        ),
        Number("again_2", "Walks, stage II", 2, "as for stage I", low=1, high=20, step=1, whole=True),
        *SAMPLER,
        enlarge("stage II, with the mask held again at its size"),
        *STAGE_2,
        NOISE_LEVEL,
    ),
}

TEXT_SCHEMAS: dict[str, tuple[Field, ...]] = FROM_NOISE | FROM_PHOTO
