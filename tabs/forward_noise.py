"""Forward noise: what the networks learn to undo. x_t of any picture, live while t moves."""

import gradio as gr
from PIL import Image

from diffusion_core.images import convert
from diffusion_core.images.examples import EXAMPLES
from diffusion_core.images.grid import captioned
from diffusion_core.levels import schedule
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS, field_of
from diffusion_core.serving.result import Result
from diffusion_core.serving.studio import Studio
from tabs import gradio_compat
from tabs.components import curves, figures, form, intro
from tabs.components.pictures import Chooser, square
from tabs.components.run_panel import Bench
from tabs.session import messages

TECHNIQUE = "forward-noise"
TITLE = "Forward noise"
TEXT = (
    "Everything starts with destroying pictures: mix a picture with more and more noise, and train a network "
    "to undo it. The mixture at time t needs no steps: it is one sum. Move t, and watch large shapes outlive "
    "details: noise drowns what is weak first."
)
EQUATION = (
    r"\begin{gathered} x_t = \sqrt{\bar\alpha_t}\; x_0 + \sqrt{1-\bar\alpha_t}\; \epsilon \\"
    r"\epsilon \sim \mathcal{N}(0, I) \end{gathered}"
)
DIGITS = ("Digit 3", "Digit 8")
MOVIE_FRAMES = 36
SCHEDULES = {"if-cosine": "IF cosine", "ddpm-linear": "DDPM linear", "rectified": "rectified flow"}


def build(studio: Studio) -> None:
    """The tab's page; call it inside its gr.Tab."""
    intro.lead(TITLE, TEXT, EQUATION)
    live = Live(studio)
    first = live.first()
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            chooser = Chooser(studio, _field("picture"), [*EXAMPLES, *DIGITS], square)
            kind = form.control(_field("schedule"), names=SCHEDULES)
            scaled = form.control(_field("form"))
            seed = form.control(_field("seed"))
            strip = form.control(_field("strip"), info="up to twelve, commas between")
        with gr.Column(scale=5, min_width=320, elem_classes="first-on-phone"):
            t = form.control(_field("t"))
            with gr.Row():
                with gr.Column(min_width=300):
                    picture = gr.HTML(first[0], elem_id=f"{TECHNIQUE}-xt")
                with gr.Column(min_width=300):
                    plot = gr.HTML(first[1], elem_id=f"{TECHNIQUE}-plot")
            row = gr.HTML(first[2], elem_id=f"{TECHNIQUE}-strip-pictures")
    with gr.Row():
        with gr.Column(scale=2, min_width=300):
            controls = {"picture": chooser.value, "schedule": kind, "t": t, "form": scaled}
            controls |= {"strip": strip, "seed": seed}
            bench = Bench(studio, TECHNIQUE, controls, priced=())
            bench.buttons("All above is live. Run makes the PNG, the GIF and the link.")
        with gr.Column(scale=5, min_width=320):
            bench.keep()
    bench.sheet, bench.movie = sheet, live.movie
    bench.wire()
    inputs = list(controls.values())
    others = [control for control in inputs if control is not t]
    gradio_compat.on_change([t], live.moved, inputs, [picture, plot])
    gradio_compat.on_change(others, live.changed, inputs, [picture, plot, row])


class Live:
    """What the page shows of a recipe, at once: forward noise asks no network."""

    def __init__(self, studio: Studio):
        self.studio = studio

    def first(self) -> tuple[str, str, str]:
        """What stands there when the page opens."""
        return self.changed(*Recipe.of(TECHNIQUE).values.values())

    def moved(self, *values) -> tuple[str, str]:
        """x_t, and its place on the curves."""
        try:
            recipe = _recipe(values)
            result = self.studio.at_once(recipe.changed(strip=[recipe["t"]]))
        except messages.FRIENDLY as error:
            return messages.status(str(error), wrong=True), gr.skip()
        return _picture(result), _plot(result)

    def changed(self, *values) -> tuple[str, str, str]:
        """The same, and the strip."""
        try:
            result = self.studio.at_once(_recipe(values))
        except messages.FRIENDLY as error:
            return gr.skip(), gr.skip(), messages.status(str(error), wrong=True)
        return _picture(result), _plot(result), _strip(result)

    def movie(self, result: Result) -> list[Image.Image]:
        """x_t for t = 0..999, a frame each."""
        frames = []
        for k in range(MOVIE_FRAMES):
            t = round(999 * k / (MOVIE_FRAMES - 1))
            at_t = self.studio.at_once(result.recipe.changed(t=t, strip=[t]))
            frames.append(captioned([[convert.to_picture(at_t.pictures[0])]], above=[at_t.captions[0]]))
        return frames


def sheet(result: Result) -> Image.Image:
    """x_t and the strip in one picture, with captions: what is downloaded."""
    return captioned([[convert.to_picture(x) for x in result.pictures]], above=result.captions)


def _field(name: str):
    return field_of(TECHNIQUE, name)


def _recipe(values) -> Recipe:
    """The recipe of the controls' values, which stand in the order of the schema."""
    return Recipe.of(TECHNIQUE, **{field.name: value for field, value in zip(SCHEMAS[TECHNIQUE], values)})


def _picture(result: Result) -> str:
    caption = _said(result.captions[0])
    shown = figures.figure(convert.to_picture(result.pictures[0]), caption, f"x_t at {caption}", lossy=True)
    return figures.side_by_side([shown], "large")


def _said(caption: str) -> str:
    """A caption with a true minus sign, and infinity where nothing is noise."""
    return caption.replace("-", "−").replace("inf", "∞")


def _strip(result: Result) -> str:
    return figures.side_by_side(
        [
            figures.figure(convert.to_picture(x), caption, f"x_t at {caption}", lossy=True)
            for x, caption in zip(result.pictures[1:], map(_said, result.captions[1:]))
        ],
        "strip",
    )


def _plot(result: Result) -> str:
    """The curves, the numbers of x_t and its histogram."""
    recipe, x_t = result.recipe, result.pictures[0]
    scaled = recipe["form"] == "scaled"
    level = schedule(recipe["schedule"])[recipe["t"]]
    picture, noise = curves.factors(level, scaled)
    of_picture, of_noise = curves.legend(recipe["schedule"], scaled)
    std = float(x_t.std())
    tiles = (
        ("picture", f"picture × {of_picture}", curves.number(picture)),
        ("noise", f"noise × {of_noise}", curves.number(noise)),
        ("", "signal to noise", _said(f"{level.snr_db:+.1f} dB")),
        ("", "spread of xₜ (std)", curves.number(std)),
    )
    numbers = "".join(f'<div class="{kind}"><dt>{dt}</dt><dd>{dd}</dd></div>' for kind, dt, dd in tiles)
    why = (
        "Scaled, the values keep about the same spread at every t: one network can read them all."
        if scaled
        else "Only added to, the values run away: as noisy as the scaled xₜ, but in ever larger numbers."
    )
    return (
        curves.schedule_curves(recipe["schedule"], recipe["t"], scaled)
        + f'<dl class="numbers">{numbers}</dl>{curves.histogram(x_t)}<p class="why">{why}</p>'
    )
