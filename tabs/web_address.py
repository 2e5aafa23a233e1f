"""A picture from the web, by its address: fetched by the visitor's own browser, with a stranger's rights.

Our server asks no address that somebody names: it could be made to look into its own network. Where a site
lets no other page read its pictures, a sentence tells to copy and paste.
"""

import gradio as gr

from diffusion_core import images
from diffusion_core.fields import RecipeError
from tabs.pictures import square
from tabs.widgets import QUIET

LONGEST = 3_000_000  # characters of what a browser may hand over
PASTE = "Open it in a page of its own, copy it (right click, Copy image) and paste it above with Ctrl+V."
WRONG = {
    "!address": "This is no address of a picture. One looks like https://example.org/cat.jpg",
    "!type": f"At this address is no picture, but something else: a page about it, perhaps. {PASTE}",
    "!large": "This picture is larger than 10 MB. Make it smaller, and upload it.",
    "!refused": f"This site lets no other page read its pictures, or it cannot be reached. {PASTE}",
    "!read": "This picture is damaged, or of a kind that your browser cannot read. PNG and JPEG work.",
}
FETCH = """async (address) => {
  let url;
  try { url = new URL(address.trim()); } catch { return "!address"; }
  if (!["http:", "https:"].includes(url.protocol)) return "!address";
  let found;
  try {
    const told = { credentials: "omit", referrerPolicy: "no-referrer", signal: AbortSignal.timeout(20000) };
    const answer = await fetch(url, told);
    if (!answer.ok) return "!refused";
    found = await answer.blob();
  } catch { return "!refused"; }
  if (!found.type.startsWith("image/")) return "!type";
  if (found.size > 10e6) return "!large";
  try {
    const picture = await createImageBitmap(found);
    const side = Math.min(picture.width, picture.height), size = Math.min(side, 512);
    const page = Object.assign(document.createElement("canvas"), { width: size, height: size });
    const [left, top] = [(picture.width - side) / 2, (picture.height - side) / 2];
    page.getContext("2d").drawImage(picture, left, top, side, side, 0, 0, size, size);
    return page.toDataURL("image/png");
  } catch { return "!read"; }
}"""


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
    gr.on(asks, fetched, address, sets, js=FETCH, trigger_mode="always_last", **QUIET)


def picture_of(text: str) -> str:
    """What FETCH handed over, as the recipe's picture: a square. RecipeError with a sentence."""
    if not text.startswith("data:image/png;base64,") or len(text) > LONGEST:
        raise RecipeError(WRONG.get(text, WRONG["!read"]))
    return images.to_uri(square(images.as_rgb(images.from_uri(text))))
