"""A tab's head."""

import gradio as gr

LATEX = [{"left": "$$", "right": "$$", "display": True}, {"left": "$", "right": "$", "display": False}]


def lead(title: str, text: str, equation: str) -> None:
    """A tab's head: its name, a short text a teacher can read out, and the equation."""
    with gr.Row(elem_classes="tab-head", equal_height=True):
        with gr.Column(scale=3, min_width=320):
            gr.Markdown(f"## {title}\n{text}", elem_classes="lead")
        with gr.Column(scale=2, min_width=320):
            gr.Markdown(f"$${equation}$$", latex_delimiters=LATEX, elem_classes="equation")
