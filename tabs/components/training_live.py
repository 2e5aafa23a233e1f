"""Train it here: the controls of a short run, its loss and its drawings as they come."""

import time
from collections.abc import Sequence

import gradio as gr
import pandas as pd

from diffusion_core.images import convert, export, grid
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.schema import Choice, Field, Number
from diffusion_core.serving import result
from diffusion_core.serving.job import Job
from diffusion_core.serving.studio import Studio
from mnist_models import data, live
from mnist_models.history import smoothed
from mnist_models.workshop import Trained, Workshop
from tabs import static
from tabs.components import form
from tabs.components.run_panel import Bench
from tabs.session import messages

TEXT = (
    "**Watch a network learn.** Each step takes a batch of digits, adds noise, and pushes the weights a "
    "little towards the right answer. The rows below are drawn by the same model, from the same noise, after "
    "twice as many steps each time."
)
FORMULA = (
    "There is no MNIST on this machine, so the digits are drawn by formula: simpler and more alike than "
    "handwriting. To train on MNIST too, set `$MNIST_DIR` to a folder with its four files."
)
FURTHER = ("batch", "lr", "seed")  # behind "More settings"
POINTS = 120  # on a curve; more would not be seen
COLOURS = {"one batch": "#d6d3d1", "running mean": "#d96a12"}


class TrainingBench(Bench):
    """The Bench of a training: its settings, its loss and its drawings as they come."""

    more_parts = ("plot", "drawings", "cost")

    def __init__(self, studio: Studio, workshop: Workshop, controls: dict, inside: tuple[gr.Tabs, str]):
        super().__init__(studio, live.TRAINING, controls, inside=inside)
        self.workshop = workshop

    def fields(self) -> Sequence[Field]:
        return live.FIELDS

    def recipe_of(self, **values) -> Recipe:
        return live.Settings.of(**values).recipe

    def cost_of(self, recipe: Recipe) -> str:
        return self.workshop.cost(settings_of(recipe))

    def curves(self) -> None:
        """The plot of the loss, and the drawings."""
        settings = live.Settings.of()
        self.plot = gr.LinePlot(
            loss_points(live.Progress(0, settings.steps, (), 0.0, ())),
            "step",
            "loss",
            color="curve",
            color_map=COLOURS,
            x_title="step",
            y_title="loss: mean squared error",
            x_lim=[0, settings.steps],
            y_lim=[0, 1],
            height=280,
            elem_id="live-loss",
        )
        self.drawings = gr.HTML(
            rows_of(settings, ()), css_template=static.text("rows.css"), elem_id="live-drawings"
        )

    def _news_of(self, job: Job, request: gr.Request):
        settings, shown, top, last = settings_of(job.recipe), 1, 1.0, 0.0
        yield {
            self.plot: gr.update(x_lim=[0, settings.steps], y_lim=[0, top]),
            self.drawings: rows_of(settings, [live.Drawing(0, live.start(settings))]),
        }
        for event in job.watch(seconds=1.0):
            if event is None:
                yield {self.status: gr.skip()}
            elif isinstance(event, Trained):
                time.sleep(messages.PREVIEW_SECONDS)  # new axes need a moment before they take points
                yield self._finished(event, request, job.id)
            elif time.monotonic() - last >= messages.PREVIEW_SECONDS:
                last, before, top = time.monotonic(), top, ceiling(event)
                changes = {self.status: status_of(event)}
                changes[self.plot] = loss_points(event) if top == before else gr.update(y_lim=[0, top])
                if len(event.drawings) > shown:
                    shown = len(event.drawings)
                    changes[self.drawings] = rows_of(settings, event.drawings)
                yield changes

    def _finished(self, trained: Trained, request: gr.Request, key: str) -> dict:
        return self._idle() | {
            self.run_id: key,
            self.status: ended(trained.progress),
            self.plot: loss_points(trained.progress),
            self.drawings: rows_of(settings_of(trained.recipe), trained.progress.drawings),
            self.cost: messages.cost_line(lambda: self.cost_of(trained.recipe)),
        }


def page(studio: Studio, workshop: Workshop, inside: tuple[gr.Tabs, str]) -> None:
    """The page; call it inside its gr.Tab. inside: the tabs within the tab, and the id of this one."""
    gr.Markdown(TEXT, elem_classes="lead")
    fields = {field.name: field for field in live.FIELDS}
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            controls = {name: control(field) for name, field in fields.items() if name not in FURTHER}
            bench = TrainingBench(studio, workshop, controls, inside)
            bench.buttons()
            with gr.Accordion("More settings", open=False):
                controls |= {name: control(field) for name, field in fields.items() if name in FURTHER}
        with gr.Column(scale=5, min_width=320):
            bench.curves()
    bench.wire()


