"""Inpaint: paint over a part of a picture, and it becomes new; three ways to hold the rest, with costs."""

import gradio as gr
from PIL import Image

from diffusion_core.images import convert
from diffusion_core.recipes import Recipe
from diffusion_core.serving.result import Result
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.inpaint import ALL_WAYS, WAYS, mask_of
from tabs.components import before_after, editors, form, text_page
from tabs.components.before_after import BeforeAfter, EditBench, Known
from tabs.components.pictures import Chooser, square
from tabs.components.text_results import seeds
from tabs.session import messages

TITLE = "Inpaint"
TECHNIQUE = "text-inpaint"
TEXT = (
    "Paint over a part of the picture: it becomes new, and all the rest stays. The network knows nothing of "
    "masks. After **every** step we put the known part of the picture back, and so the new part has to grow "
    "into it. *How* it is put back makes the difference; RePaint also walks back up, again and again, until "
    "both parts agree, and pays for it in steps."
)
EQUATION = (
    r"\begin{gathered} x_{t'} \leftarrow (1-m)\,\mathrm{known}_{t'} + m\,x_{t'} \\"
    r"\mathrm{known}_{t'} = \sqrt{\bar\alpha_{t'}}\,x_0 + \sqrt{1-\bar\alpha_{t'}}\,\epsilon \\"
    r"\text{or, kept clean: } \mathrm{known}_{t'} = x_0 \end{gathered}"
)
CALLED = {
    "re-noised": "put back with noise (the course)",
    "kept clean": "kept clean (diffusers)",
    "repaint": "RePaint: with noise, and jumps back",
    ALL_WAYS: "all three, side by side",
}
PHOTOS = ("Rocket", "Campfire", "Mountain village", "Portrait", "Apple")
SHORT = {"re-noised": "with noise", "kept clean": "kept clean", "repaint": "RePaint"}
NAMES = {"way": CALLED, "enlarge": {"no": "64 pixels", "yes": "64, then 256"}}
OPTIONS = {
    "way": {"label": "The known part is", "info": None},
    "enlarge": {"label": "Size", "info": None},
    "jump": {"label": "RePaint: jump length"},
    "again": {"label": "RePaint: walks"},
    "again_2": {"label": "RePaint: walks, stage II"},
}
FIRST = {"picture": "example:Rocket", "mask": "example:Mask of the moon"}  # what the page opens with
EXAMPLES = [
    ("Another moon", FIRST | {"prompt": "a full moon in the night sky", "steps": "20"}),
    (
        "A hat for her",
        {
            "picture": "example:Portrait",
            "mask": "example:Mask above the head",
            "prompt": "a woman wearing a top hat",
            "steps": "20",
        },
    ),
    (
        "Another sky, all three ways",
        {
            "picture": "example:Mountain village",
            "mask": "example:Mask of the sky",
            "prompt": "houses on a night ground",
            "steps": "20",
            "jump": 5,
            "way": ALL_WAYS,
        },
    ),
]


class MaskBench(EditBench):
    """A bench that knows its cost before a mask is painted, and says what RePaint's jumps add to it."""

    def cost_text(self) -> str:
        return self._cost_of()

    def _cost_of(self, *values) -> str:
        named = FIRST | dict(zip(self.priced or (), values))

        def said() -> str:
            recipe = Recipe.of(TECHNIQUE, **named)
            cost = self.studio.cost(recipe)
            if recipe["way"] not in ("repaint", ALL_WAYS):
                return str(cost)
            plain, jumping = (
                self.studio.cost(recipe.changed(way=way)).calls for way in ("re-noised", "repaint")
            )
            times = f"{jumping / plain:.1f} times as far as the others"
            return f"{cost}. RePaint walks {times}: {jumping} steps, not {plain}"

        return messages.cost_line(said)


def build(studio: Studio) -> None:
    """The tab's page; call it inside its gr.Tab."""
    model = text_page.head(studio, TITLE, TEXT, EQUATION)
    made: list = []

    def picture(field) -> gr.Textbox:
        chooser = Chooser(studio, field, PHOTOS, square, columns=5, upload_label="Your own picture")
        made.append(chooser)
        return chooser.value

    def mask(field) -> form.Own:
        return editors.MaskEditor(studio, made[0], TECHNIQUE, FIRST["mask"]).own(field)

    bench = text_page.page(
        studio,
        TECHNIQUE,
        model,
        main=("picture", "mask", "prompt", "way", ("count", "seed"), "enlarge"),
        own={"picture": picture, "mask": mask},
        names=NAMES,
        options=OPTIONS,
        examples=EXAMPLES,
        middle=lambda bench: made.append(_pictures(bench)),
        result=False,
        kind=MaskBench,
    )
    bench.wire()
    made[-1].wire()


def _pictures(bench: text_page.TextBench) -> BeforeAfter:
    gr.Markdown("**After the run:** click a picture to lay it under the slider.", elem_classes="cost")
    captions = ["the picture", "the mask", "new"]
    return BeforeAfter(
        bench, columns, rows, lambda result: _known(bench.studio, result), before_after.waiting(captions)
    )


def columns(recipe: Recipe) -> list[str]:
    """The heads of a strip's columns: ways, or seeds."""
    if recipe["way"] == ALL_WAYS:
        return [SHORT[way] for way in WAYS]
    return [each or SHORT[recipe["way"]] for each in seeds(recipe)]


def rows(recipe: Recipe) -> list[str]:
    """The heads of its rows."""
    return seeds(recipe) if recipe["way"] == ALL_WAYS else [""]


def _known(studio: Studio, result: Result) -> list[Known]:
    """The picture, and what of it was known, in as many pixels as the result has."""
    side = result.pictures.shape[-1]
    picture, mask = (studio.picture(result.recipe[name]) for name in ("picture", "mask"))
    photo = convert.squared(convert.as_rgb(picture), side)
    new = convert.to_picture(mask_of(mask, picture, side)[0], 0, 1)
    pink = Image.blend(photo, Image.new("RGB", photo.size, editors.PAINT), 0.6)
    return [Known("the picture", photo), Known("the mask", Image.composite(pink, photo, new))]
