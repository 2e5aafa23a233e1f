"""The page with the tab "In two dimensions" alone, and an empty one beside it: quick to open.

python tests/plane_page.py      listens on $GRADIO_SERVER_PORT
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import gradio as gr

from tabs import theme, two_dimensions
from tabs.components import presenter


def main() -> None:
    with gr.Blocks(title="Darkroom", analytics_enabled=False) as demo:
        with gr.Row(elem_classes="masthead"):
            gr.Markdown("# Darkroom")
            presenter.buttons()
        with gr.Tabs():
            with gr.Tab(two_dimensions.TITLE):
                two_dimensions.build(None)
            with gr.Tab("Another"):
                gr.Markdown("## Another")
    demo.launch(theme=theme.theme(), css=theme.CSS, head=theme.HEAD, ssr_mode=False, run_history=False)


if __name__ == "__main__":
    main()
