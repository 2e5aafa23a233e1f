"""What the tabs on text-to-image models share: the model, the controls, examples that run, and notices.

A tab in five minutes:

    TITLE, TEXT, EQUATION = "Hybrids", "Two pictures in one ...", r"\\epsilon = ..."

    def build(studio):
        model = text_page.head(studio, TITLE, TEXT, EQUATION)       # lead, equation, model: once per tab
        bench = text_page.page(
            studio, "text-hybrid", model,
            main=("prompts", "bands", ("count", "seed")),           # left column; a tuple shares a row
            further=("negative", "gamma", "steps"),                 # under "More settings"; () is all others
            examples=[("A skull of waterfalls", {"prompts": "a skull\\nwaterfalls", "seed": 3})],
        )
        with bench.right:                                           # add what you like, above or below
            mine = gr.HTML()
        bench.after += [(lambda result: "<p>...</p>", mine)]        # filled from every Result
        bench.wire()                                                # last of all

A field in neither list takes its default and is not shown; a recipe that is restored then loses it, so leave
`further` alone unless there is a reason. What page() builds: left examples, controls, cost, Run and Stop,
notices, "More settings"; right the live panes with their scrubber, the result, film strip, downloads, link,
and code. Its further arguments:

    own      name -> function that makes the control in its place, for a picture, a mask, a choice of views;
             it returns a component, or Own(component, read, also, show) where the recipe holds something else
    names    name -> {value: what people call it}, for choices
    options  name -> keywords for the widget, like {"prompt": {"lines": 3, "label": "What to draw"}}
    opens    name -> value that the page opens with, where the schema's default is not what this page is for
    middle   called with the bench between scrubber and result; panes=False, result=False leave these out
    kind     a TextBench of one's own
    hint     what the status line says before the first run
    inside   (gr.Tabs, id) if the page stands on a tab within the tab; use the technique as id

An example sets what it names, all else to its default (the model stays), and runs. Pictures laid out with
captions or heads, on the page and in the download: result=False, and pictures_here or table_here of
text_results.py as `middle`. A tab within a tab shares the model: call page() again with the same `model`.
"""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

import gradio as gr

from diffusion_core.images.grid import squarish
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.recipes.schema import Field
from diffusion_core.serving.studio import Studio
from tabs.components import displays, intro, known_words, model_picker
from tabs.components.form import Own, control_of, counts
from tabs.components.run_panel import Bench
from tabs.gradio_compat import AT_ONCE, QUIET
from tabs.session import messages

# --- the model ------------------------------------------------------------------------------------------


def head(studio: Studio, title: str, text: str, equation: str) -> gr.Dropdown:
    """A tab's head, as intro.lead makes it, and below it the model: what there is, and what runs."""
    intro.lead(title, text, equation)
    model = model_picker.model_control(studio)
    known_words.build(studio)
    return model


# --- the page of a technique ------------------------------------------------------------------------------


