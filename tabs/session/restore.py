"""What was there comes back: settings from a link or from a PNG that was made here; a run of this visit, with
its settings and its picture, after the page was reloaded, or from the gallery.

A page that reloads tells the id of its visit and the link in its address. A link that it has not followed yet
goes first; else the run that was begun last is taken up where it is now.
"""

import gradio as gr

from diffusion_core.images import convert, export
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.serving.job import Job
from tabs import static
from tabs.gradio_compat import QUIET
from tabs.session import messages, visit

LOST = (
    "The server was started anew, and this run is lost. The settings and drawings on this page are still "
    "here: press Run."
)


def wire(page: visit.Page, demo: gr.Blocks, tabs: gr.Tabs, tab_of: dict[str, str], open_png) -> None:
    """Restore on page load, on a PNG given to the button open_png, from the gallery. tab_of: technique -> id
    of its tab."""
    benches = page.benches
    places = list({id(b.inside[0]): b.inside[0] for b in benches.values() if b.inside}.values())
    settings = [tabs, *places, *(c for bench in benches.values() for c in bench.controls.values())]
    everything = list(dict.fromkeys([*settings, *(c for bench in benches.values() for c in bench.ends[1])]))

    def set_to(recipe: Recipe) -> dict:
        return {tabs: gr.update(selected=tab_of[recipe.technique])} | benches[recipe.technique].updates(
            recipe
        )

    def restored(recipe: Recipe) -> dict:
        if recipe.technique not in benches:
            raise RecipeError(f"This is a recipe for {recipe.technique}, which has no tab here.")
        gr.Info("The settings are restored. Press Run to make the picture again.")
        return set_to(recipe)

    def from_png(path: str):
        return _or_warning(lambda: restored(export.recipe_in(convert.opened(path))))

    def _or_warning(make) -> dict:
        try:
            return make()
        except RecipeError as error:
            gr.Warning(str(error))
            return {tabs: gr.skip()}

    def again(job: Job, key: str, request: gr.Request):
        """A run of this visit with its settings, and what is new of it."""
        yield set_to(job.recipe)
        mine = page.visit(key, request.session_hash)
        yield from benches[job.recipe.technique].shown_again(job, mine, request)

    def arrived(key: str, link: str, seen: str, request: gr.Request):
        mine = page.visit(key, request.session_hash)
        latest = mine.latest()
        if link and not (seen and latest):
            yield _or_warning(lambda: restored(Recipe.from_link(link)))
        elif latest:
            yield {page.gallery: mine.gallery()}
            yield from again(latest, key, request)
        else:
            yield {tabs: gr.skip()}

    def clicked(key: str, event: gr.EventData, request: gr.Request):
        mine, chosen = page.visit(key, request.session_hash), getattr(event, "run", None)
        if job := mine.get(chosen):
            yield from again(job, key, request)
        elif chosen in mine.ids:
            gr.Warning(messages.GONE)

    def taken_up(key: str, under_way: str, request: gr.Request):
        mine = page.visit(key, request.session_hash)
        seen = [benches[name] for name in under_way.split() if name in benches]
        lost = {
            bench.status: messages.status(LOST, wrong=True)
            for bench in seen
            if not mine.latest(bench.technique)
        }
        yield lost or {tabs: gr.skip()}
        for bench in seen:
            if job := mine.latest(bench.technique):
                yield from bench.shown_again(job, mine, request)

    costs = [bench.cost for bench in benches.values()]  # by now networks may be warm, and the seconds known
    demo.load(lambda: [bench.cost_text() for bench in benches.values()], None, costs, **QUIET)
    open_png.upload(from_png, open_png, settings, **QUIET)
    if not page.key:
        return
    link, seen, under_way = (gr.Textbox(visible=False) for _ in range(3))
    demo.load(
        lambda *told: told,
        [page.key, link, seen],
        [page.key, link, seen],
        js=static.text("arrived.js"),
        **QUIET,
    ).then(arrived, [page.key, link, seen], everything, **QUIET)
    page.gallery.select(clicked, page.key, everything, **QUIET)
    page.again.click(
        taken_up,
        [page.key, under_way],
        everything,
        js=static.text("under_way.js"),
        trigger_mode="once",
        **QUIET,
    )
