"""Denoise: a picture under noise, and the ways back: a blur, one step, many steps; with PSNR and SSIM."""

from collections.abc import Callable, Sequence
from functools import partial

import gradio as gr
from PIL import Image
from torch import Tensor

from diffusion_core.images import convert
from diffusion_core.images.examples import EXAMPLES
from diffusion_core.images.grid import captioned
from diffusion_core.metrics import decibels, psnr, ssim
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.schema import Number
from diffusion_core.serving.result import Result
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.denoise import ROWS
from tabs.components import figures, text_page
from tabs.components.picture_source import Source
from tabs.components.pictures import square
from tabs.components.sketchpad import sketchpad
from tabs.components.text_results import pictures_of, seeds, table_here

TITLE = "Denoise"
TEXT = (
    "A photo under noise, and three ways back. **Blur** it: neighbours agree, noise does not, but details "
    "go with the noise. **Ask once**: the network answers with the mean of all pictures it could have been. "
    "**Ask step by step**: take away a little, look again, and let one picture out of many come true."
)
EQUATION = (
    r"\begin{gathered} x_t = \sqrt{\bar\alpha_t}\,x_0 + \sqrt{1-\bar\alpha_t}\,\epsilon \\"
    r"\hat x_0 = \frac{x_t - \sqrt{1-\bar\alpha_t}\;\epsilon_\theta(x_t, t)}{\sqrt{\bar\alpha_t}}"
    r"\end{gathered}"
)
MEASURES = (
    "Under each picture: how close it is to the clean one. **PSNR** counts squared errors, in decibels; "
    "**SSIM** compares small neighbourhoods, 1 is the same. The best of each column is bold. Both love what "
    "is blurred: a picture that is sharp, but not that of the photo, scores low."
)
BLUR_TEXT = (
    "**Denoising without a network.** Move sigma: too little leaves the noise, too much takes the picture. "
    "Which sigma scores best at each t?"
)
STEP_TEXT = (
    "**From noisy to clean, every fifth stop.** Start later and more of the photo is kept; start at 0, and "
    "it is all made up."
)
OPTIONS = {
    "prompt": {"info": "what the network is told that the picture shows"},
    "steps": {"label": "Steps", "info": 'a number, or like "stride 30"'},
    "seed": {"info": "what the noise is"},
}
SIDE_EXAMPLES = (
    ("The apple", {"picture": "example:Apple", "prompt": "a red apple"}),
    ("The rocket", {"picture": "example:Rocket", "prompt": "a rocket"}),
    ("A portrait, no prompt", {"picture": "example:Portrait", "prompt": ""}),
)
STEP_EXAMPLES = (
    ("The apple, from t = 690", {"picture": "example:Apple", "prompt": "a red apple"}),
    ("The campfire, from t = 390", {"picture": "example:Campfire", "prompt": "a campfire", "start": 20}),
)


def build(studio: Studio) -> None:
    """The tab's page; call it inside its gr.Tab."""
    model = text_page.head(studio, TITLE, TEXT, EQUATION)
    pad = partial(sketchpad, "denoise-sketch", "Your sketch")
    source = Source(studio, "text-denoise", list(EXAMPLES), square, pad, wide=True, columns=6)
    with gr.Tabs(overflow_behavior="wrap") as tabs:
        with gr.Tab("Three ways", id="text-denoise"):
            gr.Markdown(MEASURES, elem_classes="lead")
            _three_ways(studio, model, source, tabs)
        with gr.Tab("Step by step", id="text-iterative"):
            gr.Markdown(STEP_TEXT, elem_classes="lead")
            _step_by_step(studio, model, source, tabs)
        with gr.Tab("Blur", id="text-blur"):
            gr.Markdown(BLUR_TEXT, elem_classes="lead")
            _blur(studio, model, source, tabs)


# --- three ways ---------------------------------------------------------------------------------------------


def _three_ways(studio: Studio, model: gr.Dropdown, source: Source, tabs: gr.Tabs) -> None:
    middle = partial(table_here, above=columns, beside=beside(ROWS), notes=partial(scores, studio))
    text_page.page(
        studio,
        "text-denoise",
        model,
        main=("picture", "prompt", "ts", "sigma", ("steps", "seed")),
        own={"picture": source.own},
        options=OPTIONS | {"ts": {"info": "how noisy; a column each"}},
        opens={"prompt": "a rocket"},
        examples=SIDE_EXAMPLES,
        inside=(tabs, "text-denoise"),
        middle=middle,
        result=False,
    ).wire()


