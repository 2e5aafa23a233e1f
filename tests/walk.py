"""A visitor's walk through the page: fixtures, and what hands and eyes do. conftest.py offers the fixtures.

def test_something(page):       a fresh visit at 1280 x 1000; fails if the console shows an error
    tab(page, "Guidance")       or a request leaves this machine
    run(page)
    wait_done(page)
"""

import base64
import io
import os

import pytest
from PIL import Image

from diffusion_core.images import convert, export
from tests import page as the

PATIENCE = float(os.environ.get("PATIENCE", 60))  # seconds for what comes at once, on a busy machine


def playwright():
    """Playwright's API, or the test is skipped."""
    return pytest.importorskip("playwright.sync_api")


@pytest.fixture(scope="module")
def server():
    """`python app.py`, for the tests of a file; its log must hold no traceback."""
    server = the.Server().start()
    yield server
    server.stop()
    faults = [line for line in server.log if "Traceback" in line]
    assert not faults, "".join(server.log)


@pytest.fixture(scope="module")
def browser():
    playwright().expect.set_options(timeout=1000 * PATIENCE / 2)
    with playwright().sync_playwright() as running:
        browser = running.chromium.launch(executable_path=the.chromium(), args=the.CHROMIUM_ARGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, server):
    """A fresh visit that fails if a console shows an error or a request leaves this machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000}, accept_downloads=True)
    context.set_default_timeout(1000 * PATIENCE)
    wrong: list[str] = []
    context.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on("request", lambda request: wrong.append(request.url) if leaves(request.url) else None)
    yield visit(context, server.url)
    context.close()
    assert not wrong, wrong


def visit(context, url: str):
    """A new page of the same visitor. (Leaving one that talks to its server is an error of Gradio's.)"""
    page = context.new_page()
    page.goto(url)
    seen(page, ".run-button, .two-dimensions canvas").first.wait_for()
    return page


def leaves(url: str) -> bool:
    return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))


def tab(page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).first.click()


def seen(page, selector: str):
    """The elements of a selector on the tab in view."""
    return page.locator(selector).locator("visible=true")


def field(page, elem_id: str):
    """What one types into: the text or number field of a control."""
    return page.locator(f'#{elem_id} :is(textarea, input[type="number"], input[type="text"])').first


def put(page, elem_id: str, value: str) -> None:
    """Type into a control, and leave it."""
    field(page, elem_id).fill(value)
    field(page, elem_id).blur()


def run(page) -> None:
    """Press Run; what the status line says until then is marked as old."""
    page.evaluate(
        "document.querySelectorAll('.status *').forEach(e => e.childElementCount || (e.dataset.old = ''))"
    )
    seen(page, ".run-button").first.click()


def wait_done(page, seconds: float = 60) -> None:
    """Wait for the end of the run that was begun last."""
    playwright().expect(seen(page, ".status [data-old]")).to_have_count(0, timeout=1000 * seconds)
    status = seen(page, ".status").first
    playwright().expect(status).to_contain_text("Done", timeout=1000 * seconds)


def picture_in(page, elem_id: str) -> Image.Image:
    """The picture that a component shows, as the browser got it."""
    locator = page.locator(f"#{elem_id} img")
    locator.wait_for()
    source = locator.get_attribute("src")
    if source.startswith("data:"):
        return Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB")
    response = page.request.get(source)
    assert response.ok
    return Image.open(io.BytesIO(response.body())).convert("RGB")


def download(page, name: str) -> bytes:
    with page.expect_download() as waiting:
        seen(page, f'a:has-text("{name}"), button:has-text("{name}")').first.click()
    return open(waiting.value.path(), "rb").read()


def recipe_of(page):
    """The recipe of the last run, out of the downloaded PNG."""
    return export.recipe_in(convert.opened(download(page, "PNG with recipe")))


def shoot(page, name: str) -> None:
    the.ARTEFACTS.mkdir(exist_ok=True)
    page.screenshot(path=the.ARTEFACTS / f"{name}.png", full_page=True)
