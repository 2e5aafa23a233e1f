"""What the built-in model knows: a list to search, on every tab that it runs on."""

import html
from pathlib import Path

import gradio as gr

from diffusion_core.models.catalog import BUILT_IN
from diffusion_core.serving.studio import Studio
from emoji_model.words import Words
from tabs.gradio_compat import AT_ONCE

NOTE = (
    "A small model of our own, trained on Google's Noto emoji: it draws the things below, on grounds (*on a "
    "blue background, in the night sky, on a meadow*) and in styles (*an oil painting of, a pencil drawing "
    "of, a lithograph of, a mosaic of, a photo of*). Other words it has never met. Of two things at once it "
    "knows where they stand, but not yet what they are; *people around a campfire* and *a mountain village* "
    "it has learned as scenes. Its second stage, 64 to 256 pixels, sharpens edges and leaves a little grain."
)


def build(studio: Studio) -> None:
    """An accordion with the list; nothing where the model has none."""
    words = known(studio)
    if words is None:
        return
    with gr.Accordion("What the built-in model knows", open=False):
        gr.Markdown(NOTE, elem_classes="lead")
        search = gr.Textbox(
            label=f"Search {len(words.things)} things", placeholder="dog, fruit, music", max_length=60
        )
        found = gr.HTML(listed(words, ""))
        search.input(lambda text: listed(words, text), search, found, trigger_mode="always_last", **AT_ONCE)


def known(studio: Studio) -> Words | None:
    """The words of the built-in model."""
    offered = getattr(studio.library, "known", {})
    return Words.read(Path(offered[BUILT_IN].stages[0])) if BUILT_IN in offered else None


def listed(words: Words, text: str) -> str:
    """The things that fit a search, or the known words nearest to it."""
    names = words.search(str(text)[:60], most=len(words.things))
    if names:
        return f'<p class="known">{html.escape(", ".join(names))}</p>'
    near = sorted({each for found in words.unknown(text).values() for each in found})
    hint = f" Near to it: {html.escape(', '.join(near))}." if near else ""
    return f'<p class="known">Nothing here is called {html.escape(text)}.{hint}</p>'
