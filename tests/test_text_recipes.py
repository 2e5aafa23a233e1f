"""Recipes of text techniques: they survive JSON, PNG and link, cost what they say, and explain themselves."""

import sys
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from fakes import CASCADE, FakeStudio, drawing, with_examples
from text_house import text_techniques_installed as _installed  # noqa: F401
from text_settings import BOTH_STAGES, settings

from diffusion_core.images import convert, export
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.recipes.schema import Choice, Picture, Seed, Text
from diffusion_core.serving.strips import sheet
from diffusion_core.techniques.explain import code_for
from diffusion_core.techniques.text import TEXT_SCHEMAS

pytestmark = pytest.mark.usefixtures("_installed")

PAINTED = convert.to_uri(drawing(48))
OTHER = {
    "prompt": "Ein Bär, \u201cgrün\u201d und 熊",
    "prompts": "2 * ein Bär\n-0.5 * 熊",
    "counts": "7, fast27, stride 77",
    "views": "negate, jigsaw",
    "mask": PAINTED,
    "picture": PAINTED,
}
"""Texts with letters of other scripts, and a picture inside the recipe."""


def small(name: str, stage: str, **more) -> Recipe:
    """A recipe of few steps on the fake cascade."""
    names = {field.name for field in TEXT_SCHEMAS[name]}
    few = {"picture": PAINTED, "mask": PAINTED, "steps": "8", "steps_2": "4", "seed": 5}
    return Recipe.of(name, **{k: v for k, v in (few | settings(name, stage) | more).items() if k in names})


@pytest.fixture
def studio():
    studio = with_examples(FakeStudio())
    for card in CASCADE:
        studio.register(card, None)
    yield studio
    studio.engine.close()


def changed(field):
    """Another value than the default."""
    if field.name in OTHER:
        return OTHER[field.name]
    if isinstance(field, Choice):
        return field.choices[-1]
    if isinstance(field, Seed):
        return 2**31 - 1
    if isinstance(field, Text):
        return "990, 500, 0" if field.parse else "another/one"
    return [field.high, field.low] if isinstance(field.default, list) else field.high


@pytest.mark.parametrize("name", TEXT_SCHEMAS)
def test_a_recipe_survives_json_link_and_png(name):
    values = {field.name: changed(field) for field in TEXT_SCHEMAS[name]}
    for recipe in (Recipe.of(name), Recipe.of(name, **values)):
        png = convert.opened(export.with_recipe(drawing(), recipe))
        assert recipe == Recipe.from_json(recipe.to_json()) == Recipe.from_link(recipe.to_link())
        assert recipe == export.recipe_in(png)
    assert all(recipe[field.name] != field.default for field in TEXT_SCHEMAS[name])


@pytest.mark.parametrize("name, stage", BOTH_STAGES)
def test_the_cost_is_what_is_really_asked(name, stage, studio):
    recipe = small(name, stage, count=3)
    cost, (*_, result) = studio.cost(recipe), studio.run(recipe)
    assert cost.rows == sum(fake.rows for fake in studio.fakes.values())
    assert (cost.calls > 0) == (name not in ("text-noise", "text-blur"))
    assert result.pictures.isfinite().all() and len(result.pictures) % 3 == 0


@pytest.mark.parametrize("name, stage", BOTH_STAGES)
def test_the_code_of_a_recipe_makes_its_picture(name, stage, studio, tmp_path, monkeypatch):
    recipe, file = small(name, stage), tmp_path / "picture.png"
    monkeypatch.setitem(sys.modules, "darkroom_of_this_test", SimpleNamespace(studio=lambda: studio))
    code = code_for(recipe, house="darkroom_of_this_test:studio", save=str(file))
    exec(code, {})
    *_, result = studio.run(recipe)
    made = convert.opened(file)
    assert (made.size, made.tobytes()) == (sheet(result).size, sheet(result).tobytes())
    about = [line for line in code.splitlines() if line.startswith("#")]
    assert len(about) >= 3 and "Written down in diffusion_core/techniques/" in about[-1]


def test_the_code_says_the_equation_and_its_source():
    told = {name: code_for(Recipe.of(name)) for name in TEXT_SCHEMAS}
    without = [name for name, code in told.items() if not any(mark in code for mark in ("=", "<-", "G *"))]
    assert not without
    assert "Ho and Salimans 2022" in told["text-sample"] and "Meng et al. 2022" in told["text-sdedit"]
    assert "Lugmayr et al. 2022" in told["text-inpaint"] and "Geng et al. 2024" in told["text-anagram"]


def test_fields_speak_to_a_student():
    """Controls are made of them: a label that fits, and half a sentence for everything but plain pictures."""
    for name, schema in TEXT_SCHEMAS.items():
        assert len({field.name for field in schema}) == len({field.label for field in schema}) == len(schema)
        for field in schema:
            assert field.label and len(field.label) <= 22, (name, field.name)
            assert field.help and len(field.help) <= 140, (name, field.name)
            assert field.help.endswith("...") or not field.help.endswith("."), (name, field.name)
            assert isinstance(field, Picture) or field.read(field.default) == field.default


@pytest.mark.parametrize("name", TEXT_SCHEMAS)
def test_every_technique_takes_a_batch_of_seeds_and_goes_on_at_stage_2(name):
    fields = {field.name for field in TEXT_SCHEMAS[name]}
    assert {"model", "seed", "count"} <= fields
    assert "enlarge" in fields or name == "text-enlarge"


def test_a_model_without_stage_2_says_so(studio):
    studio.register(replace(CASCADE[0], name="small/I"), None)
    for name in TEXT_SCHEMAS:
        with pytest.raises(RecipeError, match="small has no stage II, so its pictures stay small"):
            studio.cost(small(name, "II", model="small"))
    with pytest.raises(RecipeError, match="The model nowhere/I is not here"):
        studio.cost(small("text-sample", "II", model="nowhere"))


def test_half_a_surrogate_or_a_torch_seed_at_its_end_do_no_harm(studio):
    *_, result = studio.run(small("text-sample", "I", prompt="a \ud83d dog", seed=2**31 - 1, count=3))
    assert torch.isfinite(result.pictures).all()
