"""Runs, settings and drawings survive a reload, a dead connection, a server that is gone: in a browser."""

import io

import pytest
from PIL import Image

from diffusion_core.images import convert, export
from tests import page as the
from tests.walk import PATIENCE, download, field, picture_in, run, seen, shoot, tab, visit, wait_done

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser
SMALL = ("tests/small_page.py", "0.1")  # seconds a forward: a run of 300 steps takes half a minute


@pytest.fixture(scope="module")
def server():
    server = the.Server(SMALL).start()
    yield server
    server.stop()
    assert not [line for line in server.log if "Traceback" in line], "".join(server.log)


@pytest.fixture
def page(browser, server):
    """A fresh visit. What it says to its console while the server is away is no fault."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(1000 * PATIENCE)
    yield visit(context, server.url)
    context.close()


def begin(page, steps=300, digits="2026") -> None:
    """A run; one that lasts has begun to show pictures."""
    tab(page, "MNIST sampler")
    for name, value in (("steps", str(steps)), ("digits", digits)):
        box = field(page, f"mnist-sample-{name}")
        box.fill(value)
        box.blur()
    run(page)
    if steps > 50:
        expect(status(page)).to_contain_text("to go")


def status(page):
    return seen(page, ".status").first


def step(page) -> int:
    """Which step the status tells of."""
    expect(status(page)).to_contain_text("Step")
    return int(status(page).inner_text().split("Step")[1].split()[0])


def test_a_run_survives_a_reload_and_shows_its_previews_again(page):
    begin(page, steps=120)
    before = step(page)
    page.reload()
    expect(status(page)).to_contain_text("to go")
    assert step(page) > before
    expect(field(page, "mnist-sample-digits")).to_have_value("2026")
    assert picture_in(page, "mnist-sample-xt").width > 100
    wait_done(page, PATIENCE)
    recipe = export.recipe_in(convert.opened(download(page, "PNG with recipe")))
    assert (recipe["digits"], recipe["steps"]) == ("2026", 120)
    page.reload()  # and the picture survives another
    wait_done(page, PATIENCE)
    expect(seen(page, "#mnist-sample-result img")).to_have_count(1)


def test_a_training_survives_a_reload(page):
    tab(page, "Training")
    field(page, "mnist-training-steps").fill("3000")
    run(page)
    expect(status(page)).to_contain_text("to go")
    page.reload()
    expect(status(page)).to_contain_text("to go")
    expect(field(page, "mnist-training-steps")).to_have_value("3000")
    expect(page.locator("#live-drawings img").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(status(page)).to_contain_text("Stopped. The settings are as they were")


def test_stop_works_after_a_reload(page):
    begin(page)
    page.reload()
    expect(status(page)).to_contain_text("to go")
    seen(page, ".stop-button").first.click()
    expect(status(page)).to_contain_text("Stopped. The settings are as they were")


def test_a_visit_ends_with_its_page(page, server):
    begin(page, steps=3)
    wait_done(page)
    other = visit(page.context, server.url)  # another page of the same browser
    expect(other.locator("#visit-gallery")).to_contain_text("What you make stays here")
    assert other.locator("#visit-gallery button").count() == 0


def test_a_link_that_is_new_goes_before_the_last_run(page, server):
    begin(page, steps=3, digits="77")
    wait_done(page)
    link = field(page, "mnist-sample-link").input_value()
    begin(page, steps=3, digits="55")
    wait_done(page)
    page.goto(link)
    expect(field(page, "mnist-sample-digits")).to_have_value("77")
    page.reload()  # followed once; now the last run is what was there
    expect(field(page, "mnist-sample-digits")).to_have_value("55")


def test_the_gallery_brings_settings_and_picture_back(page):
    begin(page, steps=4, digits="11")
    wait_done(page)
    first = picture_in(page, "mnist-sample-result")
    begin(page, steps=5, digits="2222")
    wait_done(page)
    cards = page.locator("#visit-gallery button")
    expect(cards).to_have_count(2)
    expect(cards.nth(1)).to_have_accessible_name("mnist sample, 11, seed 0")
    shoot(page, "gallery")
    tab(page, "Forward noise")
    cards.nth(1).focus()
    page.keyboard.press("Enter")
    expect(field(page, "mnist-sample-digits")).to_have_value("11")
    expect(field(page, "mnist-sample-steps")).to_have_value("4")
    wait_done(page)
    page.wait_for_timeout(500)
    assert picture_in(page, "mnist-sample-result").tobytes() == first.tobytes()


def dropped(page, data: bytes, selector: str) -> None:
    """Drag a file over an element and let it go there."""
    page.evaluate(
        """([bytes, selector]) => {
          const files = new DataTransfer();
          files.items.add(new File([new Uint8Array(bytes)], "mine.png", { type: "image/png" }));
          const options = { dataTransfer: files, bubbles: true, cancelable: true };
          const at = [...document.querySelectorAll(selector)].find((each) => each.offsetParent);
          for (const kind of ["dragenter", "dragover"]) at.dispatchEvent(new DragEvent(kind, options));
          window.seenWhileDragging = document.documentElement.classList.contains("dropping");
          at.dispatchEvent(new DragEvent("drop", options));
        }""",
        [list(data), selector],
    )


def test_a_png_dropped_anywhere_brings_its_settings_back(page, server):
    begin(page, steps=4, digits="31415")
    wait_done(page)
    png = download(page, "PNG with recipe")
    other = visit(page.context, server.url)
    tab(other, "MNIST denoiser")
    dropped(other, png, ".equation")
    assert other.evaluate("window.seenWhileDragging") is True
    expect(field(other, "mnist-sample-digits")).to_have_value("31415")
    assert not other.evaluate("document.documentElement.classList.contains('dropping')")


def test_a_picture_dropped_on_its_place_stays_there(page):
    tab(page, "Forward noise")
    buffer = io.BytesIO()
    Image.effect_noise((64, 64), 90).convert("RGB").save(buffer, "PNG")
    dropped(page, buffer.getvalue(), ".upload button")
    assert page.evaluate("window.seenWhileDragging") is False
    expect(seen(page, ".upload img")).to_have_count(1)
    expect(page.get_by_text("carries no Darkroom recipe")).to_have_count(0)


@pytest.mark.slow
def test_a_connection_that_broke_is_taken_up_where_the_run_is(page):
    """A phone that locked: the page is still there, and what it listened to is not."""
    begin(page, steps=150)
    page.evaluate("window.sameOne = true")
    before = step(page)
    page.context.set_offline(True)
    expect(page.locator("#connection")).to_contain_text("The server does not answer")
    page.wait_for_timeout(2000)
    page.context.set_offline(False)
    expect(page.locator("#connection")).to_be_hidden()
    wait_done(page, PATIENCE)
    assert step_count(page) > before and page.evaluate("window.sameOne")  # without a reload


def step_count(page) -> int:
    return int(field(page, "mnist-sample-scrubber").input_value())


@pytest.mark.slow
def test_a_page_that_comes_into_view_again_looks_for_its_run(page):
    begin(page, steps=100)
    page.evaluate(
        """() => {
          const see = (hidden) => {
            Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
          };
          const now = Date.now;
          see(true);
          Date.now = () => now() + 60000;
          see(false);
        }"""
    )
    wait_done(page, PATIENCE)


@pytest.mark.slow
def test_too_many_at_once_get_a_sentence(page):
    tab(page, "MNIST sampler")
    page.route("**/queue/join*", lambda route: route.fulfill(status=503, json={"detail": "Queue is full."}))
    run(page)
    expect(page.locator("#connection")).to_contain_text("the line is full. Nothing is lost. Press Run again")
    page.unroute("**/queue/join*")
    page.locator("#connection button").click()
    expect(page.locator("#connection")).to_be_hidden()
    begin(page, steps=3)
    wait_done(page)


def draw(page) -> None:
    """A seven on the sketchpad."""
    canvas = page.locator("#mnist-denoise-sketch canvas").first
    canvas.wait_for()
    page.wait_for_timeout(1500)  # the brush is chosen a moment after the canvas is there
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y - 60)
    page.mouse.down()
    for dx, dy in ((40, -60), (-10, 70)):
        page.mouse.move(x + dx, y + dy, steps=10)
    page.mouse.up()
    page.wait_for_timeout(500)


@pytest.mark.slow
def test_a_server_that_was_started_anew_leaves_drawing_and_settings_alone(browser):
    mine = the.Server(SMALL).start()
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(1000 * PATIENCE)
    page = visit(context, mine.url)
    tab(page, "MNIST denoiser")
    tab(page, "Draw one")
    draw(page)
    begin(page)
    mine.kill()
    expect(page.locator("#connection")).to_contain_text(
        "The server does not answer. Settings and drawings stay"
    )
    shoot(page, "server-gone")
    run(page)  # in vain, and nothing breaks
    again = the.Server(SMALL, mine.port).start()
    try:
        expect(page.locator("#connection")).to_contain_text("The server was started anew")
        expect(status(page)).to_contain_text("this run is lost")
        expect(field(page, "mnist-sample-digits")).to_have_value("2026")
        begin(page, steps=3)
        wait_done(page)
        tab(page, "MNIST denoiser")
        run(page)
        wait_done(page)
        recipe = export.recipe_in(convert.opened(download(page, "PNG with recipe")))
        ink = convert.to_tensor(convert.from_uri(recipe["picture"]), 0, 1)
        assert 0.02 < float(ink.mean()) < 0.4 and ink[..., 4:10, :].sum() > ink[..., 18:24, :].sum()
    finally:
        context.close()
        again.stop()


def test_a_browser_without_webgl_is_told_what_to_do_instead(browser, server):
    plain = browser.browser_type.launch(
        executable_path=the.chromium(), args=[*the.CHROMIUM_ARGS, "--disable-3d-apis"]
    )
    page = plain.new_page()
    page.set_default_timeout(1000 * PATIENCE)
    page.goto(server.url)
    tab(page, "MNIST denoiser")
    tab(page, "Draw one")
    expect(page.get_by_text("This browser has no WebGL, so there is nothing to draw on here")).to_have_count(
        1
    )
    expect(page.get_by_text("Upload a picture (or a mask) instead")).to_be_visible()
    shoot(page, "no-webgl")
    plain.close()
