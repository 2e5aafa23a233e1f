"""The tabs on text-to-image models in a real browser, with the built-in model: the main path of each."""

import io

import pytest
from PIL import Image

from diffusion_core.images import convert, export
from diffusion_core.models.catalog import BUILT_IN_FOLDERS, CHECKPOINTS
from diffusion_core.techniques import text
from tests.walk import download, field, put, recipe_of, run, seen, shoot, tab, visit, wait_done

expect = pytest.importorskip("playwright.sync_api").expect
HERE = [(CHECKPOINTS / name / "unet" / "config.json").is_file() for name in BUILT_IN_FOLDERS]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not HERE[0], reason="the built-in text model is not in checkpoints/"),
]
PATIENCE = 300  # seconds for a run: two cores may be busy with other things

text.install()  # so that recipes of theirs can be read here


@pytest.fixture
def page(page):
    """A fresh visit to the first of these tabs."""
    tab(page, "Text to picture")
    return page


def example(page, label: str) -> None:
    page.get_by_role("button", name=label, exact=True).click()
    wait_done(page, PATIENCE)


def photo() -> dict:
    buffer = io.BytesIO()
    Image.effect_noise((30, 20), 90).resize((300, 200), Image.Resampling.BICUBIC).save(buffer, "PNG")
    return {"name": "mine.png", "mimeType": "image/png", "buffer": buffer.getvalue()}


# --- Text to picture ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_an_example_fills_the_page_and_runs(page, server):
    example(page, "A red apple")
    shoot(page, "text-to-picture")
    expect(field(page, "text-sample-prompt")).to_have_value("a red apple")
    assert page.locator("#text-sample-pictures img").count() == 1
    png = download(page, "PNG with recipe")
    recipe = export.recipe_in(convert.opened(png))
    assert (recipe["prompt"], recipe["seed"], recipe["steps"]) == ("a red apple", 1, "20")
    assert Image.open(io.BytesIO(png)).width > 600  # 64 pixels, each large enough to be seen
    assert Image.open(io.BytesIO(download(page, "GIF"))).n_frames > 10
    other = visit(page.context, field(page, "text-sample-link").input_value())
    expect(field(other, "text-sample-prompt")).to_have_value("a red apple", timeout=60_000)


@pytest.mark.slow
def test_enter_in_the_prompt_runs(page):
    put(page, "text-sample-steps", "3")
    prompt = field(page, "text-sample-prompt")
    prompt.fill("a pizza")
    prompt.press("Enter")
    wait_done(page, PATIENCE)
    assert recipe_of(page)["prompt"] == "a pizza"


@pytest.mark.slow
def test_bad_settings_get_a_sentence_and_nothing_is_lost(page):
    put(page, "text-sample-prompt", "a dog")
    put(page, "text-sample-steps", "many")
    expect(seen(page, ".cost p").filter(has_text="none that I know")).to_be_visible()
    run(page)
    expect(seen(page, ".status").first).to_contain_text("Write a number of steps")
    expect(field(page, "text-sample-prompt")).to_have_value("a dog")
    expect(field(page, "text-sample-steps")).to_have_value("many")


def test_sixty_four_then_two_hundred_and_fifty_six(page):
    put(page, "text-sample-steps", "3")
    page.locator("#text-sample-enlarge label", has_text="256").click()
    if not HERE[1]:
        expect(seen(page, ".cost p").filter(has_text="has no stage II")).to_be_visible()
        return
    page.get_by_role("button", name="More settings").first.click()
    put(page, "text-sample-steps_2", "2")
    run(page)
    wait_done(page, PATIENCE)
    shoot(page, "text-to-picture-256")
    shown = page.locator("#text-sample-pictures img")
    assert [shown.nth(k).get_attribute("width") for k in range(2)] == ["64", "256"]


@pytest.mark.slow
def test_step_counts_stand_side_by_side(page):
    tab(page, "Step counts")
    put(page, "text-steps-counts", "2, 4")
    run(page)
    wait_done(page, PATIENCE)
    shoot(page, "step-counts")
    table = page.locator("#text-steps-table")
    expect(table).to_contain_text("2 steps")
    expect(table).to_contain_text("4 steps")
    assert table.locator("img").count() == 2


