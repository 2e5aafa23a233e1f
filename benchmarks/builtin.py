"""The built-in cascade against diffusers on the same weights: `python -m benchmarks.builtin --json`.

    ratio            our seconds over IFPipeline's for one guided picture of 64 x 64 in 20 steps     goal .7
    seconds_64       ours, from the recipe to the picture, networks warm and the prompt new          goal 2
    first_preview    ours, from the recipe to the first frame                                        goal .3
    seconds_256      ours, with stage II: 64, then 256                                               goal 8

Both start from the prompt's text and end with the picture, as the app uses them: ours in the precision
that it chooses on this CPU, theirs in float32 with the pipeline's defaults (`ratio_float32`: ours in
float32, too). Arms take turns in every repeat; each repeat has a prompt of its own, so that no reading is
remembered.
"""

import statistics
import time
from itertools import count

import torch
from diffusers import IFPipeline
from diffusers.utils import logging

from benchmarks import common
from diffusion_core.models.catalog import BUILT_IN_FOLDERS, CHECKPOINTS, found
from diffusion_core.models.loading import Library
from diffusion_core.recipes import Recipe
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques import text

STEPS, GAMMA = 20, 4.0
PROMPTS = "a dog", "a red heart", "a rocket ship", "an owl", "a house", "a guitar", "a fish", "a crown"
GOALS = {"ratio": 0.7, "seconds_64": 2.0, "first_preview": 0.3, "seconds_256": 8.0}


class Ours:
    """A studio with the built-in model, warm; options of its Library."""

    def __init__(self, **options):
        text.install()
        self.model = found("built-in")
        self.studio = Studio()
        Library(device="cpu", **options).register(self.studio, self.model)
        self.picture("a warm-up", enlarge="yes")

    def picture(self, prompt: str, **more) -> tuple[float, float]:
        """Seconds to the first frame and to the picture."""
        recipe = Recipe.of(
            "text-sample", model=self.model.name, prompt=prompt, steps=STEPS, gamma=GAMMA, **more
        )
        began, first = time.perf_counter(), None
        for _ in self.studio.run(recipe):
            first = first or time.perf_counter() - began
        return first, time.perf_counter() - began


def measure(how) -> dict:
    report = common.surroundings(how)
    ours, exact = Ours(), Ours(dtype=torch.float32)
    theirs = IFPipeline.from_pretrained(CHECKPOINTS / BUILT_IN_FOLDERS[0], torch_dtype=torch.float32)
    theirs.set_progress_bar_config(disable=True)
    fresh = (f"{prompt}, number {k}" for k in count() for prompt in PROMPTS)

    def diffusers_draws(prompt: str) -> None:
        theirs(prompt, num_inference_steps=STEPS, guidance_scale=GAMMA, output_type="pt", clean_caption=False)

    diffusers_draws("a warm-up")
    taken = common.measured(
        {
            "ours": lambda: ours.picture(next(fresh)),
            "ours, float32": lambda: exact.picture(next(fresh)),
            "IFPipeline": lambda: diffusers_draws(next(fresh)),
        },
        how,
    )
    first = [ours.picture(next(fresh))[0] for _ in range(how.repeats)]
    large = [ours.picture(next(fresh), enlarge="yes")[1] for _ in range(how.repeats)]
    for each in (ours, exact):
        each.studio.engine.close()
    return report | {
        "ratio": round(common.ratio(taken, "ours", "IFPipeline"), 3),
        "ratio_float32": round(common.ratio(taken, "ours, float32", "IFPipeline"), 3),
        "seconds_64": round(statistics.median(taken["ours"]), 2),
        "first_preview": round(statistics.median(first), 3),
        "seconds_256": round(statistics.median(large), 2),
        "goals": GOALS,
        "seconds": {arm: [round(s, 3) for s in each] for arm, each in taken.items()},
    }


def table(report: dict) -> str:
    lines = [common.head(report), *common.rows(report["seconds"])]
    return "\n".join([*lines, *(f"{name:26} {report[name]}   goal {goal}" for name, goal in GOALS.items())])


def main(argv: list[str] | None = None) -> dict:
    logging.set_verbosity_error()
    how = common.told(common.arguments(__doc__), argv)
    return common.printed(measure(how), how, table)


if __name__ == "__main__":
    main()
