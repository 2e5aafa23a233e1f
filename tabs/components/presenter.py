"""Presenter mode, for a class: large controls, side texts hidden; a button, and ?presenter in a link. And a
button for light and dark. Both work in the browser alone, see presenter.js and look.css."""

import gradio as gr


def buttons() -> None:
    """For the masthead."""
    gr.Button("Presenter", size="sm", scale=0, min_width=120, elem_id="presenter")
    gr.Button("Light / dark", size="sm", scale=0, min_width=120, elem_id="light-dark")
