"""What stands on the page around a technique's controls; run_panel.py gives it life."""

import gradio as gr

from tabs.components import displays
from tabs.session import messages


class RunParts:
    """The components of a run: a page takes those that it needs. technique: what their ids begin with."""

    technique: str

    def buttons(self, hint: str = "Ctrl+Enter runs, Esc stops.") -> None:
        """The cost line, Run, Stop and the status line; under the controls."""
        self.cost = gr.Markdown("Cost: being counted.", elem_classes="cost")
        with gr.Row():
            self.run_button = gr.Button("Run", variant="primary", min_width=120, elem_classes="run-button")
            self.stop_button = gr.Button("Stop", min_width=120, interactive=False, elem_classes="stop-button")
        self.status = gr.HTML(
            messages.status(hint), elem_classes="status", elem_id=f"{self.technique}-status"
        )

    def panes(self, height: int = 300) -> None:
        """The two live panes, and the scrubber that moves them through the steps of the last run."""
        with gr.Row():
            self.x_t = displays.pane("x_t, the noisy picture", height, elem_id=f"{self.technique}-xt")
            self.x0 = displays.pane("x0, the network's estimate", height, elem_id=f"{self.technique}-x0")
        self.scrubber = gr.Slider(
            0,
            1,
            0,
            step=1,
            label="Step",
            info="after a run: move through it",
            interactive=False,
            elem_id=f"{self.technique}-scrubber",
        )

    def results(self, label: str = "Result", height: int = 240) -> None:
        """The picture, its film strip, downloads, link and code."""
        self.result = displays.final(label, height, elem_id=f"{self.technique}-result")
        with gr.Accordion("Film strip", open=False):
            self.strip = displays.final("x_t above, x0 below", 240)
        self.keep()

    def keep(self) -> None:
        """Downloads, link and code of the last result."""
        with gr.Row():
            self.png = gr.DownloadButton("PNG with recipe", interactive=False, size="md", min_width=120)
            self.gif = gr.DownloadButton("GIF", interactive=False, size="md", min_width=120)
        self.link = gr.Textbox(
            label="Link to these settings",
            elem_id=f"{self.technique}-link",
            elem_classes="link",
            buttons=["copy"],
            interactive=False,
            max_lines=1,
            lines=1,
        )
        with gr.Accordion("The code that made this", open=False, elem_classes="code-made"):
            self.code = gr.Code(language="python", interactive=False, label="runs in this folder")
