"""Text to picture: noise, developed into what a prompt says; and how many steps that takes."""

from functools import partial

import gradio as gr

from diffusion_core.recipes import Recipe
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.timesteps import lists
from tabs.components import text_page
from tabs.components.text_results import pictures_here, seeds, table_here

TITLE = "Text to picture"
TEXT = (
    "Start from pure noise. Ask a network which noise it sees, given your words; take a little of it away, "
    "and ask again. After a few dozen questions there is a picture that nobody has drawn. The same **seed** "
    "is the same noise: change one word, and see what stays."
)
EQUATION = (
    r"\begin{gathered} x_T \sim \mathcal{N}(0, I) \\ x_{t'} = \frac{\sqrt{\bar\alpha_{t'}}\,\beta_t}"
    r"{1-\bar\alpha_t}\,\hat x_0 + \frac{\sqrt{\alpha_t}\,(1-\bar\alpha_{t'})}{1-\bar\alpha_t}\,x_t "
    r"+ v_\sigma \end{gathered}"
)
STEPS_TEXT = (
    "**One noise, in more and more steps.** Few steps are wide ones: the network has to guess far ahead, and "
    "the picture stays coarse. See where more of them stop to matter: every step costs a question."
)
SIZES = {"no": "64 pixels", "yes": "64, then 256"}
OPTIONS = {
    "enlarge": {"label": "Size", "info": None},
    "steps": {"label": "Steps", "info": "a number, or a list like fast27"},
    "count": {"info": "from seed on"},
    "seed": {"info": "what the noise is"},
}
DRAWN = (
    ("A red apple", {"prompt": "a red apple", "seed": 1, "steps": "20"}),
    ("A fox in oil", {"prompt": "an oil painting of a fox", "seed": 2, "steps": "20"}),
    ("Four cats", {"prompt": "a cat", "count": 4, "seed": 0, "steps": "15"}),
)
STEPPED = (
    ("A rocket, 2 to 20 steps", {"prompt": "a rocket", "counts": "2, 5, 10, 20", "seed": 3}),
    ("A pizza, 5 to 40 steps", {"prompt": "a pizza", "counts": "5, 10, 20, 40", "seed": 0}),
)


def build(studio: Studio) -> None:
    """The tab's page; call it inside its gr.Tab."""
    model = text_page.head(studio, TITLE, TEXT, EQUATION)
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        with gr.Tab("Draw", id="text-sample"):
            _draw_page(studio, model, tabs)
        with gr.Tab("Step counts", id="text-steps"):
            gr.Markdown(STEPS_TEXT, elem_classes="lead")
            _steps_page(studio, model, tabs)


def _draw_page(studio: Studio, model: gr.Dropdown, tabs: gr.Tabs) -> None:
    text_page.page(
        studio,
        "text-sample",
        model,
        main=("prompt", "negative", ("count", "seed"), ("steps", "enlarge")),
        names={"enlarge": SIZES},
        options=OPTIONS,
        opens={"prompt": "a red apple", "steps": "20"},
        examples=DRAWN,
        inside=(tabs, "text-sample"),
        middle=pictures_here,
        result=False,
    ).wire()


# Step counts


def _steps_page(studio: Studio, model: gr.Dropdown, tabs: gr.Tabs) -> None:
    text_page.page(
        studio,
        "text-steps",
        model,
        main=("prompt", "counts", ("count", "seed")),
        names={"enlarge": SIZES},
        options=OPTIONS,
        opens={"prompt": "a rocket"},
        examples=STEPPED,
        inside=(tabs, "text-steps"),
        middle=partial(table_here, above=columns, beside=seeds),
        result=False,
    ).wire()


def columns(recipe: Recipe) -> list[str]:
    """What stands above each column: "20 steps", or the name of a list."""
    return [f"{each} steps" if each.isdigit() else each for each in lists(recipe["counts"])]
