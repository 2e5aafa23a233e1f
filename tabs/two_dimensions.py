"""In two dimensions: what diffusion is when a picture is a point.

All of it happens in the page, by the scripts in static/; the server hands over the noise schedule. The same
maths in Python is diffusion_core/exact.py, and tests/test_exact.py holds both equal.
"""

import base64

import gradio as gr
import numpy as np

from diffusion_core.levels import schedule
from diffusion_core.serving.studio import Studio
from tabs.static import text

TITLE = "In two dimensions"
SCRIPTS = ("maths", "sets", "film", "lights", "canvas", "words", "examples")


def build(_studio: Studio) -> None:
    """The tab's page; call it inside its gr.Tab."""
    gr.HTML(
        _markup(),
        js_on_load=_script(),
        css_template=text("two_dimensions.css"),
        elem_id="two-dimensions",
        padding=False,
    )


def _markup() -> str:
    """The canvas and its controls, with abar_t of the cosine schedule: 1,000 float32 in base64."""
    abar = np.array([level.alpha**2 for level in schedule("if-cosine")], dtype="<f4")
    return text("two_dimensions.html").replace("ABAR", base64.b64encode(abar.tobytes()).decode())


def _script() -> str:
    """The scripts in one, the pure ones first."""
    return "\n".join(
        text(name) for name in [*(f"two_dimensions_{each}.js" for each in SCRIPTS), "two_dimensions.js"]
    )
