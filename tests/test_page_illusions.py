"""Anagrams and hybrids in a real browser, with the built-in model: they turn, go away, and are ranked."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from diffusion_core.images import convert, export
from diffusion_core.models.catalog import BUILT_IN_FOLDERS, CHECKPOINTS
from diffusion_core.techniques import contact_sheet
from tests.walk import download, field, put, recipe_of, run, seen, shoot, tab, visit, wait_done

expect = pytest.importorskip("playwright.sync_api").expect
HERE = [(CHECKPOINTS / name / "unet" / "config.json").is_file() for name in BUILT_IN_FOLDERS]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not HERE[0], reason="the built-in text model is not in checkpoints/"),
]
PATIENCE = 300  # seconds for a run: two cores may be busy with other things

contact_sheet.install()  # so that recipes of theirs can be read here


def inner(page, name: str) -> None:
    seen(page, '[role="tab"]').filter(has_text=name).first.click()


def inner_steps(page, technique: str, more: dict | None = None) -> None:
    """Few steps, for a test: they stand under More settings."""
    seen(page, "button").filter(has_text="More settings").first.click()
    for name, value in ({"steps": "2"} | (more or {})).items():
        put(page, f"{technique}-{name}", value)


def canvas(page, selector: str) -> np.ndarray:
    """What a canvas shows: [H,W,3], 0..255."""
    data = page.locator(selector).evaluate("canvas => canvas.toDataURL('image/png')")
    picture = Image.open(io.BytesIO(base64.b64decode(data.partition(",")[2])))
    return np.asarray(picture.convert("RGB")).astype(int)


def at(page, selector: str, place: str) -> None:
    expect(page.locator(selector)).to_have_attribute("data-at", place)


def test_an_anagram_turns_under_the_slider_and_by_keys(page):
    tab(page, "Anagrams")
    page.get_by_role("button", name="A cat, turned a heart").locator("visible=true").click()
    wait_done(page, PATIENCE)
    shown = "#text-anagram-viewer canvas"
    at(page, shown, "0.000")
    shoot(page, "anagram")
    upright = canvas(page, shown)
    slider = page.locator('#text-anagram-viewer input[type="range"]')
    slider.focus()
    slider.press("End")
    at(page, shown, "1.000")
    assert np.array_equal(canvas(page, shown), upright[::-1, ::-1])
    expect(page.locator(shown)).to_have_attribute("aria-label", "a red heart, turned upside down")
    slider.press("ArrowLeft")
    at(page, shown, "0.950")
    slider.press("PageDown")
    at(page, shown, "0.000")
    seen(page, "[data-stop='1']").click()
    at(page, shown, "1.000")
    assert Image.open(io.BytesIO(download(page, "GIF"))).n_frames > 15
    recipe = recipe_of(page)
    assert recipe["views"] == "identity, half_turn" and recipe["prompts"] == "a cat face\na red heart"


@pytest.mark.slow
def test_a_sheet_is_ranked_and_the_chosen_one_is_turned(page):
    tab(page, "Anagrams")
    inner(page, "Contact sheet")
    inner_steps(page, "text-anagram-sheet")
    put(page, "text-anagram-sheet-prompts", "a red heart\na pizza")
    put(page, "text-anagram-sheet-count", "3")
    run(page)
    wait_done(page, PATIENCE)
    buttons = page.locator("#text-anagram-sheet-contact button")
    expect(buttons).to_have_count(3)
    worst = [
        min(float(said.rstrip("%")) for said in each)
        for each in buttons.evaluate_all(
            "all => all.map(b => [...b.querySelectorAll('.gain > :nth-child(2)')].map(s => s.textContent))"
        )
    ]
    assert worst == sorted(worst, reverse=True)
    expect(buttons.first).to_have_attribute("aria-pressed", "true")
    table = page.locator("#text-anagram-sheet-gains")
    expect(table).to_contain_text("Number 1")
    before = canvas(page, "#text-anagram-sheet-viewer canvas")
    buttons.nth(2).click()
    expect(table).to_contain_text("Number 3")
    expect(buttons.nth(2)).to_have_attribute("aria-pressed", "true")
    at(page, "#text-anagram-sheet-viewer canvas", "0.000")
    assert not np.array_equal(canvas(page, "#text-anagram-sheet-viewer canvas"), before)
    shoot(page, "anagram-sheet")
    expect(seen(page, ".lead").filter(has_text="worst reading").first).to_be_visible()


@pytest.mark.skipif(not HERE[1], reason="the built-in model has no stage II yet")
@pytest.mark.slow
def test_the_chosen_one_is_developed_at_256(page):
    tab(page, "Anagrams")
    inner(page, "Contact sheet")
    inner_steps(page, "text-anagram-sheet", more={"steps_2": "2"})
    put(page, "text-anagram-sheet-count", "2")
    run(page)
    wait_done(page, PATIENCE)
    buttons = page.locator("#text-anagram-sheet-contact button")
    buttons.nth(1).click()
    expect(buttons.nth(1)).to_have_attribute("aria-pressed", "true")
    seed = int(buttons.nth(1).locator("b").inner_text().split()[-1])
    page.locator("#text-anagram-sheet-larger").click()
    expect(page.locator("#text-anagram-status")).to_contain_text("Done", timeout=1000 * PATIENCE)
    expect(field(page, "text-anagram-seed")).to_have_value(str(seed))
    recipe = recipe_of(page)
    assert (recipe["seed"], recipe["enlarge"], recipe["steps"], recipe["count"]) == (seed, "yes", "2", 1)
    side = page.locator("#text-anagram-viewer img").first.evaluate("image => image.naturalWidth")
    assert side == 256
    shoot(page, "anagram-256")


@pytest.mark.slow
def test_too_many_prompts_get_a_sentence_and_stay(page):
    tab(page, "Anagrams")
    prompts = field(page, "text-anagram-prompts")
    prompts.fill("a dog\na cat\na hen")
    run(page)
    expect(seen(page, ".status").first).to_contain_text("2 views need as many prompts")
    expect(prompts).to_have_value("a dog\na cat\na hen")


@pytest.mark.slow
def test_views_are_chosen_in_order_and_come_back_by_link(page):
    tab(page, "Anagrams")
    seen(page, ".views input").first.click()
    page.get_by_role("option", name="as a negative").click()
    page.keyboard.press("Escape")
    put(page, "text-anagram-prompts", "a sun\na moon\na star")
    inner_steps(page, "text-anagram")
    run(page)
    wait_done(page, PATIENCE)
    assert recipe_of(page)["views"] == "identity, half_turn, negate"
    expect(page.locator("#text-anagram-viewer [data-stop]")).to_have_count(3)
    other = visit(page.context, field(page, "text-anagram-link").input_value())
    expect(field(other, "text-anagram-prompts")).to_have_value("a sun\na moon\na star", timeout=60_000)
    expect(seen(other, ".views").first).to_contain_text("as a negative")


def test_a_hybrid_goes_away_and_its_detail_with_it(page):
    tab(page, "Hybrids")
    page.get_by_role("button", name="Far a ghost, near a balloon").locator("visible=true").click()
    wait_done(page, PATIENCE)
    eye, far = "#text-hybrid-viewer canvas.eye", "#text-hybrid-viewer canvas.far"
    at(page, eye, "0.000")
    near = canvas(page, eye)
    slider = page.locator('#text-hybrid-viewer input[type="range"]')
    slider.focus()
    slider.press("ArrowRight")
    at(page, eye, "0.020")
    slider.press("End")
    at(page, eye, "1.000")
    shoot(page, "hybrid")
    gone = canvas(page, eye)
    assert np.abs(np.diff(gone, axis=1)).mean() < 0.5 * np.abs(np.diff(near, axis=1)).mean()
    ground = canvas(page, far)[0, 0]
    assert (canvas(page, far) != ground).any(-1).mean() < 0.01  # a few pixels, very far away
    shares = [
        int(each.rstrip(" %")) for each in page.locator("#text-hybrid-viewer .number").all_inner_texts()
    ]
    assert shares[0] > shares[1] and shares[1] < 40
    expect(page.locator("#text-hybrid-viewer .said")).to_contain_text("picture widths away")
    page.locator("#text-hybrid-viewer [data-to='0']").click()
    at(page, eye, "0.000")
    assert np.array_equal(canvas(page, eye), near)


@pytest.mark.parametrize(
    "bank, words",
    [("grey and colour", "of the colour is left"), ("moving and still", "while the eye looks")],
)
@pytest.mark.slow
def test_other_hybrids_have_their_own_slider(page, bank, words):
    tab(page, "Hybrids")
    page.locator("#text-hybrid-bands").get_by_text(bank, exact=True).click()
    inner_steps(page, "text-hybrid")
    run(page)
    wait_done(page, PATIENCE)
    slider = page.locator('#text-hybrid-viewer input[type="range"]')
    slider.focus()
    slider.press("End")
    at(page, "#text-hybrid-viewer canvas.eye", "1.000")
    expect(page.locator("#text-hybrid-viewer .said")).to_contain_text(words)
    seen_now = canvas(page, "#text-hybrid-viewer canvas.eye")
    if "grey" in bank:
        assert np.ptp(seen_now, axis=-1).max() <= 1
    shoot(page, f"hybrid-{bank.split()[0]}")


@pytest.mark.slow
def test_a_hybrid_from_a_photo_keeps_its_part(page):
    tab(page, "Hybrids")
    inner(page, "From a photo")
    page.get_by_role("button", name="A portrait's shapes").locator("visible=true").click()
    wait_done(page, PATIENCE)
    expect(page.locator("#text-hybrid-photo-viewer")).to_contain_text("the picture that was given")
    shoot(page, "hybrid-photo")
    recipe = recipe_of(page)
    assert (recipe["picture"], recipe["part"]) == ("example:Portrait", "low")


@pytest.mark.slow
def test_a_sheet_of_hybrids_is_ranked_and_downloaded(page):
    tab(page, "Hybrids")
    inner(page, "Contact sheet")
    inner_steps(page, "text-hybrid-sheet")
    put(page, "text-hybrid-sheet-prompts", "a bear\nmany trees")
    put(page, "text-hybrid-sheet-count", "3")
    run(page)
    wait_done(page, PATIENCE)
    expect(page.locator("#text-hybrid-sheet-contact button")).to_have_count(3)
    shoot(page, "hybrid-sheet")
    png = download(page, "PNG with recipe")
    assert export.recipe_in(convert.opened(png)).technique == "text-hybrid-sheet"
    assert Image.open(io.BytesIO(png)).width > 500


@pytest.mark.slow
def test_a_phone_needs_no_sideways_scroll(page):
    page.set_viewport_size({"width": 390, "height": 844})
    tab(page, "Anagrams")
    inner_steps(page, "text-anagram")
    run(page)
    wait_done(page, PATIENCE)
    for name, tabs in {
        "Anagrams": ("One picture", "Contact sheet"),
        "Hybrids": ("One picture", "From a photo"),
    }.items():
        tab(page, name)
        for each in tabs:
            inner(page, each)
            page.wait_for_timeout(500)
            shoot(page, f"phone-{name}-{each}".lower().replace(" ", "-"))
            wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
            assert wide <= 0, f"{name}, {each} is {wide} px too wide"
