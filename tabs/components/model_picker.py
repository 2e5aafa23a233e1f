"""The model of a tab: what there is, what runs here, why the rest does not, and on which terms."""

import html
from functools import partial

import gradio as gr

from diffusion_core.models.loading import Offer
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.fields import MODEL
from tabs.gradio_compat import AT_ONCE

LOGIN = "needs a Hugging Face token"  # what the word on a model says that fits, but cannot be fetched


def model_control(studio: Studio) -> gr.Dropdown:
    """The recipe's field `model`: the catalogue, a folder, or an id on the Hub; and a line that always says
    which model runs, why another does not fit, and the licence where there is one."""
    offers = studio.library.offers() if studio.library else []
    choices = [(_offered(offer), offer.name) for offer in offers] or [("Built-in", MODEL.default)]
    default = studio.fallback or MODEL.default
    with gr.Row(elem_classes="model-row"):
        with gr.Column(scale=2, min_width=300):
            value = gr.Dropdown(
                choices, value=default, label="Model", allow_custom_value=True, filterable=True
            )
        with gr.Column(scale=5, min_width=320):
            line = gr.HTML(model_line(studio, default), elem_classes="model-line")
    value.change(partial(model_line, studio), value, line, **AT_ONCE)
    return value


def _offered(offer: Offer) -> str:
    wanting = "needs a login" if offer.fits else "does not fit here"
    return offer.title if _runs(offer) else f"{offer.title} ({wanting})"


def _runs(offer: Offer) -> bool:
    return offer.fits and LOGIN not in offer.word


def model_line(studio: Studio, name: str) -> str:
    """Which model runs if `name` is chosen, as HTML; and what its licence wants said."""
    if studio.library is None:
        return ""
    offer = studio.library.offer(str(name or studio.fallback).strip())
    title, word = html.escape(offer.title), html.escape(offer.word)
    if _runs(offer):
        line = f"<p>In use: <b>{title}</b>. {word}</p>"
    elif offer.name == studio.fallback:
        line = f'<p class="wrong">{word}</p>'
    else:
        instead = html.escape(studio.library.offer(studio.fallback).title)
        line = f'<p>In use: <b>{instead}</b>. <span class="wrong">{title} cannot run yet.</span> {word}</p>'
    licence = f'<p class="licence">{html.escape(offer.licence)}</p>' if offer.licence else ""
    return line + licence
