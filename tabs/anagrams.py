"""Anagrams: one picture that shows another thing in every view of it, and a search for the good ones."""

from functools import partial

import gradio as gr

from diffusion_core.recipes.schema import Text
from diffusion_core.serving.studio import Studio
from diffusion_core.views import VIEWS
from tabs import static
from tabs.components import contact_sheet, text_page, viewers
from tabs.gradio_compat import AT_ONCE

TITLE = "Anagrams"
TEXT = (
    "One picture, two things in it: a cat, and upside down a heart. Nobody has to draw that. At every step, "
    "ask the network about the picture **as it is** with one prompt, and about the picture **turned** with "
    "the other; turn the second answer back, and take the mean. Noise that is turned is still noise, so both "
    "questions are fair, and what is left at the end answers to both."
)
EQUATION = (
    r"\begin{gathered} \hat\epsilon = \frac{1}{V} \sum_{v=1}^{V} \mathrm{view}_v^{-1}\big("
    r"\epsilon_\theta(\mathrm{view}_v(x_t),\, t,\, p_v)\big) \\ \mathrm{view}_v(\epsilon) \sim "
    r"\mathcal{N}(0, I) \end{gathered}"
)
SHEET_TEXT = (
    "**Most seeds are no good, so try many.** Every seed is another noise, and so another anagram. The model "
    "judges them all; choose one, turn it, and develop it again at 256 pixels."
)
ONE, SHEET = "text-anagram", "text-anagram-sheet"
TURN = "identity, half_turn"
EXAMPLES = [
    ("A cat, turned a heart", {"prompts": "a cat face\na red heart", "views": TURN}),
    ("An ice cream, turned a tree", {"prompts": "an ice cream\na tree", "views": TURN, "seed": 5}),
    ("A light bulb, turned a balloon", {"prompts": "a light bulb\na balloon", "views": TURN, "seed": 1}),
    (
        "Old man and campfire",
        {"prompts": "an old man\npeople around a campfire", "views": TURN, "seed": 5},
    ),
    (
        "A rabbit, a quarter turn: a fish",
        {"prompts": "a rabbit face\na fish", "views": "identity, quarter_turn_cw", "seed": 4},
    ),
    (
        "An ice cream, its negative a skull",
        {"prompts": "an ice cream\na skull", "views": "identity, negate", "seed": 2},
    ),
    ("Jigsaw: a car, a guitar", {"prompts": "a car\na guitar", "views": "identity, jigsaw", "seed": 2}),
    (
        "Hinged squares: a flower, a fish",
        {"prompts": "a flower\na fish", "views": "identity, square_hinge"},
    ),
    (
        "Four ways round",
        {
            "prompts": "a dog\na cat\na bear\na rabbit",
            "views": "identity, quarter_turn_cw, half_turn, quarter_turn_ccw",
        },
    ),
]
NAMES = {"enlarge": {"no": "64 pixels", "yes": "64, then 256"}}
OPTIONS = {
    "enlarge": {"label": "Size", "info": None},
    "prompts": {"lines": 2, "max_lines": 6, "info": "a line for each view; 1.5 * a dog counts for more"},
    "steps": {"info": 'a number, or "course", "fast27", 990, 500, 0'},
}


def build(studio: Studio) -> None:
    """The tab's page; call it inside its gr.Tab."""
    model = text_page.head(studio, TITLE, TEXT, EQUATION)
    viewed = (partial(viewers.turning, studio), _viewer, partial(viewers.turning_movie, studio))
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        contact_sheet.two_pages(
            studio,
            model,
            viewed,
            tabs,
            (ONE, SHEET),
            ("", SHEET_TEXT),
            main=("prompts", "views"),
            examples=EXAMPLES,
            own={"views": _views},
            options=OPTIONS,
            names=NAMES,
        )


def _views(field: Text) -> gr.Textbox:
    """Several views to choose, in order; the text that the recipe holds, "identity, half_turn", is hidden."""
    choices = [(kind.says, name) for name, kind in VIEWS.items()]
    chosen, info = field.default.split(", "), "one for each line of the prompts, in their order"
    picker = gr.Dropdown(
        choices, value=chosen, multiselect=True, label=field.label, info=info, elem_classes="views"
    )
    text = gr.Textbox(field.default, visible="hidden", label=field.label)
    picker.input(None, picker, text, js=static.text("joined.js"), **AT_ONCE)
    text.change(None, text, picker, js=static.text("parted.js"), **AT_ONCE)
    return text


def _viewer(elem_id: str) -> gr.HTML:
    return viewers.viewer("turning.js", "Here it will turn.", elem_id)
