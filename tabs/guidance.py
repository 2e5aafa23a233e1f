"""Guidance: the same noise, told more and more firmly what it shall become."""

from functools import partial

import gradio as gr

from diffusion_core.recipes import Recipe
from diffusion_core.serving.studio import Studio
from tabs.components import text_page
from tabs.components.text_results import seeds, table_here

TITLE = "Guidance"
TEXT = (
    "Ask the network twice: once with your words, once without. What the words **add** is the difference of "
    "the two answers, and nothing keeps us from going further that way than the network would. **gamma** "
    "says how far: 0 ignores the words, 1 is what was learned, and above 1 every picture grows more like its "
    "caption, and more like all the others."
)
EQUATION = (
    r"\begin{gathered} \hat\epsilon = \epsilon_\theta(x_t, t, \varnothing) + \gamma\,\bigl("
    r"\epsilon_\theta(x_t, t, c) - \epsilon_\theta(x_t, t, \varnothing)\bigr) \\"
    r"= (1-\gamma)\,\epsilon_\theta(x_t, t, \varnothing) + \gamma\,\epsilon_\theta(x_t, t, c) \end{gathered}"
)
LOOK = (
    "A row is one noise, a column one gamma. Look down a column for how various the pictures are, and along "
    "a row for how firmly the words take hold."
)
OPTIONS = {
    "gammas": {"info": "a column each: 0 ignores the words, 1 is unguided"},
    "count": {"label": "Rows", "info": "a seed each"},
    "seed": {"info": "of the first row"},
    "steps": {"label": "Steps", "info": "a number, or a list like fast27"},
}
EXAMPLES = (
    (
        "Unguided against guided, a cat",
        {"prompt": "a cat", "gammas": "1, 7", "count": 3, "steps": "12"},
    ),
    ("A sweep, a red apple", {"prompt": "a red apple", "gammas": "0, 1, 3, 7, 15", "steps": "15"}),
    ("gamma × seed, a rocket", {"prompt": "a rocket", "gammas": "0, 1, 4, 10", "count": 3, "steps": "10"}),
)


def build(studio: Studio) -> None:
    """The tab's page; call it inside its gr.Tab."""
    model = text_page.head(studio, TITLE, TEXT, EQUATION)
    gr.Markdown(LOOK, elem_classes="lead")
    text_page.page(
        studio,
        "text-gamma-sweep",
        model,
        main=("prompt", "gammas", ("count", "seed"), "steps"),
        options=OPTIONS,
        opens={"prompt": "a cat", "steps": "20", "gammas": "1, 7"},
        examples=EXAMPLES,
        middle=partial(table_here, above=columns, beside=seeds),
        result=False,
    ).wire()


def columns(recipe: Recipe) -> list[str]:
    """What stands above each column: its gamma, and what that means."""
    meaning = {0: "no words", 1: "unguided"}
    return [
        f"gamma {gamma:g}" + (f", {meaning[gamma]}" if gamma in meaning else "") for gamma in recipe["gammas"]
    ]
