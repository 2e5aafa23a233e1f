"""This visit: what was made on one page, from its opening to its closing, however often it reloads.

The page keeps an id for the visit in its browser (sessionStorage: per page, gone with it); the server keeps
the list: recipes, thumbnails, and the ids of results and of runs under way. Nobody else knows the id.

    page = visit.opened()       before the tabs: their benches find it, and each other
    visit.gallery_here(page)    below them
"""

import html
import math
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.context import Context
from PIL import Image

from diffusion_core.images import export, grid
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.errors import shown
from diffusion_core.serving.jobs import Development, Developments, Events
from diffusion_core.serving.result import Result
from diffusion_core.serving.run import Stop
from tabs import static
from tabs.session import messages
from tabs.session.keepsakes import Shelf

SHOWN = 24  # pictures in the gallery of a visit, the newest first
VISITS = 2000  # that are remembered; the oldest make room
THUMBNAIL, THUMBNAILS = 144, 9  # pixels, and pictures on one of them
LONGEST_KEY = 100  # characters
LONGEST_RECIPE = 20_000  # characters of JSON that are remembered for a picture that is no longer kept
EMPTY = (
    '<p class="why">What you make stays here while this page is open. A click brings a picture back, and its '
    "settings.</p>"
)


@dataclass
class Entry:
    """A run of a visit.

    recipe     None once it is done, if it holds pictures: then the result has it, as long as that is kept
    wrong      what to say of a run that ended without its picture
    thumbnail  a data URI, once it is done
    """

    id: str
    technique: str
    name: str
    recipe: Recipe | None
    wrong: str = ""
    thumbnail: str = ""

    @property
    def under_way(self) -> bool:
        return not (self.thumbnail or self.wrong)


def name_of(recipe: Recipe) -> str:
    """A recipe in a few words: the technique, what was asked for, the seed."""
    values = recipe.values
    asked = next((str(values[key]) for key in ("prompt", "prompts", "digits") if values.get(key)), "")
    said = [recipe.technique.replace("-", " "), shown(" / ".join(asked.split("\n")))[1:-1]]
    return ", ".join([*filter(None, said), f"seed {values.get('seed', 0)}"])


class Visit:
    """The runs of one page, by id, in the order they were begun."""

    def __init__(self):
        self.entries: OrderedDict[str, Entry] = OrderedDict()

    def add(self, made: Development) -> Entry:
        recipe = made.recipe
        entry = self.entries[made.id] = Entry(made.id, recipe.technique, name_of(recipe), recipe)
        while len(self.entries) > SHOWN:
            self.entries.popitem(last=False)
        return entry

    def latest(self, technique: str | None = None) -> Entry | None:
        """The run that was begun last; of a technique, if one is named."""
        return next((e for e in reversed(self.entries.values()) if technique in (None, e.technique)), None)

    def gallery(self) -> str:
        """Thumbnails as buttons, the newest first; each says in words what it is."""
        there = [each for each in reversed(self.entries.values()) if not each.wrong]
        return f'<ul class="gallery">{"".join(map(_card, there))}</ul>' if there else EMPTY


class Page:
    """What the benches of one built page share.

    benches  technique -> its run_panel.Bench
    key      a text that holds the id of the visit; None on a page without visits
    gallery  where the visit's results stand
    again    a button that nobody sees: the page's script presses it to take up a run it lost sight of
    """

    def __init__(self):
        self.benches: dict[str, Any] = {}
        self.shelf = Shelf()
        self.key: gr.Textbox | None = None
        self.gallery: gr.HTML | None = None
        self.again: gr.Button | None = None
        self.developments = Developments(self._ended)
        self._visits: OrderedDict[str, Visit] = OrderedDict()
        self._under_way: dict[str, Entry] = {}
        self._lock = threading.Lock()

    def visit(self, key: str | None, session: str | None = None) -> Visit:
        """The visit of this id. session: where a page has no id yet, or none at all."""
        name = self.owner(key, session)
        with self._lock:
            found = self._visits[name] = self._visits.pop(name, None) or Visit()
            while len(self._visits) > VISITS:
                self._visits.popitem(last=False)
        return found

    def owner(self, key: str | None, session: str | None = None) -> str:
        """In whose name the engine counts what a visit asks."""
        return key if isinstance(key, str) and 0 < len(key) <= LONGEST_KEY else f"session {session}"

    def start(self, visit: Visit, recipe: Recipe, run: Callable[[Stop], Events]) -> Development:
        """Begin a run. One of the same technique that is still under way in this visit makes room."""
        self.stop(visit, recipe.technique)
        made = Development(recipe)
        self._under_way[made.id] = visit.add(made)
        self.developments.start(made, run)
        return made

    def stop(self, visit: Visit, technique: str) -> bool:
        """Stop what is under way of this technique; False if nothing is."""
        entry = visit.latest(technique)
        made = self.developments.get(entry.id) if entry else None
        if made:
            made.stop.now()
        return made is not None

    def _ended(self, made: Development, end: Result | BaseException) -> None:
        entry = self._under_way.pop(made.id)
        if not isinstance(end, Result):
            entry.wrong = messages.word_on(end)
            return
        self.shelf.put(end, made.id)
        if len(made.recipe.to_json()) > LONGEST_RECIPE:
            entry.recipe = None
        entry.thumbnail = thumbnail(end)


def thumbnail(result: Result) -> str:
    """The first pictures of a result on a small square, as a data URI: sent with every run of a visit."""
    few = result.pictures[:THUMBNAILS]
    columns = math.ceil(math.sqrt(len(few)))
    zoom = max(1, THUMBNAIL // (columns * few.shape[-1]))
    small = grid.grid(few, columns, result.low, result.high, zoom).convert("RGB")
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX)
    return export.source(small, lossy=True)


def page_here() -> Page:
    """What is shared on the page that is being built; it lies on its Blocks."""
    blocks = Context.root_block
    if blocks is None:
        return Page()
    return vars(blocks).setdefault("darkroom_page", Page())


def opened() -> Page:
    """Give the page under construction visits; call it before its tabs are built."""
    page = page_here()
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


def _card(entry: Entry) -> str:
    name = html.escape(entry.name)
    picture = f'<img src="{entry.thumbnail}" alt="">' if entry.thumbnail else '<span class="waiting">…</span>'
    word = "" if entry.thumbnail else "under way: "
    return (
        f'<li><button type="button" data-run="{entry.id}" title="{name}">{picture}'
        f"<span>{word}{name}</span></button></li>"
    )
