"""MNIST denoiser: one step from noisy to clean, by a network that was trained at a single noise level."""

from functools import partial

import gradio as gr
import torch
from PIL import Image

from diffusion_core.images import convert
from diffusion_core.images.grid import captioned
from diffusion_core.recipes.recipe import SCHEMAS, field_of
from diffusion_core.serving.result import Result
from diffusion_core.serving.studio import Studio
from mnist_models import digits, examples, zoo
from mnist_models.objectives import DENOISER_SIGMA
from mnist_models.techniques import SIGMAS
from tabs.components import figures, form, intro
from tabs.components.picture_source import Source
from tabs.components.run_panel import Bench
from tabs.components.sketchpad import sketchpad
from tabs.session import messages

TITLE = "MNIST denoiser"
TEXT = (
    "The smallest denoiser: a UNet sees a digit under noise and answers with the digit, in one step. It was "
    f"trained at sigma = {DENOISER_SIGMA:g} and at no other. Give it less noise or more, a digit of your "
    "own, or nothing but noise."
)
EQUATION = (
    r"\begin{gathered} z = x + \sigma\,\epsilon \\"
    r"L = \mathbb{E}_{x,\epsilon}\,\lVert D_\theta(z) - x \rVert^2, \quad \sigma = 0.5 \end{gathered}"
)
PURE_TEXT = (
    "**No digit at all, only noise.** Where nothing can be known, the best answer is the same for every "
    "noise: the one with the smallest expected squared error, which is the mean of all digits, "
    r"$\arg\min_y \mathbb{E}\,\lVert y - x \rVert^2 = \mathbb{E}[x]$. "
    "So blur is what a network answers when it does not know."
)
SIGMA_NAMES = [f"σ = {sigma:g}" for sigma in SIGMAS]
INK = gr.Brush(default_size=15, colors=["#000000"], color_mode="fixed")  # black on white, as on paper
NO_DIGIT = "There is no digit in this picture yet. Draw one, or choose an example."
BIG, SMALL = 8, 3  # screen pixels per pixel, in what is downloaded
MOVIE_FRAMES = 32


def build(studio: Studio) -> None:
    """The tab's page; call it inside its gr.Tab."""
    intro.lead(TITLE, TEXT, EQUATION)
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        with gr.Tab("Take away noise", id="mnist-denoise"):
            _denoise_page(studio, tabs)
        with gr.Tab("Pure noise in", id="mnist-pure-noise"):
            gr.Markdown(PURE_TEXT, elem_classes="lead", latex_delimiters=intro.LATEX)
            _pure_noise_page(studio, tabs)


# Take away noise


def _denoise_page(studio: Studio, tabs: gr.Tabs) -> None:
    technique = "mnist-denoise"
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            source = Source(
                studio,
                technique,
                [f"Digit {k}" for k in range(10)],
                digits.as_digit,
                partial(sketchpad, f"{technique}-sketch", "Your digit", "a picture of a digit", INK),
                heads=("Choose a digit", "Draw one"),
                nothing=NO_DIGIT,
                columns=5,
                label=f"Digits, {examples.DRAWN_BY}",
                upload_label="or a picture of a digit",
            )
            sigma = form.control(field_of(technique, "sigma"))
            seed = form.control(field_of(technique, "seed"))
            bench = Bench(
                studio,
                technique,
                {"picture": source.value, "sigma": sigma, "seed": seed},
                read={"picture": source.read},
                also={"picture": [source.pad]},
                priced=(),
                inside=(tabs, technique),
            )
            bench.buttons()
        with gr.Column(scale=5, min_width=320):
            pair = gr.HTML(figures.empty(["noisy", "denoised"]), elem_id=f"{technique}-pair")
            waiting = figures.table([[None] * 3] * len(SIGMAS), SIGMA_NAMES, ("noisy", *snapshots()))
            rows = gr.HTML(waiting, elem_id=f"{technique}-rows")
            bench.keep()
    bench.after += [(_pair, pair), (_rows, rows)]
    bench.sheet, bench.movie = _denoised_sheet, _denoised_movie
    bench.wire()


def snapshots() -> tuple[str, str]:
    """What the early and the last snapshot of the denoiser are called, by their epochs."""
    kept = zoo.snapshots("denoiser") or ["?"]
    return tuple(f"after epoch {epoch}" for epoch in (kept[0], kept[-1]))


def _rows_of(result: Result) -> list[list[Image.Image]]:
    """Noisy, early and last: in each the sigma asked for, then SIGMAS."""
    noisy, early, last = result.pictures.split(len(SIGMAS) + 1)
    sigmas = (result.recipe["sigma"], *SIGMAS)
    return [
        [convert.to_picture(x, *convert.noisy_range(0.0, 1.0, sigma)) for x, sigma in zip(noisy, sigmas)],
        *([convert.to_picture(x, 0.0, 1.0) for x in row] for row in (early, last)),
    ]


