"""Training: what a network learns, how its loss fell, what it drew early and late, and one's own run."""

import contextlib
import html
import time
from pathlib import Path

import gradio as gr
import pandas as pd

from diffusion_core.images import convert, grid
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import field_of
from diffusion_core.serving.job import Job
from diffusion_core.serving.result import Frame, Result
from diffusion_core.serving.studio import Studio
from mnist_models import history, live, zoo
from mnist_models.techniques import SNAPSHOTS
from mnist_models.workshop import Workshop
from tabs import gradio_compat, static
from tabs.components import figures, form, intro, training_live
from tabs.components.run_panel import Bench

TITLE = "Training"
TEXT = (
    "All five models learn the same way: take a digit, add noise, let the network say what it is asked for, "
    "and push its weights towards the right answer. They differ in the target y: the denoiser says the clean "
    "picture, DDPM the noise, flow matching the direction from noise to picture."
)
EQUATION = (
    r"\begin{gathered}\min_\theta\ \mathbb{E}_{x_0,\epsilon,t}\ \lVert f_\theta(x_t, t, c) - y \rVert^2 \\"
    r"y = x_0\ \text{ or }\ \epsilon\ \text{ or }\ x_0-\epsilon\end{gathered}"
)
CURVES_TEXT = (
    "Losses of one plot may be compared, for these models predict the same thing. Across plots they may not. "
    "First the loss on training digits, a point every 50 steps; then the loss on digits that were never "
    "trained on, after each epoch."
)
BOTH_TEXT = (
    "**The same noise, the same settings, two snapshots of the weights.** A loss that hardly falls any more "
    "still buys better digits."
)
COLOURS = {
    "flow-class": "#d96a12",
    "flow-time": "#0d7a6f",
    history.FIXED: "#4f6bd8",
    "ddpm-class": "#d96a12",
    "ddpm-time": "#0d7a6f",
    "denoiser": "#d96a12",
}
END, ALL = "the end, enlarged", "all of it"
SNAPSHOTS_OF = "mnist-snapshots"  # the technique
PLOT_SECONDS = 0.15  # a plot that gets points and axes at once would draw its old points on the new axes
COMPARED = ("model", "conditioning", "gamma", "steps", "seed")


def build(studio: Studio, root: Path = zoo.FOLDER) -> None:
    """The tab's page; call it inside its gr.Tab. root: the folder of the shipped models."""
    intro.lead(TITLE, TEXT, EQUATION)
    workshop = Workshop()
    workshop.serve(studio)
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        with gr.Tab("Train here", id=live.TRAINING):
            training_live.page(studio, workshop, (tabs, live.TRAINING))
        with gr.Tab("Curves"):
            _curves_page(root)
        with gr.Tab("Snapshots", id=SNAPSHOTS_OF):
            _both_page(studio, root, tabs)
        with gr.Tab("Facts"):
            gr.HTML(facts(root), css_template=static.text("facts.css"), elem_id="training-facts")


# the curves of the shipped models


def _curves_page(root: Path) -> None:
    gr.Markdown(CURVES_TEXT, elem_classes="lead")
    with gr.Row():
        group = gr.Radio(list(history.GROUPS), value="flow", label="Models that learn")
        part = gr.Radio([END, ALL], value=END, label="Show")
        window = gr.Slider(
            1, 20, 5, step=1, label="Mean of", info="points of the training loss, against jitter"
        )
    choices = [group, part, window]
    training, test, note = curves("flow", END, 5, root)
    axes = {"x": "epoch", "y": "loss", "color": "run", "color_map": COLOURS, "height": 320, "min_width": 320}
    axes |= limits(training, test, END)
    with gr.Row():
        left = gr.LinePlot(training, title="Training loss", elem_id="curve-training", **axes)
        right = gr.LinePlot(test, title="Test loss", elem_id="curve-test", **axes)
    said = gr.Markdown(note, elem_classes="lead", elem_id="curve-note")

    def drawn(group: str, part: str, window: int):
        training, test, note = curves(group, part, window, root)
        yield training, test, note
        time.sleep(PLOT_SECONDS)
        axes = limits(training, test, part)
        yield gr.update(**axes), gr.update(**axes), note

    gr.on(
        [choice.change for choice in choices],
        drawn,
        choices,
        [left, right, said],
        trigger_mode="always_last",
        **gradio_compat.QUIET,
    )


def curves(
    group: str, part: str, window: int, root: Path = zoo.FOLDER
) -> tuple[pd.DataFrame, pd.DataFrame, str]:
    """Training points, test points (columns epoch, loss, run), and what to say about them."""
    training, test, notes = [], [], []
    for name in history.GROUPS[group]:
        try:
            training += history.training_points(name, int(window), root)
            test += history.test_points(name, root)
        except zoo.CheckpointError as error:
            notes.append(str(error))
    if group == "flow":
        with contextlib.suppress(zoo.CheckpointError):  # said above, if a curve is missing
            notes.insert(0, history.fixed_rate(root))
    return frame_of(training), frame_of(test), "\n\n".join(notes)


