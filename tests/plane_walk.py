"""What hands and eyes do on the tab "In two dimensions"."""

import contextlib

from tests.walk import PATIENCE, leaves

WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
CANVAS = ".two-dimensions .stage canvas"
AS_OPENED = """() => {
  const { plane } = darkroomTwoDimensions;
  Object.assign(plane, { dots: [], u: 0.3, cursor: null });
  plane.settings.word = "noise";
  plane.choose(0);
  plane.pause();
  plane.u = 0.3;
  plane.root.querySelector("details").open = false;
  document.activeElement.blur();
  scrollTo(0, 0);
}"""


@contextlib.contextmanager
def visits(browser, server):
    """visit(size, address, **options) -> a page; no console shows an error, no request goes elsewhere."""
    contexts, wrong = [], []

    def visit(size=WIDE, address="", **options):
        context = browser.new_context(viewport=size, **options)
        contexts.append(context)
        context.set_default_timeout(1000 * PATIENCE)
        context.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
        context.on("weberror", lambda error: wrong.append(str(error.error)))
        context.on("request", lambda request: wrong.append(request.url) if leaves(request.url) else None)
        page = context.new_page()
        page.goto(server.url + address)
        page.wait_for_function("window.darkroomTwoDimensions")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert not wrong, wrong


def state(page) -> dict:
    return page.evaluate("darkroomTwoDimensions.state()")


def control(page, name: str):
    return page.locator(f'.two-dimensions [data-set="{name}"]')


def pixels(page) -> str:
    return page.locator(CANVAS).evaluate("each => each.toDataURL()")


def computed(page) -> None:
    """Wait until the way back is known to its end."""
    page.wait_for_function("darkroomTwoDimensions.plane.films.every((film) => film.run.finished)")


def to(page, u: float) -> None:
    """Move the film to a moment, as a hand on the scrubber does."""
    page.locator(".two-dimensions .scrub").evaluate(
        "(each, u) => { each.value = u; each.dispatchEvent(new Event('input')); }", u
    )
    computed(page)
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def off(page) -> list[float]:
    """How far the points of each film end from the data, on average."""
    computed(page)
    with_hook = "({ plane, measures }) => plane.films.map((film) => measures(film.run).off)"
    return page.evaluate(f"({with_hook})(darkroomTwoDimensions)")
