"""Everything around a technique's controls: cost, Run and Stop, live panes, scrubber, strip, downloads, link.

A tab makes its controls, a Bench does the rest. A run goes on without its page for a while, and is found
again by its id (visit.py); its result waits on the server's shelf under that id, so that the scrubber and the
downloads of a page can reach it. A page holds no more than ids.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import gradio as gr
from PIL import Image

from diffusion_core.images import export
from diffusion_core.images.grid import kept_sheet
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.serving.jobs import Development
from diffusion_core.serving.result import Frame, Kept, Result
from diffusion_core.serving.strips import film_strip, movie, sheet
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.explain import code_for
from tabs import gradio_compat
from tabs.components import displays, form
from tabs.components.sketchpad import HERE, Pad
from tabs.session import messages, visit
from tabs.session.keepsakes import about, link_to


class Bench:
    """The workbench of one technique on one tab.

    controls   name of a recipe's field -> its component, in the order of the schema
    read       name -> function from the component's value to the recipe's (pictures, mostly)
    also       name -> further components, whose values read[name] takes after its own; read on Run only. A
               sketchpad.Pad hands over its drawing
    show       name -> function from the recipe's value to the component's
    inside     the tabs within the tab, and the id of the one that this bench stands on: restoring opens it
    priced     the names whose change changes the cost; all that are not in `read`, unless said
    sheet      if set, the picture to download, from a result; else its grid
    movie      if set, the frames of the GIF, from a result; else the steps of the run
    """

    def __init__(
        self,
        studio: Studio,
        technique: str,
        controls: dict[str, gr.components.Component],
        *,
        read: dict[str, Callable] | None = None,
        also: dict[str, Sequence[gr.components.Component | Pad]] | None = None,
        show: dict[str, Callable] | None = None,
        priced: Sequence[str] | None = None,
        inside: tuple[gr.Tabs, str] | None = None,
    ):
        self.studio, self.technique, self.controls = studio, technique, controls
        self.read, self.also, self.show = read or {}, also or {}, show or {}
        self.priced, self.inside = priced, inside
        self.sheet: Callable[[Result], Image.Image] | None = None
        self.movie: Callable[[Result], list[Image.Image]] | None = None
        self.after: list[tuple[Callable[[Result], object], gr.components.Component]] = []
        self.page = visit.page_here()
        self.shelf = self.page.shelf
        self.page.benches[technique] = self

    # what stands on the page

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

    def wire(self) -> None:
        """Connect everything; call it when the tab's page stands."""
        further = [each for name in self.controls for each in self.also.get(name, ())]
        self.pads = [each for each in further if isinstance(each, Pad)]
        inputs = [*self.controls.values()]
        inputs += [each.handed if isinstance(each, Pad) else each for each in further]
        for name, component in self.controls.items():
            component.elem_id = component.elem_id or f"{self.technique}-{name}"
        self.key = [self.page.key] if self.page.key else []
        inputs += self.key  # last: what reads the values of controls does not look that far
        self.run_id = gr.State("")
        parts = ("status", "run_button", "stop_button", "run_id", "x_t", "x0", "scrubber", "result", "strip")
        parts += ("png", "gif", "link", "code")
        outputs = [getattr(self, part) for part in parts if hasattr(self, part)]
        outputs += [component for _, component in self.after]
        outputs += [self.page.gallery] if self.page.gallery else []
        self.ends = inputs, outputs  # for a tab that starts a run by other means than Run
        begins = partial(gr.on, self.begins_on())
        self.handed_over(begins)(self._run, *self.ends, trigger_mode="once", **gradio_compat.QUIET)
        self.stop_button.click(self._stop, self.key, self.status, **gradio_compat.AT_ONCE)
        if hasattr(self, "scrubber"):
            self.scrubber.input(
                self._scrub,
                [self.scrubber, self.run_id],
                [self.x_t, self.x0, self.status],
                trigger_mode="always_last",
                **gradio_compat.AT_ONCE,
            )
        if self.priced is None:
            self.priced = [name for name in self.controls if name not in self.read]
        watched = [self.controls[name] for name in self.priced]
        if watched:
            gradio_compat.on_change(watched, self._cost_of, watched, self.cost)

    def handed_over(self, trigger: Callable) -> Callable:
        """A trigger like button.click -> the one that comes after it, when what is drawn is handed over."""
        for pad in self.pads:
            trigger = pad.before(trigger)
        return trigger

    def begins_on(self) -> list[Callable]:
        """What begins a run. One event for all: the page looks through its events for each of its parts."""
        return [self.run_button.click]

    # what happens

    def recipe(self, values) -> Recipe:
        """The recipe of the values of controls and `also`. RecipeError with a sentence."""
        more, clean = iter(values[len(self.controls) :]), {}
        for name, value in zip(self.controls, values):
            further = [_taken(each, next(more), value) for each in self.also.get(name, ())]
            clean[name] = self.read.get(name, _same)(value, *further)
        return Recipe.of(self.technique, **clean)

    def updates(self, recipe: Recipe) -> dict:
        """What the controls and inner tabs become, to show a recipe."""
        fields = {field.name: field for field in SCHEMAS[self.technique]}
        changes = {}
        for name, component in self.controls.items():
            shown = self.show.get(name) or (lambda value, f=fields[name]: form.shown_value(f, value))
            changes[component] = shown(recipe[name])
        if self.inside:
            changes[self.inside[0]] = gr.update(selected=self.inside[1])
        return changes

    def _run(self, request: gr.Request, *values):
        mine, owner = self._visit_of(request, values[len(values) - bool(self.page.key) :])
        try:
            recipe = self.recipe(values)
        except Exception as error:
            yield {self.status: messages.ended_by(error), **self._idle()}
            return
        yield from self._developed(recipe, mine, owner, request)

    def _developed(self, recipe: Recipe, mine: visit.Visit, owner: str, request: gr.Request):
        """A new run, and what the page shows of it."""
        made = self.page.start(mine, recipe, lambda stop: self.studio.run(recipe, owner, stop))
        yield from self._watched(made, mine, owner, request)

    def _visit_of(self, request: gr.Request, key: Sequence[str]) -> tuple[visit.Visit, str]:
        """The visit that an event comes from, and the name that the engine knows it by."""
        named = (key[0] if key else None, request.session_hash)
        return self.page.visit(*named), self.page.owner(*named)

    def shown_again(self, entry: visit.Entry, mine: visit.Visit, owner: str, request: gr.Request):
        """A run of this visit, on the page once more: what is new of it, its picture, or how it ended."""
        made, result = self.page.developments.get(entry.id), self.shelf.get(entry.id)
        if made:
            yield from self._watched(made, mine, owner, request)
        elif result:
            yield self._finished(result, request, entry.id) | self._gallery(mine)
        else:
            yield {self.status: messages.status(entry.wrong or messages.NOT_KEPT), **self._idle()}

    def _watched(self, made: Development, mine: visit.Visit, owner: str, request: gr.Request):
        """What the page shows of a run, from now on; nothing more once another has taken its place."""
        yield {
            self.status: messages.status("Starting…", 0.0),
            self.stop_button: gradio_compat.STOPS,
            **self._gallery(mine),
        }
        try:
            for changes in self._news_of(made, owner, request):
                if mine.latest(self.technique).id != made.id:
                    return
                more = self._gallery(mine) if self.run_id in changes else {}
                yield {self.stop_button: gradio_compat.STOPS} | changes | more
        except Exception as error:
            if mine.latest(self.technique).id == made.id:
                yield {self.status: messages.ended_by(error), **self._idle(), **self._gallery(mine)}

    def _news_of(self, made: Development, owner: str, request: gr.Request):
        last, engine = 0.0, self.studio.engine
        for event in made.news.watched(seconds=1.0):
            if isinstance(event, Result):
                yield self._finished(event, request, made.id)
            elif event is None:  # a sign of life, without which Gradio would not notice that a page has gone
                place = engine.place_of(owner) if made.news.newest is None else 0
                yield {self.status: messages.in_line(place) if place else gr.skip()}
            elif time.monotonic() - last >= messages.preview_seconds(engine.running):
                last = time.monotonic()
                yield self._live(event) if hasattr(self, "x_t") else {self.status: messages.status_of(event)}

    def _idle(self) -> dict:
        return {self.stop_button: gr.update(interactive=False)}

    def _gallery(self, mine: visit.Visit) -> dict:
        return {self.page.gallery: mine.gallery()} if self.page.gallery else {}

    def _stop(self, request: gr.Request, *key: str):
        """For the button's click: the status line. It is the run that says it was stopped: a word from here
        might come later than that one."""
        stopping = self.page.stop(self._visit_of(request, key)[0], self.technique)
        return gr.skip() if stopping else messages.status("Nothing is running.")

    def _live(self, frame: Frame) -> dict:
        x_t, x0 = displays.frame_grids(frame)
        changes = {self.status: messages.status_of(frame), self.x_t: x_t}
        return changes if x0 is None else changes | {self.x0: x0}

    def _finished(self, result: Result, request: gr.Request, key: str | None = None) -> dict:
        """What the page becomes with a result, which is kept under `key`."""
        picture, troubles = (self.sheet or sheet)(result), []
        name = f"darkroom-{self.technique}-{result.recipe.values.get('seed', 0)}"
        changes = self._idle() | {self.run_id: key or self.shelf.put(result)}
        changes[self.png] = _stored(export.with_recipe(picture, result.recipe), f"{name}.png", troubles)
        changes[self.link] = link_to(result.recipe, request)
        changes[self.code] = code_for(result.recipe, f"{name}.png")
        if hasattr(self, "result"):
            changes[self.result] = picture
        frames = (self.movie or movie)(result)
        if len(frames) > 1:
            changes[self.gif] = _stored(export.animated(frames), f"{name}.gif", troubles)
        if hasattr(self, "strip") and len(result.film) > 1:
            changes[self.strip] = film_strip(result)
        if hasattr(self, "scrubber") and result.film:
            end = len(result.film) - 1
            changes[self.scrubber] = gr.update(maximum=end, value=end, interactive=end > 0)
            changes[self.x_t], changes[self.x0] = self._pane_sheets(result.film[-1], result)
        changes[self.status] = messages.done(result, *troubles[:1])
        return changes | {component: show(result) for show, component in self.after}

    def _scrub(self, position: float, run_id: str):
        result = self.shelf.get(run_id)
        if result is None:
            return gr.skip(), gr.skip(), messages.status(messages.NOT_KEPT)
        kept = result.film[min(int(position), len(result.film) - 1)]
        return *self._pane_sheets(kept, result), messages.status(about(kept))

    def _pane_sheets(self, kept: Kept, result: Result):
        columns = displays.pane_columns(len(kept.x), result.columns)
        return [None if each is None else kept_sheet(each, columns) for each in (kept.x, kept.x0)]

    def _cost_of(self, *values) -> str:
        named = dict(zip(self.priced, values))
        return messages.cost_line(lambda: self.studio.cost(Recipe.of(self.technique, **named)))

    def cost_text(self) -> str:
        """The cost of the settings that the page opens with: counted once the page stands, see restore.py."""
        return messages.cost_line(lambda: self.studio.cost(Recipe.of(self.technique)))


def _same(value):
    return value


def _taken(component, value, chosen):
    """The value of one of `also`: of a Pad its drawing, where that is what was chosen."""
    if isinstance(component, Pad):
        return component.drawing(value) if chosen == HERE else None
    return value


def _stored(data: bytes, name: str, troubles: list[str]) -> dict:
    """A download button's update: the file, or none if the disk is full; then the list says so."""
    try:
        return gr.update(value=gradio_compat.file_of(data, name), interactive=True)
    except gradio_compat.DiskFull as error:
        troubles.append(str(error))
        return gr.update(value=None, interactive=False)
