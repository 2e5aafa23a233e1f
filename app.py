"""Darkroom: takes the studio, hangs the tabs, launches. `python app.py`, then open the address it prints."""

import os
import sys
import threading

import gradio as gr
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from darkroom import studio
from diffusion_core.models.faults import ModelError
from diffusion_core.recipes import RecipeError
from diffusion_core.serving import zerogpu  # before anything touches CUDA
from diffusion_core.serving.studio import Studio
from mnist_models import network as mnist
from tabs import (
    anagrams,
    api,
    denoise,
    edit,
    forward_noise,
    gradio_compat,
    guidance,
    hybrids,
    inpaint,
    mnist_denoiser,
    mnist_sampler,
    text_to_picture,
    theme,
    training,
    two_dimensions,
)
from tabs.components import presenter
from tabs.session import restore, visit

TABS = {
    "two-dimensions": two_dimensions,
    "text-to-picture": text_to_picture,
    "forward-noise": forward_noise,
    "denoise": denoise,
    "guidance": guidance,
    "edit": edit,
    "inpaint": inpaint,
    "anagrams": anagrams,
    "hybrids": hybrids,
    "mnist-denoiser": mnist_denoiser,
    "mnist-sampler": mnist_sampler,
    "training": training,
}
TAB_OF = {
    "text-sample": "text-to-picture",
    "text-steps": "text-to-picture",
    "forward-noise": "forward-noise",
    "text-denoise": "denoise",
    "text-iterative": "denoise",
    "text-blur": "denoise",
    "text-gamma-sweep": "guidance",
    "text-sdedit": "edit",
    "text-inpaint": "inpaint",
    "text-anagram": "anagrams",
    "text-anagram-sheet": "anagrams",
    "text-hybrid": "hybrids",
    "text-hybrid-sheet": "hybrids",
    "text-hybrid-photo": "hybrids",
    "text-hybrid-photo-sheet": "hybrids",
    "mnist-denoise": "mnist-denoiser",
    "mnist-pure-noise": "mnist-denoiser",
    "mnist-sample": "mnist-sampler",
    "mnist-gamma-sweep": "mnist-sampler",
    "mnist-snapshots": "training",
    "mnist-training": "training",
}


def build(house: Studio) -> gr.Blocks:
    """The page."""
    with gr.Blocks(title="Darkroom", analytics_enabled=False, delete_cache=(600, 3600)) as demo:
        with gr.Row(elem_classes="masthead"):
            gr.Markdown(
                "# Darkroom\nWatch diffusion models develop pictures out of noise, one step at a time."
            )
            open_png = gradio_compat.safe(
                gr.UploadButton(
                    "Open a PNG made here", file_types=["image"], size="sm", scale=0, min_width=200
                )
            )
            presenter.buttons()
        page = visit.opened(house)
        with gr.Tabs(overflow_behavior="wrap") as tabs:
            for name, tab in TABS.items():
                with gr.Tab(tab.TITLE, id=name):
                    tab.build(house)
        visit.gallery_here(page)
        restore.wire(page, demo, tabs, TAB_OF, open_png)
        api.publish(house)
    return demo


def warm(house: Studio) -> None:
    """Load the models most people start with, while the page opens."""
    threading.Thread(target=_warmed, args=(house,), daemon=True).start()


def _warmed(house: Studio) -> None:
    for stage, rows in (("I", 4), ("II", 1)):
        try:
            house.warm(f"{house.fallback}/{stage}", rows)
        except (ModelError, RecipeError) as error:  # not here, or without a stage II: a tab says so
            print(error)
    mnist.warm(house)


async def left(_request, _error: ClientDisconnect) -> Response:
    """Whoever closes the page in mid-upload is no fault to report; nobody is there to read the answer."""
    return Response(status_code=499)


def has_screen() -> bool:
    """Is there a desktop on which a browser could open?"""
    return sys.platform in ("darwin", "win32") or any(map(os.environ.get, ("DISPLAY", "WAYLAND_DISPLAY")))


def main() -> None:
    house = studio()
    demo = build(house)
    zerogpu.take_over(house)
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
        mcp_server=api.speaks_mcp(),
        app_kwargs={"exception_handlers": {ClientDisconnect: left}},
        footer_links=["api", "settings"],
        inbrowser="--open" in sys.argv and has_screen(),
    )


if __name__ == "__main__":
    main()
