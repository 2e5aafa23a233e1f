"""Edit (SDEdit): a photo, a picture from the web or a sketch, noised a little or a lot, and denoised anew."""

from collections.abc import Sequence

import gradio as gr

from diffusion_core.images import convert
from diffusion_core.images.edit_examples import SKETCHES
from diffusion_core.recipes import Recipe
from diffusion_core.serving.result import Result
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.sdedit import WITH_AND_WITHOUT
from tabs.components import before_after, text_page
from tabs.components.before_after import BeforeAfter, EditBench, Known
from tabs.components.editors import PictureTabs
from tabs.components.text_results import seeds

TITLE = "Edit"
TECHNIQUE = "text-sdedit"
TEXT = (
    "Add noise to a picture, then let the network take it away. A little noise hides only detail, and what "
    "comes back is nearly what was there. A lot leaves only the rough layout, and your **prompt** says "
    "what it becomes: a scribble turns into a cat, a photo into a painting. Nothing is trained for it; the "
    "walk from noise to picture merely **starts late**."
)
EQUATION = (
    r"\begin{gathered} x_{t_s} = \sqrt{\bar\alpha_{t_s}}\,x_0 + \sqrt{1-\bar\alpha_{t_s}}\,\epsilon \\"
    r"x_{t_s} \to x_{t_{s+1}} \to \dots \to x_0' \end{gathered}"
)
PICTURES = (*SKETCHES, "Rocket", "Portrait", "Mountain village", "Apple")
NAMES = {
    "told": {"the prompt": "with the prompt", WITH_AND_WITHOUT: "without a prompt, and with it"},
    "enlarge": {"no": "64 pixels", "yes": "64, then 256"},
}
OPTIONS = {
    "prompt": {"info": "what the picture shall become; empty for no prompt"},
    "told": {"label": "Rows", "info": None},
    "starts": {
        "label": "Start at timestep number",
        "info": "a column each: 0 would be pure noise, later starts keep more",
    },
    "enlarge": {"label": "Size", "info": None},
}
EXAMPLES = [
    (
        "A scribbled cat becomes a cat",
        {
            "picture": "example:Sketch of a cat",
            "prompt": "a cat face",
            "starts": [3, 7, 10, 14],
            "steps": "20",
        },
    ),
    (
        "A flower, with a prompt and without",
        {
            "picture": "example:Sketch of a flower",
            "prompt": "a flower",
            "starts": [3, 7, 11],
            "steps": "20",
            "told": WITH_AND_WITHOUT,
        },
    ),
    (
        "A village in oil, at six starts",
        {"picture": "example:Mountain village", "prompt": "an oil painting of houses", "seed": 1},
    ),
]


def build(studio: Studio) -> None:
    """The tab's page; call it inside its gr.Tab."""
    model = text_page.head(studio, TITLE, TEXT, EQUATION)
    shown: list[BeforeAfter] = []

    bench = text_page.page(
        studio,
        TECHNIQUE,
        model,
        main=("picture", "prompt", "told", "starts", ("count", "seed"), "enlarge"),
        own={"picture": lambda field: PictureTabs(studio, TECHNIQUE, PICTURES).own(field)},
        names=NAMES,
        options=OPTIONS,
        examples=EXAMPLES,
        middle=lambda bench: shown.append(_pictures(bench)),
        result=False,
        kind=EditBench,
    )
    bench.wire()
    shown[0].wire()


def _pictures(bench: text_page.TextBench) -> BeforeAfter:
    gr.Markdown("**After the run:** click a picture to lay it under the slider.", elem_classes="cost")
    captions = [*columns(Recipe.of(TECHNIQUE)), "the picture"]
    return BeforeAfter(
        bench, columns, rows, lambda result: photo_of(bench.studio, result), before_after.waiting(captions)
    )


def columns(recipe: Recipe) -> list[str]:
    """The heads of a strip's columns."""
    return [f"start {start}" for start in recipe["starts"]]


def rows(recipe: Recipe) -> list[str]:
    """The heads of its rows: for each seed one, or two."""
    told = ["no prompt", "with the prompt"] if recipe["told"] == WITH_AND_WITHOUT else [""]
    return [", ".join(filter(None, each)) for each in _pairs(seeds(recipe), told)]


def _pairs(first: Sequence[str], second: Sequence[str]) -> list[tuple[str, str]]:
    return [(a, b) for a in first for b in second]


def photo_of(studio: Studio, result: Result) -> list[Known]:
    """What was edited, in as many pixels as the result has."""
    photo = convert.squared(
        convert.as_rgb(studio.picture(result.recipe["picture"])), result.pictures.shape[-1]
    )
    return [Known("the picture", photo, last=True)]
