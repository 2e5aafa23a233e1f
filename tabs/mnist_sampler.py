"""MNIST sampler: digits out of noise, by DDPM or flow matching, with and without guidance."""

import gradio as gr

from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.serving.studio import Studio
from tabs.components import form, intro
from tabs.components.run_panel import Bench

TITLE = "MNIST sampler"
TEXT = (
    "A network that was trained only to undo a little noise can draw: start from pure noise and ask it, "
    "again and again, which digit might be hidden there. Flow matching walks a straight line from noise to "
    "picture; DDPM takes random steps that get smaller and smaller. **gamma** says how strongly the digit "
    "that was asked for is preferred over any digit."
)
EQUATION = (
    r"\hat\epsilon = (1-\gamma)\,\epsilon_\theta(x_t, t, \varnothing) + \gamma\,\epsilon_\theta(x_t, t, c)"
)
FURTHER = ("conditioning", "solver", "snapshot", "seed")
SWEEP_TEXT = (
    "**The same noise under several guidance scales.** A row per gamma, a column per digit: at 0 the digit "
    "is ignored, at 1 the model is as it was trained, above that every digit grows more like itself, and "
    "less various."
)


def build(studio: Studio) -> None:
    """The tab's page; call it inside its gr.Tab."""
    intro.lead(TITLE, TEXT, EQUATION)
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        with gr.Tab("Draw digits", id="mnist-sample"):
            _page(studio, "mnist-sample", tabs)
        with gr.Tab("Sweep gamma", id="mnist-gamma-sweep"):
            gr.Markdown(SWEEP_TEXT, elem_classes="lead")
            _page(studio, "mnist-gamma-sweep", tabs)


def _page(studio: Studio, technique: str, tabs: gr.Tabs) -> None:
    fields = {field.name: field for field in SCHEMAS[technique]}
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            controls = {name: form.control(fields[name]) for name in fields if name not in FURTHER}
            bench = Bench(studio, technique, controls, inside=(tabs, technique))
            with gr.Accordion("More settings", open=False, render=False) as more:
                controls |= {name: form.control(fields[name]) for name in fields if name in FURTHER}
            bench.buttons()
            more.render()
        with gr.Column(scale=5, min_width=320):
            bench.panes()
            bench.results(height=260 if technique == "mnist-sample" else 460)
    bench.wire()
