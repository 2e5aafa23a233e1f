"""Settings come back: from a link, or from a PNG that was made here."""

import gradio as gr

from diffusion_core import images
from diffusion_core.fields import RecipeError
from diffusion_core.recipes import Recipe
from tabs.workbench import Bench

# The recipe of a link stands behind ? or, if it is long, behind #.
READ_LINK = """() => {
  const of = (text) => new URLSearchParams(text.slice(1)).get("recipe");
  return of(location.search) || of(location.hash) || "";
}"""


def wire(demo: gr.Blocks, tabs: gr.Tabs, tab_of: dict[str, str], open_png: gr.UploadButton) -> None:
    """Restore on page load and on a dropped PNG. tab_of: technique -> id of its tab."""
    benches = Bench.benches.values()
    places = list({id(b.inside[0]): b.inside[0] for b in benches if b.inside}.values())
    controls = [*places, *(c for bench in benches for c in bench.controls.values())]
    word = gr.Textbox(visible=False)

    def restored(recipe: Recipe) -> dict:
        bench = Bench.benches[recipe.technique]
        gr.Info("The settings are restored. Press Run to make the picture again.")
        return {tabs: gr.update(selected=tab_of[recipe.technique])} | bench.updates(recipe)

    def from_link(text: str):
        return _or_warning(lambda: restored(Recipe.from_link(text))) if text else {tabs: gr.skip()}

    def from_png(path: str):
        return _or_warning(lambda: restored(images.recipe_in(images.opened(path))))

    def _or_warning(make) -> dict:
        try:
            return make()
        except RecipeError as error:
            gr.Warning(str(error))
            return {tabs: gr.skip()}

    quiet = {"show_progress": "hidden", "api_visibility": "private"}  # in the queue: toasts need it
    costs = [bench.cost for bench in benches]  # by now the networks may be warm, and the seconds known
    demo.load(lambda: [bench.cost_text() for bench in benches], None, costs, **quiet)
    demo.load(lambda text: text, word, word, js=READ_LINK, **quiet).then(
        from_link, word, [tabs, *controls], **quiet
    )
    open_png.upload(from_png, open_png, [tabs, *controls], **quiet)