def columns(recipe: Recipe) -> list[str]:
    return [f"t = {t}" for t in recipe["ts"]]


def beside(rows: Sequence[str]) -> Callable[[Recipe], list[str]]:
    """What stands beside each row: the way, and its seed if there are several."""
    return lambda recipe: [", ".join(filter(None, (seed, row))) for seed in seeds(recipe) for row in rows]


def clean(studio: Studio, result: Result) -> Tensor:
    """The recipe's picture at the size of the result's: [3,H,W] in [-1, 1]."""
    picture = convert.as_rgb(studio.picture(result.recipe["picture"]))
    return convert.to_tensor(convert.squared(picture, result.pictures.shape[-1]))


def scores(studio: Studio, result: Result) -> list[str]:
    """PSNR and SSIM of each picture against the clean one, as HTML; of each seed and t the best in bold."""
    x0, wide = clean(studio, result), result.columns
    values = [(psnr(x, x0), ssim(x, x0)) for x in result.pictures.clamp(-1, 1)]
    block = len(values) // result.recipe["count"]

    def word(n: int, k: int, text: str) -> str:
        first = n - n % block
        rivals = [each[k] for each in values[first + n % wide : first + block : wide]]
        return f"<b>{text}</b>" if values[n][k] == max(rivals) else text

    return [f"{word(n, 0, decibels(p))}, {word(n, 1, f'{s:.2f}')}" for n, (p, s) in enumerate(values)]


# --- step by step -------------------------------------------------------------------------------------------


def _step_by_step(studio: Studio, model: gr.Dropdown, source: Source, tabs: gr.Tabs) -> None:
    bench = text_page.page(
        studio,
        "text-iterative",
        model,
        main=("picture", "prompt", ("start", "every"), ("steps", "seed")),
        own={"picture": source.own, "start": _number, "every": _number},
        options=OPTIONS,
        opens={"prompt": "a rocket", "steps": "stride 30", "every": 5, "gamma": 1.0},
        examples=STEP_EXAMPLES,
        inside=(tabs, "text-iterative"),
        middle=partial(_strip_here, studio),
        result=False,
    )
    bench.sheet = strip_sheet
    bench.wire()


def _number(field: Number) -> gr.Number:
    """A number of steps: a slider to 999 would be too fine to set it."""
    return gr.Number(
        field.default,
        label=field.label,
        info={"start": "0 is pure noise", "every": "stops"}[field.name],
        precision=0,
        minimum=field.low,
        maximum=field.high,
        min_width=120,
    )


def _strip_here(studio: Studio, bench: text_page.TextBench) -> None:
    here = gr.HTML(figures.empty(["x_t", "...", "the end"]), elem_id="text-iterative-strip-pictures")
    bench.after.append((partial(strip, studio), here))


def strip(studio: Studio, result: Result) -> str:
    """Every k-th x_t, then the end, with PSNR and SSIM of that; and the clean picture, to compare."""
    x0, shown = clean(studio, result), result.pictures.clamp(-1, 1)
    captions = result.captions or [""] * len(shown)
    made = []
    for picture, x, caption in zip(pictures_of(result), shown, captions):
        note = f"PSNR {decibels(psnr(x, x0))}, SSIM {ssim(x, x0):.2f}"
        made.append(figures.figure(picture, caption or "the end", note=note))
    made.append(figures.figure(convert.to_picture(x0), "the clean picture"))
    return figures.side_by_side(made, "even")


def strip_sheet(result: Result) -> Image.Image:
    pictures = [each.resize((256, 256), Image.Resampling.NEAREST) for each in pictures_of(result)]
    wide = result.columns
    rows = [pictures[k : k + wide] for k in range(0, len(pictures), wide)]
    return captioned(rows, result.captions[:wide])


# --- blur, live -------------------------------------------------------------------------------------------


def _blur(studio: Studio, model: gr.Dropdown, source: Source, tabs: gr.Tabs) -> None:
    middle = partial(
        table_here, above=columns, beside=beside(("noisy", "blurred")), notes=partial(scores, studio)
    )
    bench = text_page.page(
        studio,
        "text-blur",
        model,
        main=("picture", "sigma", "ts", "seed"),
        own={"picture": source.own},
        inside=(tabs, "text-blur"),
        panes=False,
        middle=middle,
        result=False,
        hint="All here is live. Run makes the PNG, the GIF and the link.",
    )
    bench.wire()
    bench.live()
