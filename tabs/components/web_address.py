"""A picture from the web, by its address: fetched by the visitor's own browser, with a stranger's rights.

Our server asks no address that somebody names: it could be made to look into its own network. Where a site
lets no other page read its pictures, a sentence tells to copy and paste.
"""

import gradio as gr

from diffusion_core.images import convert
from diffusion_core.recipes import RecipeError
from tabs import static
from tabs.components.pictures import square
from tabs.gradio_compat import QUIET

LONGEST = 3_000_000  # characters of what a browser may hand over
PASTE = "Open it in a page of its own, copy it (right click, Copy image) and paste it above with Ctrl+V."
WRONG = {
    "!address": "This is no address of a picture. One looks like https://example.org/cat.jpg",
    "!type": f"At this address is no picture, but something else: a page about it, perhaps. {PASTE}",
    "!large": "This picture is larger than 10 MB. Make it smaller, and upload it.",
    "!refused": f"This site lets no other page read its pictures, or it cannot be reached. {PASTE}",
    "!read": "This picture is damaged, or of a kind that your browser cannot read. PNG and JPEG work.",
}


def web_address(value: gr.Textbox, elem_id: str, cleared: tuple[gr.components.Component, ...] = ()) -> None:
    """A line for an address; the picture there becomes the value, and of `cleared` each becomes None."""
    with gr.Row(elem_classes="address"):
        address = gr.Textbox(
            label="or its address on the web",
            placeholder="https://",
            max_lines=1,
            scale=3,
            min_width=160,
            elem_id=elem_id,
        )
        button = gr.Button("Fetch", size="md", scale=1, min_width=80)

    def fetched(text: str) -> dict:
        try:
            return {value: picture_of(text)} | dict.fromkeys(cleared)
        except RecipeError as error:
            gr.Warning(str(error))
            return {value: gr.skip()}

    asks, sets = [button.click, address.submit], [value, *cleared]
    gr.on(
        asks, fetched, address, sets, js=static.text("fetch_picture.js"), trigger_mode="always_last", **QUIET
    )


def picture_of(text: str) -> str:
    """What fetch_picture.js handed over, as the recipe's picture: a square. RecipeError with a sentence."""
    if not text.startswith("data:image/png;base64,") or len(text) > LONGEST:
        raise RecipeError(WRONG.get(text, WRONG["!read"]))
    return convert.to_uri(square(convert.as_rgb(convert.from_uri(text))))