class TextBench(Bench):
    """A Bench with notices, with examples that run, and on which Enter in a line of text runs, too."""

    pane_columns = staticmethod(squarish)
    left: gr.Column
    right: gr.Column
    opens: Recipe

    def cost_text(self) -> str:
        return messages.cost_line(lambda: self.studio.cost(self.opens))

    def notes_here(self) -> None:
        """A place for notices: what was cut off a prompt, unknown words, another model that took over."""
        self.notes = gr.HTML("", elem_classes="notes", elem_id=f"{self.technique}-notes")

    def examples_here(self, examples: Sequence[tuple[str, dict]]) -> None:
        """A button for each (label, values); a click sets the controls, and runs."""
        self.shortcuts = []
        gr.Markdown("Try, with one click:", elem_classes="cost")
        with gr.Row(elem_classes="examples"):
            for label, values in examples:
                button = gr.Button(label, size="sm", elem_classes="example")
                self.shortcuts.append((button, values))

    def wire(self) -> None:
        """As Bench does; call it last."""
        self.after.append((lambda result: messages.notes(result.notices), self.notes))
        super().wire()
        model = [self.controls["model"]] if "model" in self.controls else []
        set_by = [each for each in self.controls.values() if each not in model]
        set_by += [self.inside[0]] if self.inside else []
        for button, values in getattr(self, "shortcuts", ()):
            tried = self._example(values)
            button.click(tried, model + self.key, set_by + self.ends[1], trigger_mode="once", **QUIET)
        lines = self._texts()
        read = ["model", *lines] if "model" in self.controls else lines
        if lines:
            blurred = [self.controls[name].blur for name in lines]
            noticed = partial(self._noticed, read), [self.controls[name] for name in read], self.notes
            gr.on(blurred, *noticed, **QUIET)

    def begins_on(self) -> list[Callable]:
        """Run, and Enter in a line of text."""
        fields = {field.name: field for field in SCHEMAS[self.technique]}
        lines = [name for name in self._texts() if getattr(fields[name], "lines", 1) == 1]  # Numbers have one
        return [*super().begins_on(), *(self.controls[name].submit for name in lines)]

    def _texts(self) -> list[str]:
        return [name for name, component in self.controls.items() if isinstance(component, gr.Textbox)]

    def live(self, *, but: Sequence[str] = ()) -> None:
        """For a technique that asks no network, after wire(): what stands in `after` follows the controls."""
        shows, places = zip(*self.after)
        changing = [component for name, component in self.controls.items() if name not in but]

        def follow(*values):
            try:
                result = self.studio.at_once(self.recipe(values))
            except messages.FRIENDLY as error:
                return [*(gr.skip() for _ in places), messages.status(str(error), wrong=True)]
            return [*(show(result) for show in shows), messages.status()]

        with contextlib.suppress(*messages.FRIENDLY):
            first = self.studio.at_once(self.opens)
            for show, place in self.after:
                place.value = show(first)
        changed = self.handed_over(partial(gr.on, [component.change for component in changing]))
        changed(follow, self.ends[0], [*places, self.status], trigger_mode="always_last", **AT_ONCE)

    def _example(self, values: dict) -> Callable:
        """What a click on an example does: it sets the controls, and runs at once."""

        def tried(request: gr.Request, *told: str):  # the model, and the visit's key
            mine = self._visit_of(request, told[len(told) - len(self.key) :])
            chosen = {"model": told[0]} if "model" in self.controls else {}
            try:
                recipe = self.opens.changed(**values | chosen)
            except messages.FRIENDLY as error:
                yield {self.status: messages.ended_by(error), **self._idle()}
                return
            changes = self.updates(recipe)
            changes.pop(self.controls.get("model"), None)
            yield changes
            yield from self._watched(self.page.start(mine, recipe), mine, request)

        return tried

    def _noticed(self, names: Sequence[str], *values) -> str:
        """What is to be known of these settings before a run. What is wrong is said by the cost line."""
        try:
            return messages.notes(self.studio.notices(self.opens.changed(**dict(zip(names, values)))))
        except messages.FRIENDLY:
            return ""


def page(
    studio: Studio,
    technique: str,
    model: gr.components.Component | None,
    *,
    main: Sequence[str | tuple[str, ...]],
    further: Sequence[str] = (),
    own: dict[str, Callable[[Field], gr.components.Component | Own]] | None = None,
    names: dict[str, dict[str, str]] | None = None,
    options: dict[str, dict] | None = None,
    opens: dict | None = None,
    examples: Sequence[tuple[str, dict]] = (),
    inside: tuple[gr.Tabs, str] | None = None,
    hint: str = "Ctrl+Enter runs, Esc stops.",
    panes: bool = True,
    middle: Callable[[TextBench], object] | None = None,
    result: bool = True,
    height: int = 420,
    kind: type[TextBench] = TextBench,
) -> TextBench:
    """A technique's page, see above. Not wired yet: add to it, then call wire()."""
    fields = {field.name: field for field in SCHEMAS[technique]}
    rows = [(name,) if isinstance(name, str) else name for name in main]
    further = [name for name in further or fields if name not in ("model", *chain(*rows))]
    bench = kind(studio, technique, {}, inside=inside)
    bench.opens = Recipe.of(technique, **opens or {})
    made: dict[str, gr.components.Component] = {} if model is None else {"model": model}

    def make(name: str) -> None:
        field = replace(fields[name], default=bench.opens[name])
        control = control_of(field, own or {}, names or {}, options or {})
        made[name] = control.component
        for part in ("read", "also", "show"):
            if what := getattr(control, part):
                getattr(bench, part)[name] = what

    with gr.Row():
        with gr.Column(scale=2, min_width=300) as bench.left:
            if examples:
                bench.examples_here(examples)
            for row in rows:
                with gr.Row() if len(row) > 1 else contextlib.nullcontext():
                    for name in row:
                        make(name)
            if further:
                with gr.Accordion("More settings", open=False, render=False) as more:
                    for name in further:
                        make(name)
            bench.controls = {name: made[name] for name in fields if name in made}
            bench.priced = [
                name for name in bench.controls if name not in bench.read and counts(fields[name])
            ]
            bench.buttons(hint)
            bench.notes_here()
            if further:
                more.render()
        with gr.Column(scale=5, min_width=320) as bench.right:
            if panes:
                bench.panes()
            if middle:
                middle(bench)
            if result:
                bench.results(height=height)
            else:
                with gr.Accordion("Film strip", open=False):
                    bench.strip = displays.final("x_t above, x0 below", 240)
                bench.keep()
    return bench
