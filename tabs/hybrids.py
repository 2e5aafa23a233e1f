"""Hybrids: one thing from afar, another from near; or in grey and in colour, or at speed and at rest."""

from functools import partial

import gradio as gr

from diffusion_core.recipes.schema import Picture
from diffusion_core.serving.studio import Studio
from tabs.components import contact_sheet, intro, text_page, viewers
from tabs.components.pictures import Chooser, square

TITLE = "Hybrids"
TEXT = (
    "A ghost from the last row, a balloon from the first. Coarse shapes are what is left of a picture far "
    "away; fine detail is what one looks at near by. So let one prompt write the coarse part of the noise, "
    "and another the fine part. The same trick parts grey from colour, and what survives motion from what "
    "does not."
)
EQUATION = (
    r"\begin{gathered} \hat\epsilon = \sum_b f_b\big(\epsilon_\theta(x_t, t, p_b)\big),\qquad \sum_b f_b = 1 "
    r"\\ f_{\text{far}} = G_\sigma *\,,\qquad f_{\text{near}} = 1 - G_\sigma * \end{gathered}"
)
DISTANCE_TEXT = (
    "**How far is far?** A picture as wide as $w$, seen from $d$, spans an angle of "
    "$\\theta = 2\\arctan(w/2d)$. A good eye blurs by about one minute of arc, so by "
    "$\\sigma_{\\text{eye}} = \\frac{64}{60\\,\\theta}$ of the 64 pixels ($\\theta$ in degrees). The prompts "
    "part at $\\sigma$: where $\\sigma_{\\text{eye}} = \\sigma$, only the far one is left. For "
    "$\\sigma = 2$ the picture then spans half a degree, as the full moon does. The bars say how much of the "
    "contrast of each part still reaches the eye. **In class:** shrink the picture, step back, or squint."
)
SHEET_TEXT = (
    "**Most seeds are no good, so try many.** The model judges how well each prompt explains its own part of "
    "the picture; choose one, walk away from it, and develop it again at 256 pixels."
)
PHOTO_TEXT = (
    "**Half of it is yours.** One part of a picture is kept: its coarse shapes, its greys, or what survives "
    "motion. The prompt makes the rest. After every step the part is put back, noised to the same level."
)
PHOTO_EQUATION = (
    r"x_t \leftarrow x_t - f(x_t) + f(\sqrt{\bar\alpha_t}\,x_{\text{photo}} + \sqrt{1-\bar\alpha_t}\,z)"
)
PHOTO_SHEET_TEXT = (
    "**One picture, many ways to fill it.** Ranked by how well the prompt explains what the picture leaves "
    "open; what is kept of it is the same in all."
)
ONE, SHEET, PHOTO, PHOTO_SHEET = (
    "text-hybrid",
    "text-hybrid-sheet",
    "text-hybrid-photo",
    "text-hybrid-photo-sheet",
)
PICTURES = ("Portrait", "Rocket", "Apple", "Mountain village")
SIZES = {"no": "64 pixels", "yes": "64, then 256"}
BANKS = {
    "enlarge": SIZES,
    "bands": {
        "low/high": "far and near",
        "low/medium/high": "far, middle, near",
        "grey/colour": "grey and colour",
        "moving/still": "moving and still",
    },
}
PARTS = {
    "enlarge": SIZES,
    "part": {
        "low": "coarse shapes",
        "high": "fine detail",
        "grey": "light and dark",
        "colour": "colours",
        "moving": "what survives motion",
        "still": "what holds still",
    },
}
OPTIONS = {
    "enlarge": {"label": "Size", "info": None},
    "prompts": {
        "lines": 2,
        "max_lines": 6,
        "info": "a line for each part: far, then near; grey, then colour",
    },
    "bands": {"label": "What parts them"},
    "part": {"label": "What is kept of the picture"},
    "steps": {"info": 'a number, or "course", "fast27", 990, 500, 0'},
}
EXAMPLES = [
    ("Far a ghost, near a balloon", {"prompts": "a ghost\na balloon", "seed": 3, "sigma": 1.5}),
    ("Far an ice cream, near a skull", {"prompts": "an ice cream\na skull", "seed": 1, "sigma": 1.5}),
    (
        "Far, middle, near",
        {"prompts": "a red heart\na dog\nmany stars", "bands": "low/medium/high", "sigma": 3},
    ),
    (
        "In grey a skull, in colour a pizza",
        {"prompts": "a skull\na pizza", "bands": "grey/colour", "seed": 3},
    ),
    (
        "In grey a house, in colour a rainbow",
        {"prompts": "a house\na rainbow", "bands": "grey/colour", "seed": 1},
    ),
    ("Rushing by a sun, at rest a clock", {"prompts": "a sun\na clock", "bands": "moving/still"}),
]
PHOTO_EXAMPLES = [
    ("A portrait's shapes, flowers near by", {"picture": "example:Portrait", "prompt": "many flowers"}),
    ("A rocket's greys, a rainbow's colours", {"prompt": "a rainbow", "part": "grey"}),
    (
        "An apple's detail, a heart from afar",
        {"picture": "example:Apple", "prompt": "a red heart", "part": "high"},
    ),
]


def build(studio: Studio) -> None:
    """The tab's page; call it inside its gr.Tab."""
    model = text_page.head(studio, TITLE, TEXT, EQUATION)
    viewed = (viewers.viewing, _viewer, viewers.viewing_movie)
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        contact_sheet.two_pages(
            studio,
            model,
            viewed,
            tabs,
            (ONE, SHEET),
            ("", SHEET_TEXT),
            main=("prompts", "bands", "sigma"),
            examples=EXAMPLES,
            names=BANKS,
            options=OPTIONS,
        )
        contact_sheet.two_pages(
            studio,
            model,
            viewed,
            tabs,
            (PHOTO, PHOTO_SHEET),
            (f"{PHOTO_TEXT}\n\n$${PHOTO_EQUATION}$$", PHOTO_SHEET_TEXT),
            heads=("From a photo", "Photo contact sheet"),
            main=("picture", "prompt", "part", "sigma"),
            examples=PHOTO_EXAMPLES,
            own={"picture": partial(_chooser, studio)},
            names=PARTS,
            options=OPTIONS,
        )
    gr.Markdown(DISTANCE_TEXT, latex_delimiters=intro.LATEX, elem_classes="lead")


def _viewer(elem_id: str) -> gr.HTML:
    return viewers.viewer("viewing.js", "Here it will go away and come near.", elem_id)


def _chooser(studio: Studio, field: Picture) -> gr.Textbox:
    return Chooser(studio, field, PICTURES, square).value
