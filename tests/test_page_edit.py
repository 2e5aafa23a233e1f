"""Edit in a real browser: a sketch, rows of starts, one's own picture, one from the web."""

import http.server
import threading

import numpy as np
import pytest

from diffusion_core.images import convert
from tests import strokes
from tests.strokes import BROKEN, SLOW, file_of, photo, pixels, quick, says, stroke, toast
from tests.walk import PATIENCE, field, put, recipe_of, run, seen, shoot, tab, visit, wait_done

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    yield from strokes.served(tmp_path_factory)


# --- Edit ---------------------------------------------------------------------------------------------------


def test_a_sketch_is_edited_and_comes_back(page):
    tab(page, "Edit")
    quick(page, "text-sdedit")
    put(page, "text-sdedit-starts", "1, 3, 5")
    put(page, "text-sdedit-prompt", "a cat face")
    tab(page, "Sketch")
    page.locator("#text-sdedit-sketch canvas").first.wait_for()
    page.wait_for_timeout(1500)
    run(page)
    says(page, "Nothing is drawn yet")
    stroke(page, "text-sdedit-sketch", (-80, -90), (80, -90), (80, -60))  # above the middle
    run(page)
    wait_done(page, PATIENCE)
    shoot(page, "edit-sketch")
    strip = page.locator("#text-sdedit-strip")
    assert strip.locator("button").count() == 3 and strip.locator("img").count() == 4
    recipe = recipe_of(page)
    assert (recipe["prompt"], recipe["starts"], recipe["steps"]) == ("a cat face", [1, 3, 5], "8")
    drawn = pixels(recipe["picture"])
    assert drawn.shape == (256, 256) and (drawn[:128] < 128).any() and not (drawn[140:] < 128).any()

    strip.locator("button").nth(2).click()
    expect(strip.locator("button").nth(2)).to_have_attribute("aria-pressed", "true", timeout=SLOW)
    expect(page.locator("#text-sdedit-slider")).to_contain_text("start 5")
    assert page.locator("#text-sdedit-slider img").count() >= 2

    other = visit(page.context, field(page, "text-sdedit-link").input_value())
    expect(field(other, "text-sdedit-prompt")).to_have_value("a cat face", timeout=SLOW)
    expect(seen(other, ".upload img").first).to_be_visible(timeout=SLOW)  # on the tab of one's own pictures


def test_an_example_shows_rows_with_a_prompt_and_without(page):
    tab(page, "Edit")
    page.get_by_role("button", name="A flower, with a prompt and without").click()
    says(page, "Done")
    strip = page.locator("#text-sdedit-strip")
    expect(strip).to_contain_text("no prompt")
    expect(strip).to_contain_text("with the prompt")
    assert strip.locator("button").count() == 6
    expect(page.locator('.chooser [aria-pressed="true"]').first).to_have_attribute(
        "title", "Sketch of a flower"
    )
    assert recipe_of(page)["told"] == "without and with"
    put(page, "text-sdedit-prompt", "")
    run(page)
    says(page, "with it and without it are the same")
    expect(strip.locator("button")).to_have_count(6)


def test_at_256_too(page):
    tab(page, "Edit")
    quick(page, "text-sdedit")
    put(page, "text-sdedit-steps_2", "3")
    put(page, "text-sdedit-starts", "2, 4")
    page.locator("#text-sdedit-enlarge label", has_text="256").click()
    run(page)
    wait_done(page, PATIENCE)
    image = page.locator("#text-sdedit-strip button img").first
    assert image.evaluate("image => image.naturalWidth") == 32  # the large size of the tiny cascade


def test_ones_own_picture_and_one_that_is_none(page):
    tab(page, "Edit")
    quick(page, "text-sdedit")
    put(page, "text-sdedit-starts", "2, 4")
    tab(page, "Your own")
    page.wait_for_timeout(2000)  # the server hears of it
    run(page)
    says(page, "there is no picture yet")
    page.locator('.upload input[type="file"]').first.set_input_files(BROKEN)
    toast(page, "PNG, JPEG, WebP and GIF work")
    page.locator('.upload input[type="file"]').first.set_input_files(file_of(photo(), "JPEG"))
    expect(seen(page, ".upload img").first).to_be_visible(timeout=SLOW)
    page.wait_for_timeout(1500)
    run(page)
    wait_done(page, PATIENCE)
    kept = pixels(recipe_of(page)["picture"]).astype(float)
    wanted = np.asarray(convert.squared(photo(), 256).convert("L"), dtype=float)
    assert kept.shape == (256, 256) and abs(kept - wanted).mean() < 5


class Web(http.server.BaseHTTPRequestHandler):
    """A site: /cat.png may be read by other pages, /page is no picture, /closed.png is only for itself."""

    def do_GET(self):
        data = file_of(photo(256, 256))["buffer"] if self.path.endswith("png") else b"<p>a page</p>"
        self.send_response(200)
        self.send_header("Content-Type", "image/png" if self.path.endswith("png") else "text/html")
        if "closed" not in self.path:
            self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def test_a_picture_from_the_web_is_fetched_by_the_browser(browser, server):
    site = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Web)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{site.server_port}"
    context = browser.new_context(accept_downloads=True)  # its console says why a site refuses
    context.set_default_timeout(SLOW)
    try:
        page = visit(context, server.url)
        tab(page, "Edit")
        tab(page, "Your own")
        address = field(page, "text-sdedit-address")
        for wrong, words in (
            ("cat", "This is no address"),
            ("file:///etc/passwd", "This is no address"),
            (f"{url}/page", "At this address is no picture"),
            (f"{url}/closed.png", "lets no other page read its pictures"),
        ):
            address.fill(wrong)
            address.press("Enter")
            toast(page, words)
        expect(page.locator(".upload img")).to_have_count(0)
        address.fill(f"{url}/cat.png")
        page.get_by_role("button", name="Fetch").locator("visible=true").click()
        expect(seen(page, ".upload img").first).to_be_visible(timeout=SLOW)
    finally:
        context.close()
        site.shutdown()