# --- the model ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_model_in_use_is_said_and_so_is_its_licence(page):
    line = seen(page, ".model-line").first
    expect(line).to_contain_text("Built-in")
    expect(line).not_to_contain_text("research only")
    model = page.get_by_role("combobox", name="Model").first
    model.click()
    page.get_by_role("option").filter(has_text="DeepFloyd IF M + M").click()
    expect(line).to_contain_text("research only", timeout=60_000)
    shoot(page, "model-picker")
    model.click()
    page.get_by_role("option").first.click()
    expect(line).not_to_contain_text("research only", timeout=60_000)


# --- Denoise ------------------------------------------------------------------------------------------------


def test_three_ways_on_an_upload_with_psnr_and_ssim(page):
    tab(page, "Denoise")
    page.locator('.wide-chooser input[type="file"]').first.set_input_files(photo())
    expect(page.locator('.wide-chooser button[aria-pressed="true"]')).to_have_count(0)  # it is taken
    put(page, "text-denoise-ts", "250, 750")
    put(page, "text-denoise-steps", "stride 300")
    run(page)
    wait_done(page, PATIENCE)
    shoot(page, "denoise")
    table = page.locator("#text-denoise-table")
    assert table.locator("img").count() == 8 and table.locator("small").count() == 8
    for word in ("t = 250", "t = 750", "noisy", "blurred", "one step", "iterative", "dB"):
        expect(table).to_contain_text(word)
    recipe = recipe_of(page)
    assert recipe["picture"].startswith("data:") and recipe["ts"] == [250, 750]


@pytest.mark.slow
def test_an_example_marks_its_picture(page):
    tab(page, "Denoise")
    put(page, "text-denoise-prompt", "whatever")
    page.get_by_role("button", name="The apple", exact=True).click()
    chosen = page.locator('.wide-chooser button[aria-pressed="true"]').first
    expect(chosen).to_have_attribute("title", "Apple", timeout=30_000)
    wait_done(page, PATIENCE)
    assert recipe_of(page)["picture"] == "example:Apple"


@pytest.mark.slow
def test_a_sketch_is_denoised_step_by_step(page):
    tab(page, "Denoise")
    tab(page, "Sketch one")
    canvas = page.locator("#denoise-sketch canvas").first
    canvas.wait_for()
    page.wait_for_timeout(1500)  # the brush is chosen a moment after the canvas is there
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 50, y - 40)
    page.mouse.down()
    page.mouse.move(x + 50, y + 40, steps=10)
    page.mouse.up()
    page.wait_for_timeout(500)
    tab(page, "Step by step")
    put(page, "text-iterative-steps", "stride 200")
    put(page, "text-iterative-start", "1")
    put(page, "text-iterative-every", "2")
    run(page)
    wait_done(page, PATIENCE)
    shoot(page, "denoise-sketch")
    assert page.locator("#text-iterative-strip-pictures img").count() == 4  # t = 600, 200, end, clean
    ink = convert.to_tensor(convert.from_uri(recipe_of(page)["picture"]), 0, 1)
    assert 0.005 < float((ink < 0.5).float().mean()) < 0.3  # a dark stroke on white paper


@pytest.mark.slow
def test_blur_follows_its_slider(page):
    tab(page, "Denoise")
    tab(page, "Blur")
    table = page.locator("#text-blur-table")
    before = table.locator("img").last.get_attribute("src")
    slider = page.locator('#text-blur-sigma input[type="range"]')
    slider.focus()
    slider.press("End")
    expect(table.locator("img").last).not_to_have_attribute("src", before)


# --- Guidance -----------------------------------------------------------------------------------------------


def test_guidance_is_a_table_of_gamma_and_seed(page):
    tab(page, "Guidance")
    put(page, "text-gamma-sweep-gammas", "1, 7")
    put(page, "text-gamma-sweep-count", "2")
    put(page, "text-gamma-sweep-steps", "3")
    run(page)
    wait_done(page, PATIENCE)
    shoot(page, "guidance")
    table = page.locator("#text-gamma-sweep-table")
    assert table.locator("img").count() == 4
    for word in ("gamma 1, unguided", "gamma 7", "seed 0", "seed 1"):
        expect(table).to_contain_text(word)


@pytest.mark.slow
def test_they_fit_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    for name in ("Text to picture", "Denoise", "Guidance"):
        tab(page, name)
        page.wait_for_timeout(500)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        shoot(page, f"phone-{name.lower().replace(' ', '-')}")
        assert wide <= 0, f"{name} is {wide} px too wide"
