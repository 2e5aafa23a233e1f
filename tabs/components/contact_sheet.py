"""Contact sheets: the pictures of a run to choose from, what they score, and a viewer for the chosen one."""

import html
from collections.abc import Callable, Sequence

import gradio as gr
from PIL import Image

from diffusion_core.images import convert, export
from diffusion_core.images.grid import captioned, zoom_for
from diffusion_core.ranking import Scored, percent
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.serving.result import Result
from diffusion_core.serving.strips import sheet
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques import contact_sheet
from tabs.components import figures, intro, text_page
from tabs.components.pictures import CLICKED
from tabs.components.text_page import TextBench
from tabs.gradio_compat import QUIET
from tabs.session import messages

SCORE_TEXT = (
    "**The score.** A model that can draw can also judge. Noise the finished picture once more, and ask the "
    "model for the noise back: once with the right words, once with none. The gain is by how much the words "
    "lower its error, on average over three amounts of noise. +10% and more: it sees what you asked for; "
    "0%: the words are no help; below 0 they mislead. **An illusion is as good as its worst reading**, so "
    "that is what the pictures are ranked by. (After Li et al. 2023, *Your Diffusion Model is Secretly a "
    "Zero-Shot Classifier*.)"
)
SCORE_EQUATION = (
    r"\text{gain} = \operatorname*{mean}_{t}\left(1 - \frac{\lVert \epsilon - \epsilon_\theta(x_t, t, "
    r"\text{prompt}) \rVert^2}{\lVert \epsilon - \epsilon_\theta(x_t, t, \varnothing) \rVert^2}\right)"
)
LARGER = "Develop the chosen one at 256 pixels"
FEW, MANY = {"steps": "20"}, {"seed": 0, "count": 6}  # of an example, and of one on a sheet
FULL = 0.3  # a gain that fills its bar

View = Callable[[Result, int], str]
"""(result, number of the picture) -> the HTML of its viewer."""

Movie = Callable[[Result], list[Image.Image]]


class Picks:
    """The pictures of a bench to choose from, above a viewer of the chosen one.

    place   makes the component that shows the chosen one
    scores  are there scores, to be shown as a table too?
    """

    def __init__(self, bench: TextBench, view: View, place: Callable[[], gr.HTML], scores: bool = False):
        self.bench, self.view = bench, view
        name = bench.technique
        waiting = figures.empty([""] * 4, kind="strip") if scores else '<div class="contact"></div>'
        self.gallery = gr.HTML(waiting, js_on_load=CLICKED, elem_id=f"{name}-contact", padding=False)
        self.viewer = place()
        self.table = gr.HTML("", elem_id=f"{name}-gains", visible=scores)
        self.chosen = gr.State(0)
        bench.after += [
            (lambda result: contact(result, 0), self.gallery),
            (lambda result: view(result, 0), self.viewer),
            (lambda result: gains(result, 0), self.table),
            (lambda result: 0, self.chosen),
        ]

    def wire(self) -> None:
        """Call it when the bench is wired."""
        outputs = [self.gallery, self.viewer, self.table, self.chosen]
        self.gallery.select(self._picked, self.bench.run_id, outputs, **QUIET)

    def _picked(self, run_id: str, event: gr.EventData):
        result, index = result_of(self.bench, run_id), getattr(event, "index", None)
        if result is None or not isinstance(index, int) or not 0 <= index < len(result.pictures):
            return [gr.skip()] * 4
        return contact(result, index), self.view(result, index), gains(result, index), index


def result_of(bench: TextBench, run_id: str) -> Result | None:
    """The run that a page shows, or None and a word where it is gone."""
    result = bench.result_of(run_id)
    if result is None:
        gr.Warning(messages.NOT_KEPT)
    return result


def chosen(result: Result, index: int) -> Recipe:
    """The recipe of one picture of a sheet, enlarged. RecipeError if it cannot be."""
    caption = result.captions[index]
    if not isinstance(caption, Scored):
        raise RecipeError("This picture was withheld; choose another one.")
    return contact_sheet.alone(result.recipe, seed=caption.seed, count=1, enlarge="yes")


# --- pages ------------------------------------------------------------------------------------------------


def one_page(
    studio: Studio,
    technique: str,
    model: gr.components.Component,
    view: View,
    place: Callable[[str], gr.HTML],
    movie: Movie,
    **page,
) -> TextBench:
    """The page of one illusion: the viewer stands where other pages have the result.

    place   elem_id -> the component that shows what `view` makes
    movie   the frames of the GIF, from a result
    page    as for text_page.page
    """
    picks: list[Picks] = []

    def middle(bench: TextBench) -> None:
        picks.append(Picks(bench, view, lambda: place(f"{technique}-viewer")))

    bench = text_page.page(studio, technique, model, middle=middle, result=False, **page)
    bench.movie = movie
    bench.wire()
    picks[0].wire()
    return bench


def sheet_page(
    studio: Studio,
    technique: str,
    model: gr.components.Component,
    view: View,
    place: Callable[[str], gr.HTML],
    movie: Movie,
    one: TextBench,
    **page,
) -> TextBench:
    """The page of a contact sheet, as one_page. A button develops the chosen picture on the page of `one`."""
    made: list = []

    def middle(bench: TextBench) -> None:
        gr.Markdown("### The sheet, the best first")

        def chosen_one() -> gr.HTML:
            here = place(f"{technique}-viewer")
            made.append(gr.Button(LARGER, interactive=False, elem_id=f"{technique}-larger"))
            return here

        made.append(Picks(bench, view, chosen_one, scores=True))
        words = f"{SCORE_TEXT}\n\n$${SCORE_EQUATION}$$"
        gr.Markdown(words, latex_delimiters=intro.LATEX, elem_classes="lead")

    bench = text_page.page(studio, technique, model, middle=middle, result=False, **page)
    larger, picks = made
    bench.after.append((lambda result: gr.update(interactive=True), larger))
    bench.sheet, bench.movie = kept, movie
    bench.wire()
    picks.wire()
    _enlarging(bench, picks, one, larger)
    return bench


