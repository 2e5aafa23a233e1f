"""The example in CONTRIBUTING.md works as it stands there."""

import re
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw

from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.techniques.registry import TECHNIQUES
from mnist_models import techniques

TEXT = (Path(__file__).parent.parent / "CONTRIBUTING.md").read_text()


def block(holding: str) -> str:
    """The indented code block of CONTRIBUTING.md that holds a text."""
    blocks = re.findall(r"(?:^(?:    .*)?\n)+", TEXT, re.MULTILINE)
    return textwrap.dedent(next(b for b in blocks if holding in b))


def test_a_technique_in_twelve_lines(tiny_studio, monkeypatch):
    schema, function = block('"mnist-late-start": ('), block('@technique("mnist-late-start")')
    assert len((schema + function).strip().splitlines()) - schema.count("\n\n") <= 14
    (added,) = eval("{" + schema + "}", vars(techniques)).items()
    monkeypatch.setitem(SCHEMAS, *added)
    monkeypatch.setitem(TECHNIQUES, added[0], None)
    exec(function, dict(vars(techniques)))

    drawing = Image.new("L", (100, 100), 0)
    ImageDraw.Draw(drawing).line([(30, 20), (70, 30), (40, 80)], fill=255, width=10)
    tiny_studio.examples["Digit 3"] = lambda: drawing
    recipe = Recipe.of("mnist-late-start", start=0.5)
    *_, result = tiny_studio.run(recipe)
    assert result.pictures.shape == (1, 1, 28, 28)
    assert tiny_studio.cost(recipe).calls == 25  # half of 50 steps
    assert Recipe.from_link(recipe.to_link()) == recipe
