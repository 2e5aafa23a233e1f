"""Everything around a technique's controls: cost, Run and Stop, live panes, scrubber, strip, downloads, link.

A tab makes its controls, a Bench does the rest. A run is a job of the studio (job.py): it goes on without its
page for a while, and is found again by its id, so that the scrubber and the downloads of a page can reach its
result. A page holds no more than ids.
"""

import time
from collections.abc import Callable, Sequence
from functools import partial

import gradio as gr
from PIL import Image

from diffusion_core.images import export
from diffusion_core.images.grid import in_two_rows, kept_sheet
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.recipes.schema import Field
from diffusion_core.serving.job import Job
from diffusion_core.serving.result import Frame, Kept, Result
from diffusion_core.serving.strips import film_strip, movie, sheet
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.explain import code_for
from tabs import gradio_compat
from tabs.components import form
from tabs.components.run_parts import RunParts
from tabs.components.sketchpad import HERE, Pad
from tabs.session import messages, visit


class Bench(RunParts):
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

    pane_columns = staticmethod(in_two_rows)  # (pictures, columns) -> columns of a live pane
    more_parts: Sequence[str] = ()
    """Attributes with further components that a run changes, of a Bench of one's own."""

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
        self.page = visit.page_here(studio)
        self.page.benches[technique] = self

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
        parts += ("png", "gif", "link", "code", *self.more_parts)
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

    def fields(self) -> Sequence[Field]:
        """Those of its recipes."""
        return SCHEMAS[self.technique]

    def recipe_of(self, **values) -> Recipe:
        """The recipe of these settings, others by default. RecipeError with a sentence."""
        return Recipe.of(self.technique, **values)

    def cost_of(self, recipe: Recipe) -> object:
        """What stands above Run of it."""
        return self.studio.cost(recipe)

    def recipe(self, values) -> Recipe:
        """The recipe of the values of controls and `also`. RecipeError with a sentence."""
        more, clean = iter(values[len(self.controls) :]), {}
        for name, value in zip(self.controls, values):
            further = [_taken(each, next(more), value) for each in self.also.get(name, ())]
            clean[name] = self.read.get(name, _same)(value, *further)
        return self.recipe_of(**clean)

    def updates(self, recipe: Recipe) -> dict:
        """What the controls and inner tabs become, to show a recipe."""
        fields = {field.name: field for field in self.fields()}
        changes = {}
        for name, component in self.controls.items():
            shown = self.show.get(name) or (lambda value, f=fields[name]: form.shown_value(f, value))
            changes[component] = shown(recipe[name])
        if self.inside:
            changes[self.inside[0]] = gr.update(selected=self.inside[1])
        return changes

    def _run(self, request: gr.Request, *values):
        mine = self._visit_of(request, values[len(values) - bool(self.page.key) :])
        try:
            recipe = self.recipe(values)
        except Exception as error:
            yield {self.status: messages.ended_by(error), **self._idle()}
            return
        yield from self._watched(self.page.start(mine, recipe), mine, request)

    def _visit_of(self, request: gr.Request, key: Sequence[str]) -> visit.Visit:
        """The visit that an event comes from."""
        return self.page.visit(key[0] if key else None, request.session_hash)

    def shown_again(self, job: Job, mine: visit.Visit, request: gr.Request):
        """A run of this visit, on the page once more: what is new of it, its picture, or how it ended."""
        result = job.result
        if not job.ended:
            yield from self._watched(job, mine, request)
        elif result is not None:
            yield self._finished(result, request, job.id) | self._gallery(mine)
        else:
            word = messages.word_on(job.error) if job.error else messages.NOT_KEPT
            yield {self.status: messages.status(word), **self._idle()}

    def _watched(self, job: Job, mine: visit.Visit, request: gr.Request):
        """What the page shows of a run, from now on; nothing more once another has taken its place."""
        yield {
            self.status: messages.status("Starting…", 0.0),
            self.stop_button: gradio_compat.STOPS,
            **self._gallery(mine),
        }
        try:
            for changes in self._news_of(job, request):
                if mine.latest(self.technique) is not job:
                    return
                more = self._gallery(mine) if self.run_id in changes else {}
                yield {self.stop_button: gradio_compat.STOPS} | changes | more
        except Exception as error:
            if mine.latest(self.technique) is job:
                yield {self.status: messages.ended_by(error), **self._idle(), **self._gallery(mine)}

    def _news_of(self, job: Job, request: gr.Request):
        last = 0.0
        for event in job.watch(seconds=1.0):
            if event is None:  # a sign of life, without which Gradio would not notice that a page has gone
                yield {self.status: messages.in_line(job.place) if job.place else gr.skip()}
            elif isinstance(event, Result):
                yield self._finished(event, request, job.id)
            elif time.monotonic() - last >= messages.preview_seconds(self.studio.engine.running):
                last = time.monotonic()
                yield self._live(event, job)
        if job.result is None:
            yield {self.status: messages.status(messages.NOT_KEPT), **self._idle()}

    def _idle(self) -> dict:
        return {self.stop_button: gr.update(interactive=False)}

    def _gallery(self, mine: visit.Visit) -> dict:
        return {self.page.gallery: mine.gallery()} if self.page.gallery else {}

    def _stop(self, request: gr.Request, *key: str):
        """For the button's click: the status line. It is the run that says it was stopped: a word from here
        might come later than that one."""
        stopping = self.page.stop(self._visit_of(request, key), self.technique)
        return gr.skip() if stopping else messages.status("Nothing is running.")

    def _live(self, frame: Frame, job: Job) -> dict:
        changes = {self.status: messages.status_of(frame)}
        if hasattr(self, "x_t"):
            x_t, x0 = frame.sheets(self.pane_columns(len(frame.x), frame.columns))
            changes |= {self.x_t: x_t} if x0 is None else {self.x_t: x_t, self.x0: x0}
        if hasattr(self, "notes"):
            changes[self.notes] = messages.notes(frame.notices)
        return changes

    def _finished(self, result: Result, request: gr.Request, key: str) -> dict:
        """What the page becomes with the result of the job `key`."""
        troubles: list[str] = []
        changes = self._idle() | {self.run_id: key}
        if hasattr(self, "png"):
            changes |= self._downloads(result, request, troubles)
        if hasattr(self, "strip") and len(result.film) > 1:
            changes[self.strip] = film_strip(result)
        if hasattr(self, "scrubber") and result.film:
            end = len(result.film) - 1
            changes[self.scrubber] = gr.update(maximum=end, value=end, interactive=end > 0)
            changes[self.x_t], changes[self.x0] = self._pane_sheets(result.film[-1], result)
        changes[self.status] = messages.done(result, *troubles[:1])
        return changes | {component: show(result) for show, component in self.after}

    def _downloads(self, result: Result, request: gr.Request, troubles: list[str]) -> dict:
        """The picture, its files, its link and its code; what could not be stored is put into troubles."""
        picture = (self.sheet or sheet)(result)
        name = f"darkroom-{self.technique}-{result.recipe.values.get('seed', 0)}"
        png = export.with_recipe(picture, result.recipe)
        changes = {
            self.png: gradio_compat.stored(png, f"{name}.png", troubles),
            self.link: messages.link_to(result.recipe, request),
            self.code: code_for(result.recipe, f"{name}.png"),
        }
        if hasattr(self, "result"):
            changes[self.result] = picture
        frames = (self.movie or movie)(result)
        if len(frames) > 1:
            changes[self.gif] = gradio_compat.stored(export.animated(frames), f"{name}.gif", troubles)
        return changes

    def result_of(self, run_id: str) -> Result | None:
        """The result that a page shows, None if it is no longer kept."""
        job = self.studio.jobs.get(run_id)
        return job and job.result

    def _scrub(self, position: float, run_id: str):
        result = self.result_of(run_id)
        if result is None:
            return gr.skip(), gr.skip(), messages.status(messages.NOT_KEPT)
        kept = result.film[min(int(position), len(result.film) - 1)]
        return *self._pane_sheets(kept, result), messages.status(messages.about(kept))

    def _pane_sheets(self, kept: Kept, result: Result):
        columns = self.pane_columns(len(kept.x), result.columns)
        return [None if each is None else kept_sheet(each, columns) for each in (kept.x, kept.x0)]

    def _cost_of(self, *values) -> str:
        named = dict(zip(self.priced, values))
        return messages.cost_line(lambda: self.cost_of(self.recipe_of(**named)))

    def cost_text(self) -> str:
        """The cost of the settings that the page opens with: counted once the page stands, see restore.py."""
        return messages.cost_line(lambda: self.cost_of(self.recipe_of()))


def _same(value):
    return value


def _taken(component, value, chosen):
    """The value of one of `also`: of a Pad its drawing, where that is what was chosen."""
    if isinstance(component, Pad):
        return component.drawing(value) if chosen == HERE else None
    return value
