"""This visit: what was made on one page, from its opening to its closing, however often it reloads.

The page keeps an id for the visit in its browser (sessionStorage: per page, gone with it); the server keeps
the ids of its jobs, and the jobs themselves where all are (job.py). Nobody else knows these ids.

    page = visit.opened(studio)     before the tabs: their benches find it, and each other
    visit.gallery_here(page)        below them
"""

import html
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio.context import Context

from diffusion_core.recipes import Recipe
from diffusion_core.serving.job import Job, Jobs
from diffusion_core.serving.studio import Studio
from tabs import static

SHOWN = 24  # pictures in the gallery of a visit, the newest first
VISITS = 2000  # that are remembered; the oldest make room
LONGEST_KEY = 100  # characters
LONGEST_NAME = 37  # characters of what was asked for
EMPTY = (
    '<p class="why">What you make stays here while this page is open. A click brings a picture back, and its '
    "settings.</p>"
)


def name_of(recipe: Recipe) -> str:
    """A recipe in a few words: the technique, what was asked for, the seed."""
    values = recipe.values
    asked = next((str(values[key]) for key in ("prompt", "prompts", "digits") if values.get(key)), "")
    asked = " / ".join(asked.split("\n"))
    asked = asked if len(asked) <= LONGEST_NAME else f"{asked[:LONGEST_NAME]}..."
    said = [recipe.technique.replace("-", " "), asked, f"seed {values.get('seed', 0)}"]
    return ", ".join(filter(None, said))


class Visit:
    """The jobs of one page by their ids, in the order they were begun.

    owner  the name that the engine knows this visit by
    """

    def __init__(self, jobs: Jobs, owner: str):
        self.jobs, self.owner = jobs, owner
        self.ids: list[str] = []

    def add(self, job: Job) -> None:
        self.ids = [*self.ids, job.id][-SHOWN:]

    def get(self, key: str | None) -> Job | None:
        """The job of this id, if it is of this visit and still known."""
        return self.jobs.get(key) if key in self.ids else None

    def latest(self, technique: str | None = None) -> Job | None:
        """The job that was begun last; of a technique, if one is named."""
        return next((job for job in self._newest() if technique in (None, job.recipe.technique)), None)

    def gallery(self) -> str:
        """Thumbnails as buttons, the newest first; each says in words what it is."""
        cards = "".join(_card(job) for job in self._newest() if job.error is None)
        return f'<ul class="gallery">{cards}</ul>' if cards else EMPTY

    def _newest(self) -> Iterator[Job]:
        return filter(None, map(self.jobs.get, reversed(self.ids)))


class Page:
    """What the benches of one built page share.

    benches  technique -> its run_panel.Bench
    key      a text that holds the id of the visit; None on a page without visits
    gallery  where the visit's results stand
    again    a button that nobody sees: the page's script presses it to take up a run it lost sight of
    """

    def __init__(self, studio: Studio):
        self.studio = studio
        self.benches: dict[str, Any] = {}
        self.key: gr.Textbox | None = None
        self.gallery: gr.HTML | None = None
        self.again: gr.Button | None = None
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._lock = threading.Lock()

    def visit(self, key: str | None, session: str | None = None) -> Visit:
        """The visit of this id. session: where a page has no id yet, or none at all."""
        owner = key if isinstance(key, str) and 0 < len(key) <= LONGEST_KEY else f"session {session}"
        with self._lock:
            found = self._visits.pop(owner, None) or Visit(self.studio.jobs, owner)
            self._visits[owner] = found
            while len(self._visits) > VISITS:
                self._visits.popitem(last=False)
        return found

    def start(self, visit: Visit, recipe: Recipe) -> Job:
        """Begin a run. One of the same technique that is still under way in this visit makes room."""
        self.stop(visit, recipe.technique)
        job = self.studio.start(recipe, visit.owner)
        visit.add(job)
        return job

    def stop(self, visit: Visit, technique: str) -> bool:
        """Stop what is under way of this technique; False if nothing is."""
        job = visit.latest(technique)
        if job is None or job.ended:
            return False
        job.cancel()
        return True


def page_here(studio: Studio) -> Page:
    """What is shared on the page that is being built; it lies on its Blocks."""
    blocks = Context.root_block
    if blocks is None:
        return Page(studio)
    return vars(blocks).setdefault("darkroom_page", Page(studio))


def opened(studio: Studio) -> Page:
    """Give the page under construction visits; call it before its tabs are built."""
    page = page_here(studio)
    page.key = gr.Textbox(visible=False)
    page.again = gr.Button("Take up", visible="hidden", elem_id="take-up")
    page.gallery = gr.HTML(
        EMPTY, elem_id="visit-gallery", js_on_load=static.text("clicked_run.js"), render=False
    )
    return page


def gallery_here(page: Page) -> None:
    """The gallery of the visit, with its head."""
    with gr.Column(elem_classes="visit"):
        gr.Markdown("## This visit")
        page.gallery.render()


def _card(job: Job) -> str:
    name = html.escape(name_of(job.recipe))
    there = f'<img src="{job.thumbnail}" alt="">' if job.ended else '<span class="waiting">…</span>'
    word = "" if job.ended else "under way: "
    return (
        f'<li><button type="button" data-run="{job.id}" title="{name}">{there}'
        f"<span>{word}{name}</span></button></li>"
    )