def _pair(result: Result) -> str:
    """Noisy and denoised, large, with what is still wrong: the RMS difference to the clean digit."""
    (noisy, *_), _, (last, *_) = _rows_of(result)
    clean = result.pictures[1]  # sigma = 0
    before, after = (_rms(result.pictures[k] - clean) for k in (0, 2 * (len(SIGMAS) + 1)))
    sigma = result.recipe["sigma"]
    return figures.side_by_side(
        [
            figures.figure(noisy, f"noisy, σ = {sigma:g}", note=f"RMS error {before:.3f}"),
            figures.figure(last, f"denoised, {snapshots()[1]}", note=f"RMS error {after:.3f}"),
        ]
    )


def _rows(result: Result) -> str:
    columns = list(zip(*_rows_of(result)))[1:]
    return figures.table(columns, SIGMA_NAMES, ("noisy", *snapshots()))


def _denoised_sheet(result: Result) -> Image.Image:
    sigmas = (result.recipe["sigma"], *SIGMAS)
    rows = [[_zoomed(picture, SMALL) for picture in row] for row in _rows_of(result)]
    return captioned(rows, [f"sigma {sigma:g}" for sigma in sigmas], ("noisy", *snapshots()))


def _denoised_movie(result: Result) -> list[Image.Image]:
    """A frame per sigma: noisy, early, last side by side."""
    frames = []
    for sigma, column in zip(SIGMAS, list(zip(*_rows_of(result)))[1:]):
        pictures = [_zoomed(picture, BIG) for picture in column]
        frames.append(captioned([pictures], (f"sigma {sigma:g}", *snapshots())))
    return frames


# Pure noise in


def _pure_noise_page(studio: Studio, tabs: gr.Tabs) -> None:
    technique = "mnist-pure-noise"
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            names = dict(zip(("early", "last"), snapshots()))
            controls = {field.name: form.control(field, names=names) for field in SCHEMAS[technique]}
            bench = Bench(studio, technique, controls, inside=(tabs, technique))
            bench.buttons()
        with gr.Column(scale=5, min_width=320):
            waiting = figures.empty(["average of the answers", "mean of the training digits"])
            means = gr.HTML(waiting, elem_id=f"{technique}-means")
            draws = gr.HTML(elem_id=f"{technique}-draws")
            bench.keep()
    bench.after += [(_means, means), (_draws, draws)]
    bench.sheet, bench.movie = _means_sheet, _means_movie
    bench.wire()


def _means(result: Result) -> str:
    """The average of what came out, beside the mean of the training digits, and how far they are apart."""
    average = result.pictures.mean(0)
    shown = [figures.figure(_grey(average), f"average of {len(result.pictures)} answers", "to pure noise")]
    try:
        mean = examples.mean()
    except zoo.CheckpointError as error:
        return figures.side_by_side(shown) + messages.status(str(error), wrong=True)
    shown.append(figures.figure(_grey(mean.picture), f"mean of {mean.count:,} training digits"))
    apart, each = _rms(average - mean.picture), _rms(result.pictures - mean.picture)
    text = (
        f"They differ by <b>{apart:.3f}</b> (root mean square per pixel, ink is 1). A single answer is "
        f"{each:.3f} from the mean; a real digit {mean.rms:.3f}; an empty page {_rms(mean.picture):.3f}. "
        f"This network was trained at sigma = {DENOISER_SIGMA:g}, where there was always a digit to find, so "
        "in pure noise it still finds strokes; one trained on pure noise comes ever closer to the mean."
    )
    return figures.side_by_side(shown) + f'<p class="why">{text}</p>'


def _draws(result: Result) -> str:
    sheet = result.grid(SMALL)
    caption = f"{len(result.pictures)} answers to {len(result.pictures)} draws of noise"
    return figures.side_by_side([figures.figure(sheet, caption)], "whole")


def _means_sheet(result: Result) -> Image.Image:
    pictures = [_zoomed(_grey(result.pictures.mean(0)), BIG)]
    captions = ["average"]
    try:
        pictures.append(_zoomed(_grey(examples.mean().picture), BIG))
        captions.append("mean of the data")
    except zoo.CheckpointError:
        pass
    return captioned([[*pictures, result.grid(SMALL)]], [*captions, "answers to pure noise"])


def _means_movie(result: Result) -> list[Image.Image]:
    """The average as one answer after the other joins it."""
    count = len(result.pictures)
    averages = result.pictures.cumsum(0) / torch.arange(1, count + 1).view(-1, 1, 1, 1)
    frames = min(MOVIE_FRAMES, count)
    chosen = [round(k * (count - 1) / max(1, frames - 1)) for k in range(frames)]
    return [captioned([[_zoomed(_grey(averages[k]), BIG)]], [f"average of {k + 1}"]) for k in chosen]


def _grey(x: torch.Tensor) -> Image.Image:
    return convert.to_picture(x, 0.0, 1.0)


def _zoomed(picture: Image.Image, zoom: int) -> Image.Image:
    return picture.resize((picture.width * zoom, picture.height * zoom), Image.Resampling.NEAREST)


def _rms(x: torch.Tensor) -> float:
    return float(x.float().square().mean().sqrt())