def two_pages(
    studio: Studio,
    model: gr.components.Component,
    viewed: tuple[View, Callable[[str], gr.HTML], Movie],
    tabs: gr.Tabs,
    techniques: tuple[str, str],
    texts: tuple[str, str],
    *,
    heads: tuple[str, str] = ("One picture", "Contact sheet"),
    main: Sequence[str],
    examples: Sequence[tuple[str, dict]],
    **page,
) -> None:
    """Two tabs within a tab: a technique's page, and below the other head its contact sheet's.

    viewed   view, place and movie, as one_page takes them
    texts    what stands above each page, or ""
    main     what both pages show first; one also asks for a seed and a size, the sheet for a count of seeds
    """
    mains = (*main, "seed", "enlarge"), (*main, "count", "seed")
    presets = FEW, FEW | MANY
    one: list[TextBench] = []
    for k, (technique, build) in enumerate(zip(techniques, (one_page, sheet_page))):
        with gr.Tab(heads[k], id=technique):
            if texts[k]:
                gr.Markdown(texts[k], latex_delimiters=intro.LATEX, elem_classes="lead")
            shown = [(label, values | presets[k]) for label, values in examples]
            more = {"main": mains[k], "examples": shown, "inside": (tabs, technique)}
            one.append(build(studio, technique, model, *viewed, *one, **more, **page))


def _enlarging(bench: TextBench, picks: Picks, one: TextBench, button: gr.Button) -> None:
    """The button opens the chosen picture on the page of `one`, at the size of stage II, and runs there."""
    controls = list(one.controls.values())

    def filled(run_id: str, index: int) -> dict:
        result = result_of(bench, run_id)
        if result is None:
            raise gr.Error(messages.NOT_KEPT, print_exception=False)
        try:
            return one.updates(chosen(result, index))
        except messages.FRIENDLY as error:
            raise gr.Error(str(error), print_exception=False) from None

    button.click(filled, [bench.run_id, picks.chosen], [one.inside[0], *controls], **QUIET).success(
        one._run, *one.ends, trigger_mode="once", **QUIET
    )


# --- as HTML ----------------------------------------------------------------------------------------------


def contact(result: Result, chosen: int) -> str:
    """The pictures as buttons, each with a bar per reading; none if there is a single one without scores."""
    captions = result.captions or [""] * len(result.pictures)
    if len(captions) == 1 and not isinstance(captions[0], Scored):
        return '<div class="contact"></div>'
    made = []
    for k, (x, caption) in enumerate(zip(result.pictures, captions)):
        source = export.source(small(convert.to_picture(x, result.low, result.high)))
        said, bars = html.escape(caption), ""
        if isinstance(caption, Scored):
            said = f"{k + 1}. seed {caption.seed}"
            told = [reading.prompt for reading in contact_sheet.readings(result.recipe)]
            gained = zip(told, caption.readings)
            bars = "".join(_bar(prompt, gain, gain == caption.score) for prompt, gain in gained)
        made.append(
            f'<button type="button" data-index="{k}" aria-pressed="{"true" if k == chosen else "false"}">'
            f'<img src="{source}" alt=""><b>{said}</b>{bars}</button>'
        )
    return f'<div class="contact" role="group" aria-label="Pictures to choose from">{"".join(made)}</div>'


def small(picture: Image.Image, side: int = 128) -> Image.Image:
    return picture.resize((side, side), Image.Resampling.BOX) if picture.width > side else picture


def _bar(prompt: str, gain: float, worst: bool) -> str:
    share = round(100 * min(1.0, max(0.0, gain / FULL)))
    return (
        f'<span class="gain{" worst" if worst else ""}"><span>{html.escape(prompt)}</span>'
        f'<span>{percent(gain)}</span><i><u style="width: {share}%"></u></i></span>'
    )


def gains(result: Result, index: int) -> str:
    """How much every prompt gains in every reading of a picture; its own should gain most."""
    caption = result.captions[index] if result.captions else ""
    if not isinstance(caption, Scored):
        return ""
    readings = contact_sheet.readings(result.recipe)
    head = "".join(f'<th scope="col">{html.escape(each.prompt)}</th>' for each in readings)
    rows = []
    for i, (reading, row) in enumerate(zip(readings, caption.gains)):
        cells = "".join(
            f"<td{' class=own' if i == j else ''}>{percent(gain)}</td>" for j, gain in enumerate(row)
        )
        rows.append(f'<tr><th scope="row">{html.escape(reading.name)}</th>{cells}</tr>')
    words = f"Number {index + 1}: what each prompt gains in each reading. Bold is the one that belongs there."
    return (
        f'<div class="gain-scroll"><table class="gain-table"><caption>{words}</caption><thead><tr><td></td>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def kept(result: Result) -> Image.Image:
    """The sheet to download: the pictures with their ranks, seeds and scores."""
    if not result.captions or result.columns < 2:
        return sheet(result)
    zoom = zoom_for(result.columns, result.pictures.shape[-1], 960)
    pictures = [convert.to_picture(x, result.low, result.high, zoom) for x in result.pictures]
    wide = result.columns
    rows = []
    for k in range(0, len(pictures), wide):
        row, said = pictures[k : k + wide], result.captions[k : k + wide]
        rows.append(captioned([row], above=said))
    whole = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), "white")
    top = 0
    for row in rows:
        whole.paste(row, (0, top))
        top += row.height
    return whole
