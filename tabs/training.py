"""Training: what a network learns, how its loss fell, what it drew early and late, and one's own run."""

import contextlib
import html
import time
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

import gradio as gr
import pandas as pd

from diffusion_core.images import convert, grid
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import field_of
from diffusion_core.serving.result import Cost, Frame, Result
from diffusion_core.serving.run import Stop
from diffusion_core.serving.studio import Studio
from mnist_models import history, zoo
from mnist_models.workshop import Workshop
from tabs import gradio_compat, static
from tabs.components import figures, form, intro, training_live
from tabs.session import messages

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
SNAPSHOTS = ("early", "last")
PLOT_SECONDS = 0.15  # a plot that gets points and axes at once would draw its old points on the new axes
COMPARED = ("model", "conditioning", "gamma", "steps", "seed")


def build(studio: Studio, root: Path = zoo.FOLDER) -> None:
    """The tab's page; call it inside its gr.Tab. root: the folder of the shipped models."""
    intro.lead(TITLE, TEXT, EQUATION)
    with gr.Tabs(overflow_behavior="wrap"):
        with gr.Tab("Train here"):
            training_live.page(Workshop())
        with gr.Tab("Curves"):
            _curves_page(root)
        with gr.Tab("Snapshots"):
            _both_page(studio, root)
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


def _both_page(studio: Studio, root: Path) -> None:
    gr.Markdown(BOTH_TEXT, elem_classes="lead")
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            controls = {name: form.control(field_of("mnist-sample", name)) for name in COMPARED}
            first = Recipe.of("mnist-sample")
            cost = gr.Markdown(messages.cost_line(lambda: cost_of_both(studio, first)), elem_classes="cost")
            with gr.Row():
                run_button = gr.Button("Run", variant="primary", min_width=120, elem_classes="run-button")
                stop_button = gr.Button("Stop", min_width=120, interactive=False, elem_classes="stop-button")
            status = gr.HTML(messages.status("Ctrl+Enter runs, Esc stops."), elem_classes="status")
        with gr.Column(scale=5, min_width=320):
            pictures = gr.HTML(side_by_side([None, None], first, root), elem_id="snapshots")
    inputs = list(controls.values())

    stops = messages.Stops()

    def recipe_of(values) -> Recipe:
        return Recipe.of("mnist-sample", digits="0-9", **dict(zip(controls, values)))

    def cost_of(*values) -> str:
        return messages.cost_line(lambda: cost_of_both(studio, recipe_of(values)))

    def run(request: gr.Request, *values):
        with stops.running(request.session_hash) as stop:
            try:
                yield [messages.status("Starting…", 0.0), gradio_compat.STOPS, gr.skip()]
                yield from developing(recipe_of(values), request.session_hash, stop)
            except Exception as error:
                yield [messages.ended_by(error), gr.update(interactive=False), gr.skip()]

    def developing(recipe: Recipe, owner: str, stop: Stop):
        last = 0.0
        for events in both(studio, recipe, owner, stop):
            ended = all(isinstance(event, Result) for event in events)
            if not ended and time.monotonic() - last < messages.PREVIEW_SECONDS:
                continue
            last = time.monotonic()
            running = [event for event in events if isinstance(event, Frame)]
            line = messages.status_of(running[-1]) if running else messages.done(events[-1])
            yield [line, gr.update(interactive=not ended), side_by_side(events, recipe, root)]

    run_button.click(run, inputs, [status, stop_button, pictures], trigger_mode="once", **gradio_compat.QUIET)
    stop_button.click(stops.press, None, status, **gradio_compat.AT_ONCE)
    gradio_compat.on_change(inputs, cost_of, inputs, cost)


def both(studio: Studio, recipe: Recipe, owner: str, stop: Stop) -> Iterator[list[Frame | Result]]:
    """One recipe on the early and on the last weights, side by side: the newest event of each."""
    runs = [studio.run(recipe.changed(snapshot=snapshot), owner, stop) for snapshot in SNAPSHOTS]
    with contextlib.ExitStack() as stack:
        for each in runs:
            stack.enter_context(contextlib.closing(each))
        newest: list[Frame | Result | None] = [None, None]
        for events in zip_longest(*runs):
            newest = [new or old for new, old in zip(events, newest)]
            yield newest


def cost_of_both(studio: Studio, recipe: Recipe) -> Cost:
    """Both snapshots together; they are walked side by side, so the steps are those of one."""
    costs = [studio.cost(recipe.changed(snapshot=snapshot)) for snapshot in SNAPSHOTS]
    seconds = None if any(cost.seconds is None for cost in costs) else sum(cost.seconds for cost in costs)
    return Cost(costs[0].calls, sum(cost.rows for cost in costs), seconds)


def side_by_side(events: list[Frame | Result | None], recipe: Recipe, root: Path) -> str:
    """Ten digits of each snapshot, in two rows of five; frames of that size where there is nothing yet."""
    shown = []
    for snapshot, event in zip(SNAPSHOTS, events):
        if event is None:
            caption = html.escape(caption_of(snapshot, recipe, root))
            waiting = '<div class="waiting ten">Press Run.</div>'
            shown.append(f"<figure>{waiting}<figcaption>{caption}</figcaption></figure>")
            continue
        x, ends = getattr(event, "pictures", None), (0.0, 1.0)
        if isinstance(event, Frame):
            x, ends = event.x, convert.noisy_range(0.0, 1.0, event.level.sigma)
        sheet = grid.grid(x, 5, *ends, zoom=4)
        shown.append(
            figures.figure(sheet, caption_of(snapshot, recipe, root), lossy=isinstance(event, Frame))
        )
    return figures.side_by_side(shown, "whole")


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
