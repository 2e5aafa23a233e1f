"""What the server hands the viewers of illusions: HTML with pictures, a plan, and nothing to run."""

import html
import json
import re

import pytest
import torch
from fakes import CASCADE, FakeStudio, with_examples
from text_house import sheets_installed as _installed  # noqa: F401  the fixture

pytest.importorskip("gradio")

from diffusion_core import recipes
from diffusion_core.estimates import Card
from diffusion_core.ranking import Scored
from diffusion_core.recipes import Recipe
from diffusion_core.views import VIEWS
from tabs.components import contact_sheet, viewers

pytestmark = pytest.mark.usefixtures("_installed")
NASTY = '<script>alert("x")</script> & "co"'


@pytest.fixture
def studio():
    studio = with_examples(FakeStudio())
    for card in (Card("built-in/I", "eps", (3, 64, 64), "if-cosine", spread=True), CASCADE[1]):
        studio.register(card, None)
    yield studio
    studio.engine.close()


def made(studio, technique: str, **values):
    *_, result = studio.run(Recipe.of(technique, **{"steps": "2"} | values))
    return result


def plan_in(page: str) -> dict:
    return json.loads(html.unescape(re.search(r'<pre class="plan" hidden>(.*?)</pre>', page, re.S)[1]))


@pytest.mark.parametrize("name", VIEWS)
def test_a_plan_says_of_every_pixel_where_it_goes(name, studio):
    page = viewers.turning(studio, made(studio, "text-anagram", views=f"identity, {name}"), 0)
    plan = plan_in(page)
    (way,) = plan["ways"]
    assert page.count("data-stop") == page.count("data:image/png") == len(plan["stops"]) == 2
    assert plan["stops"][1]["says"] == VIEWS[name].says
    if "to" in way:
        assert sorted(way["to"]) == list(range(64 * 64))
    elif way["slides"]:
        assert len(way["moves"]) == 64 and not way["runs"]
    else:
        assert sum(way["runs"][1::2]) == 64 * 64
        assert set(way["runs"][::2]) == set(range(len(way["moves"])))
    assert len(page) < 80_000


def test_three_readings_are_two_ways_and_a_film_there_and_back(studio):
    values = {"prompts": "a dog\n2 * a cat\na hen", "views": "identity, half_turn, negate"}
    result = made(studio, "text-anagram", **values)
    plan = plan_in(viewers.turning(studio, result, 0))
    assert [stop["prompt"] for stop in plan["stops"]] == ["a dog", "a cat", "a hen"]
    assert len(plan["ways"]) == 2 and 'max="2"' in viewers.turning(studio, result, 0)
    frames = viewers.turning_movie(studio, result)
    assert {frame.size for frame in frames} == {(192, 192)}
    assert frames[0].tobytes() == frames[-1].tobytes() != frames[len(frames) // 2].tobytes()


@pytest.mark.parametrize("bank, way", viewers.WAYS.items())
def test_a_hybrid_has_a_bar_for_each_prompt(bank, way, studio):
    prompts = ["a dog", "a cat", "a hen"][: bank.count("/") + 1]
    result = made(studio, "text-hybrid", bands=bank, prompts="\n".join(prompts), sigma=3)
    page = viewers.viewing(result, 0)
    plan = plan_in(page)
    assert (plan["way"], plan["bank"], plan["sigma"], plan["prompts"]) == (way, bank, 3.0, prompts)
    assert page.count("data-band") == len(prompts) and ("far crisp" in page) == (way == "distance")
    frames = viewers.viewing_movie(result)
    assert len(frames) > 20 and frames[0].tobytes() == frames[-1].tobytes()


@pytest.mark.parametrize("part", ["low", "high", "grey", "colour", "moving", "still"])
def test_a_hybrid_with_a_photo_says_which_part_is_the_photo(part, studio):
    result = made(studio, "text-hybrid-photo", part=part, prompt="a dog")
    bank, told = viewers.bands_of(result.recipe)
    assert part in dict(told) and dict(told)[part] == "the picture that was given"
    assert sorted(dict(told).values()) == ["a dog", "the picture that was given"]
    assert plan_in(viewers.viewing(result, 0))["bank"] == bank


def test_what_a_visitor_writes_is_shown_as_text(studio):
    sheet = made(studio, "text-anagram-sheet", prompts=f"{NASTY}\na cat", count=2)
    hybrid = made(studio, "text-hybrid", prompts=f"{NASTY}\na cat")
    pages = [viewers.turning(studio, sheet, 1), viewers.viewing(hybrid, 0)]
    pages += [contact_sheet.contact(sheet, 0), contact_sheet.gains(sheet, 1)]
    assert all("<script" not in page and "&lt;script&gt;" in page for page in pages)
    assert plan_in(pages[0])["stops"][0]["prompt"] == NASTY == plan_in(pages[1])["prompts"][0]


# --- contact sheets ---------------------------------------------------------------------------------------


def test_a_sheet_is_buttons_with_scores_and_a_table(studio):
    result = made(studio, "text-anagram-sheet", count=3, seed=5)
    page = contact_sheet.contact(result, 1)
    assert re.findall(r'data-index="(\d)" aria-pressed="(\w+)"', page) == [
        ("0", "false"),
        ("1", "true"),
        ("2", "false"),
    ]
    assert page.count('class="gain') == 6 and page.count("worst") == 3
    table = contact_sheet.gains(result, 2)
    assert table.count("<tr>") == 3 and table.count("class=own") == 2 and "Number 3" in table


def test_a_single_picture_needs_no_choice_and_several_do(studio):
    assert "<button" not in contact_sheet.contact(made(studio, "text-anagram"), 0)
    assert contact_sheet.contact(made(studio, "text-anagram", count=3), 0).count("<button") == 3
    assert contact_sheet.gains(made(studio, "text-anagram", count=3), 0) == ""


def test_the_chosen_one_is_enlarged_alone_with_the_same_settings(studio):
    result = made(studio, "text-hybrid-sheet", count=4, seed=5, sigma=3, prompts="a dog\na cat")
    recipe = contact_sheet.chosen(result, 2)
    assert recipe.technique == "text-hybrid" and recipe["seed"] == result.captions[2].seed
    assert (recipe["count"], recipe["enlarge"], recipe["sigma"], recipe["steps"]) == (1, "yes", 3.0, "2")
    withheld = result._replace(captions=("withheld", *result.captions[1:]))
    with pytest.raises(recipes.RecipeError, match="withheld"):
        contact_sheet.chosen(withheld, 0)
    assert 'data-index="0"' in contact_sheet.contact(withheld, 0)


def test_the_kept_sheet_has_room_for_its_captions(studio):
    result = made(studio, "text-anagram-sheet", count=6)
    kept, plain = contact_sheet.kept(result), result.grid(2)
    assert kept.width > plain.width and kept.height > kept.width / 3
    assert all(isinstance(caption, Scored) for caption in result.captions)


def test_pictures_of_the_sheet_are_those_of_the_run(studio):
    result = made(studio, "text-anagram-sheet", count=2)
    assert torch.isfinite(result.pictures).all() and contact_sheet.contact(result, 0).count("<img") == 2
