"""Darkroom: takes the studio, hangs the tabs, launches. `python app.py`, then open the address it prints."""

import os
import sys
import threading

import gradio as gr

from diffusion_core.studio import Studio
from house import studio
from mnist_models import network as mnist
from tabs import api, forward_noise, mnist_denoiser, mnist_sampler, restore, theme, training

TABS = {
    "forward-noise": forward_noise,
    "mnist-denoiser": mnist_denoiser,
    "mnist-sampler": mnist_sampler,
    "training": training,
}
TAB_OF = {
    "forward-noise": "forward-noise",
    "mnist-denoise": "mnist-denoiser",
    "mnist-pure-noise": "mnist-denoiser",
    "mnist-sample": "mnist-sampler",
    "mnist-gamma-sweep": "mnist-sampler",
}


def build(house: Studio) -> gr.Blocks:
    """The page."""
    with gr.Blocks(title="Darkroom", analytics_enabled=False, delete_cache=(600, 3600)) as demo:
        with gr.Row(elem_classes="masthead"):
            gr.Markdown(
                "# Darkroom\nWatch diffusion models develop pictures out of noise, one step at a time."
            )
            open_png = gr.UploadButton(
                "Open a PNG made here", file_types=["image"], size="sm", scale=0, min_width=200
            )
        with gr.Tabs(overflow_behavior="wrap") as tabs:
            for name, tab in TABS.items():
                with gr.Tab(tab.TITLE, id=name):
                    tab.build(house)
        restore.wire(demo, tabs, TAB_OF, open_png)
        api.publish(house)
    return demo


def warm(house: Studio) -> None:
    """Load the models most people start with, while the page opens."""
    threading.Thread(target=mnist.warm, args=(house,), daemon=True).start()


def has_screen() -> bool:
    """Is there a desktop on which a browser could open?"""
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def main() -> None:
    house = studio()
    demo = build(house)
    warm(house)
    demo.queue(max_size=200, default_concurrency_limit=None).launch(
        theme=theme.theme(),
        css=theme.CSS,
        head=theme.HEAD,
        max_threads=200,
        max_file_size="10mb",
        enable_monitoring=False,
        run_history=False,
        ssr_mode=False,
        footer_links=["api", "settings"],
        inbrowser="--open" in sys.argv and has_screen(),
    )


if __name__ == "__main__":
    main()