def frame_of(points: list[history.Point]) -> pd.DataFrame:
    """The points as a plot takes them. An empty plot gets a point that is nowhere: given none, it would go
    on showing what it showed before."""
    points = points or [history.Point(0.0, float("nan"), "no curve here")]
    return pd.DataFrame(points, columns=history.Point._fields).astype({"epoch": float, "loss": float})


def limits(training: pd.DataFrame, test: pd.DataFrame, part: str) -> dict[str, list[float]]:
    """The axes, the same for both plots: losses from just under the lowest, or from 0 to the highest."""
    both = pd.concat([training, test]).dropna()
    if both.empty:
        return {"x_lim": [0.0, 1.0], "y_lim": [0.0, 1.0]}
    ends = training.groupby("run")["loss"].last()
    y = [0.0, 1.02 * both["loss"].max()] if part == ALL else [0.97 * both["loss"].min(), 1.35 * ends.max()]
    return {"x_lim": [0.0, both["epoch"].max()], "y_lim": y}


# early against last


class SnapshotsBench(Bench):
    """The Bench of two snapshots: both are shown as they come, side by side."""

    more_parts = ("pictures",)
    root: Path

    def pictures_here(self, root: Path) -> None:
        self.root = root
        waiting = side_by_side(None, self.recipe_of(), root)
        self.pictures = gr.HTML(waiting, elem_id="snapshots")
        self.after.append((lambda result: side_by_side(result, result.recipe, root), self.pictures))

    def _live(self, frame: Frame, job: Job) -> dict:
        return super()._live(frame, job) | {self.pictures: side_by_side(frame, job.recipe, self.root)}


def _both_page(studio: Studio, root: Path, tabs: gr.Tabs) -> None:
    gr.Markdown(BOTH_TEXT, elem_classes="lead")
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            controls = {name: form.control(field_of(SNAPSHOTS_OF, name)) for name in COMPARED}
            bench = SnapshotsBench(studio, SNAPSHOTS_OF, controls, inside=(tabs, SNAPSHOTS_OF))
            bench.buttons()
        with gr.Column(scale=5, min_width=320):
            bench.pictures_here(root)
    bench.wire()


def side_by_side(shown: Frame | Result | None, recipe: Recipe, root: Path) -> str:
    """Ten digits of each snapshot, in two rows of five; frames of that size where there is nothing yet."""
    figures_of = []
    for k, snapshot in enumerate(SNAPSHOTS):
        caption = caption_of(snapshot, recipe, root)
        if shown is None:
            waiting = '<div class="waiting ten">Press Run.</div>'
            figures_of.append(f"<figure>{waiting}<figcaption>{html.escape(caption)}</figcaption></figure>")
            continue
        live_now = isinstance(shown, Frame)
        x = shown.x if live_now else shown.pictures
        ends = convert.noisy_range(0.0, 1.0, shown.level.sigma) if live_now else (0.0, 1.0)
        sheet = grid.grid(x.chunk(len(SNAPSHOTS))[k], 5, *ends, zoom=4)
        figures_of.append(figures.figure(sheet, caption, lossy=live_now))
    return figures.side_by_side(figures_of, "whole")


def caption_of(snapshot: str, recipe: Recipe, root: Path) -> str:
    """ "early: flow-class after epoch 1", as far as the files tell."""
    name = f"{recipe['model']}-{recipe['conditioning']}"
    kept = zoo.snapshots(name, root)
    if not kept:
        return f"{snapshot}: {name}"
    return f"{snapshot}: {name} after epoch {kept[0] if snapshot == 'early' else kept[-1]}"


# how they were made


def facts(root: Path = zoo.FOLDER) -> str:
    """A table of the shipped models, from their model.json, and where they differ from the course."""
    names = (*zoo.MODELS, history.FIXED)
    rows, data, missing = [], set(), []
    for name in names:
        try:
            rows.append("".join(f"<td>{html.escape(cell)}</td>" for cell in history.made(name, root)))
            data.add(str(zoo.facts(name, root).get("data", "unknown")))
        except zoo.CheckpointError as error:
            missing.append(str(error))
    said = [f"Data: {html.escape(each)}." for each in sorted(data)]
    if shorter := history.shorter(names, root):
        said.append(
            f"<b>Fewer epochs than the course were run</b> for {', '.join(shorter)}. The whole recipe is one "
            "command, <code>python -m mnist_models.train flow-class</code>; on a GPU it takes minutes."
        )
    text = "".join(f"<p>{each}</p>" for each in (*said, *map(html.escape, missing)))
    head = "".join(f"<th>{column}</th>" for column in history.COLUMNS)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    table = f"<table><tr>{head}</tr>{body}</table>"
    scrolls = f'<div class="facts" role="region" aria-label="Facts" tabindex="0">{table}</div>'
    return text + scrolls if rows else text
