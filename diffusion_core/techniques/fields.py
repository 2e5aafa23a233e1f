"""The fields that techniques on text-to-image models share: names of the literature, words for a student."""

from dataclasses import replace

from diffusion_core.recipes.parsing import LONGEST
from diffusion_core.recipes.schema import Choice, Number, Numbers, Picture, Seed, Text
from diffusion_core.techniques.timesteps import COURSE as COURSE  # benchmarks/parity.py looks for it here
from diffusion_core.techniques.timesteps import T, timesteps

MODEL = Text("model", "Model", "built-in", "a model of the catalogue, or a folder", most=300)
PROMPT = Text("prompt", "Prompt", "a high quality photo", "what the picture shall show", most=LONGEST)
NEGATIVE = Text(
    "negative", "Negative prompt", "", "what to lead away from; empty is the null prompt", most=LONGEST
)
GAMMA = Number(
    "gamma", "gamma", 7.0, "0 ignores the prompt, 1 is plain, 7 is usual", low=0, high=30, step=0.5
)
COUNT = Number(
    "count", "Pictures", 1, "as many, from seed, seed + 1, ...", low=1, high=16, step=1, whole=True
)
SEED = Seed("seed", "Seed", 0, "the same seed gives the same picture")
STEPS = Text(
    "steps",
    "Timesteps",
    "40",
    'a number of steps, "stride 30", "course", "fast27", or a list like 990, 500, 0',
    most=5000,
    parse=timesteps,
)
WALK = (
    Choice(
        "maths",
        "Maths",
        "diffusers",
        "diffusers: x0 is thresholded, as published; course: it is not",
        choices=("diffusers", "course"),
    ),
    Choice(
        "solver",
        "Solver",
        "ancestral",
        "ancestral draws new noise at every step; DDIM may, DPM++ never does",
        choices=("ancestral", "ddim", "dpm++ 2m"),
    ),
    Number("eta", "eta", 0.0, "noise of DDIM: 0 none, 1 as much as ancestral", low=0, high=1, step=0.05),
)
PHOTO = Picture("picture", "Picture", "example:Rocket", "a photo, a picture from the web, or a drawing")
START = Number(
    "start",
    "Start",
    10,
    "number of the timestep to start at: 0 is pure noise, later ones keep more of the picture",
    low=0,
    high=T - 1,
    step=1,
    whole=True,
)
START_2 = replace(
    START,
    name="start_2",
    label="Start, stage II",
    default=0,
    help="the same for stage II, which begins from the large picture with noise added",
)
TS = Numbers("ts", "t", [250, 500, 750], "how noisy, 0 to 999; a column each", low=0, high=T - 1, whole=True)
SIGMA = Number("sigma", "sigma", 2.0, "of the blur, in pixels at 64", low=0.1, high=10, step=0.1)


def enlarge(yes: str) -> Choice:
    """Whether a technique goes on at stage II, and what "yes" means there."""
    return Choice("enlarge", "Stage II", "no", f"no: small pictures. yes: {yes}", choices=("no", "yes"))


ENLARGE = enlarge("stage II makes them four times as large, told the same")
STAGE_2 = (
    replace(STEPS, name="steps_2", label="Timesteps, stage II", default="20", help="as for stage I"),
    Number("gamma_2", "gamma, stage II", 4.0, "guidance while enlarging", low=0, high=30, step=0.5),
)
NOISE_LEVEL = Number(
    "noise_level",
    "Noise level",
    250,
    "t of the noise on the small picture that stage II sees: more leaves more to invent",
    low=0,
    high=T - 1,
    step=1,
    whole=True,
)
TOLD = (MODEL, PROMPT, NEGATIVE)
SAMPLER = (GAMMA, COUNT, STEPS, *WALK, SEED)
BOTH = (*SAMPLER, ENLARGE, *STAGE_2, NOISE_LEVEL)


def several(field: str, default: str, says: str, parse) -> Text:
    """A text with a prompt per line."""
    return Text(field, "Prompts", default, says, most=LONGEST, parse=parse, lines=3)


AT_STAGE_2 = enlarge("at the size of stage II, where the same t hides less of a picture")