def settings_of(recipe: Recipe) -> live.Settings:
    """The settings of a training, from the recipe that it is kept under."""
    return live.Settings.of(**recipe.values)


def control(field) -> gr.components.Component:
    """As everywhere, but for the step size, which no slider can set finely enough, and for absent digits."""
    if field.name == "lr" and isinstance(field, Number):
        return gr.Number(
            field.default,
            label=field.label,
            info=field.help,
            minimum=field.low,
            maximum=field.high,
            step=0.001,
        )
    if field.name == "digits" and isinstance(field, Choice) and not data.available():
        gr.Markdown(FORMULA)
        return gr.Radio([field.default], value=field.default, label=field.label)
    return form.control(field)


def window(steps: int) -> int:
    """Over how many steps the running mean of a run goes: enough against jitter, too few to lag behind."""
    return max(5, min(25, steps // 20))


def loss_points(progress: live.Progress) -> pd.DataFrame:
    """Columns step, loss, curve: single batches and their running mean, thinned to POINTS each."""
    losses = list(progress.losses)
    kept = range(len(losses) - 1, -1, -max(1, -(-len(losses) // POINTS)))[::-1]
    curves = dict(zip(COLOURS, (losses, smoothed(losses, window(progress.of)))))
    points = [(k + 1.0, values[k], name) for name, values in curves.items() for k in kept]
    points = points or [(0.0, float("nan"), name) for name in COLOURS]  # an empty plot has its legend, too
    return pd.DataFrame(points, columns=["step", "loss", "curve"]).astype({"step": float, "loss": float})


def ceiling(progress: live.Progress) -> float:
    """Where the loss axis ends: three times the lowest running mean, up to the next of ..., 0.1, 0.15, 0.2,
    0.3, 0.5, 0.7, 1, ..., so that it changes seldom. Sent in a message of its own: a plot that gets points
    and axes at once would draw its old points on the new axes."""
    means = smoothed(list(progress.losses), window(progress.of))
    wanted = 3 * min(means, default=1.0)
    tops = [factor * 10.0**power for power in range(-4, 4) for factor in (1, 1.5, 2, 3, 5, 7)]
    return next((top for top in tops if top >= wanted), tops[-1])


def status_of(progress: live.Progress) -> str:
    left = "" if progress.to_go is None else f", {result.duration(progress.to_go)} to go"
    return messages.status(
        f"Step {progress.step:,} of {progress.of:,}, {progress.seconds:.0f} s{left}",
        progress.step / progress.of,
    )


def ended(progress: live.Progress) -> str:
    """The last word: done, or out of time."""
    last = window(progress.of)
    loss = smoothed(list(progress.losses), last)[-1]
    text = f"{progress.step:,} steps in {progress.seconds:.0f} s. Loss {loss:.4f}, mean of the last {last}."
    if progress.step < progress.of:
        text = f"Time is up at {result.duration(live.SECONDS_AT_MOST)}: {text}"
    return messages.status(f"Done: {text}" if progress.step == progress.of else text, 1.0)


def rows_of(settings: live.Settings, drawings: Sequence[live.Drawing]) -> str:
    """The drawings as rows with their names; a row that is still to come keeps its place."""
    done = {drawing.step: drawing.pictures for drawing in drawings}
    cells = []
    for step in sorted({0, *live.marks(settings.steps), *done}):
        name = row_name(step, settings.objective)
        cells.append(f'<div class="name">{name}</div>')
        if step not in done:
            cells.append('<div class="later"></div>')
            continue
        sigma = 0.0 if step else live.DENOISER_SIGMA if settings.objective == "denoiser" else 1.0
        sheet = grid.grid(done[step], 10, *convert.noisy_range(0.0, 1.0, sigma), zoom=2)
        cells.append(f'<img src="{export.source(sheet)}" alt="Ten pictures: {name}">')
    return f'<div class="rows">{"".join(cells)}</div>'


def row_name(step: int, objective: str) -> str:
    if step == 0:
        return "noisy digits" if objective == "denoiser" else "the noise"
    return f"after {step:,} step{'s' * (step > 1)}"
