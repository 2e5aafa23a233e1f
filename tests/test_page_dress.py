"""The dress: contrast, names and focus for everybody; phones; and presenter mode for the last row.

Screenshots of every tab, wide, dark, on a phone and as presented, lie in test-artefacts/ afterwards.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.walk import PATIENCE, field, run, seen, shoot, tab, visit, wait_done

expect = pytest.importorskip("playwright.sync_api").expect
axe = pytest.importorskip("axe_playwright_python.sync_playwright")
pytestmark = pytest.mark.browser

SEEN = {"exclude": [["[role=tabpanel][style*='display: none']"]]}  # not what other tabs hide
TAGS = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice")
TABS = "[...document.querySelector('[role=tablist]').querySelectorAll('[role=tab]')]"
INNER = "[...document.querySelectorAll('[role=tabpanel] [role=tab]')].filter((t) => t.offsetParent)"
NAMES = ".map((t) => t.innerText.trim()).filter(Boolean)"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def calm(browser, server):
    """A visitor for whom nothing moves, so that no colour is measured on its way to another."""
    context = browser.new_context(viewport=WIDE, reduced_motion="reduce")
    context.set_default_timeout(1000 * PATIENCE)
    yield visit(context, server.url)
    context.close()


def places(page, deep: bool = True) -> Iterator[str]:
    """Walk through every tab, and every tab within it; says where it is."""
    for name in page.evaluate(TABS + NAMES):
        tab(page, name)
        expect(seen(page, ".run-button, .lead h2").first).to_be_visible()
        page.wait_for_timeout(300)
        been: set[str] = set()
        while new := [each for each in page.evaluate(INNER + NAMES) if each not in been]:
            if not deep:
                break
            been.add(new[0])
            seen(page, "[role=tabpanel] [role=tab]").get_by_text(new[0], exact=True).last.click()
            page.wait_for_timeout(300)
            yield f"{name}, {new[0]}"
        if not been:
            yield name


def findings(page, *, rule: str = "") -> list[str]:
    """What axe-core finds serious or critical on the page as it is, by all rules or by one."""
    only = {"type": "rule", "values": [rule]} if rule else {"type": "tag", "values": TAGS}
    options = {"resultTypes": ["violations"], "runOnly": only}
    return [
        f"{each['id']}: {node['html'][:160]}"
        for each in axe.Axe().run(page, context=SEEN, options=options).response["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def darken(page, on: bool) -> None:
    page.evaluate("(on) => document.body.classList.toggle('dark', on)", on)


def present(page, on: bool) -> None:
    button = page.locator("#presenter")
    if (button.get_attribute("aria-pressed") == "true") != on:
        button.click()
    expect(button).to_have_attribute("aria-pressed", str(on).lower())


def too_wide(page) -> int:
    """By how many pixels the page scrolls sideways."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def nameless(page) -> list[str]:
    """The pictures without an alt attribute; and those in view with an empty one that nothing speaks for."""
    return page.evaluate(
        """[...document.querySelectorAll("img")].filter((each) => !each.hasAttribute("alt") ||
           (each.offsetParent && !each.alt && !each.closest("button, a, [aria-hidden=true]")))
           .map((each) => each.outerHTML.slice(0, 160))"""
    )


def portrait(page, name: str, size: dict) -> None:
    """A screenshot on a screen as tall as the page: else what sticks to its lower edge stands in between."""
    tall = page.evaluate("document.documentElement.scrollHeight")
    page.set_viewport_size(size | {"height": max(tall, size["height"])})
    page.wait_for_timeout(200)
    shoot(page, slug(name))


def slug(name: str) -> str:
    return name.lower().replace(", ", "-").replace(" ", "-")


# --- for everybody ---------------------------------------------------------------------------------------


def test_every_tab_is_for_everybody(calm):
    wrong: dict[str, object] = {}
    for place in places(calm, deep=False):
        found = findings(calm)
        darken(calm, True)
        found += [f"dark, {each}" for each in findings(calm, rule="color-contrast")]
        darken(calm, False)
        found += [f"no text: {each}" for each in nameless(calm)]
        calm.set_viewport_size(PHONE)
        if (over := too_wide(calm)) > 0:
            found.append(f"on a phone {over} px too wide")
        calm.set_viewport_size(WIDE)
        if found:
            wrong[place] = found
    assert not wrong


@pytest.mark.slow
def test_every_tab_within_a_tab_is_for_everybody_in_every_dress(calm):
    wrong: dict[str, object] = {}
    for place in places(calm):
        found = [f"no text: {each}" for each in nameless(calm)]
        found += findings(calm)
        portrait(calm, f"dress-{place}-wide", WIDE)
        darken(calm, True)
        found += [f"dark, {each}" for each in findings(calm, rule="color-contrast")]
        shoot(calm, slug(f"dress-{place}-dark"))
        darken(calm, False)
        for dress, presented in (("phone", False), ("presenter-phone", True)):
            present(calm, presented)
            calm.set_viewport_size(PHONE)
            if (over := too_wide(calm)) > 0:
                found.append(f"{dress}: {over} px too wide")
            if not presented:
                portrait(calm, f"dress-{place}-{dress}", PHONE)
        calm.set_viewport_size(WIDE)
        found += [f"presenter, {each}" for each in findings(calm)]
        portrait(calm, f"dress-{place}-presenter", WIDE)
        present(calm, False)
        calm.set_viewport_size(WIDE)
        if found:
            wrong[place] = found
    assert not wrong


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_serious_around_a_result(calm, server, theme):
    page = visit(calm.context, f"{server.url}/?__theme={theme}")
    tab(page, "MNIST sampler")
    run(page)
    wait_done(page, PATIENCE)
    assert not findings(page) and not nameless(page)
    seen(page, "#mnist-sample-result .enlarge").click()
    expect(page.locator("#enlarged")).to_be_visible()
    assert not findings(page)


@pytest.mark.slow
def test_a_plot_is_readable_when_light_and_dark_change_places(calm):
    tab(calm, "Training")
    tab(calm, "Curves")
    words = seen(calm, ".vega-embed svg text").first
    colour = "each => getComputedStyle(each).fill"
    before = words.evaluate(colour)
    calm.locator("#light-dark").click()
    assert words.evaluate(colour) != before


# --- keys ------------------------------------------------------------------------------------------------

MARKED = """() => [...document.querySelectorAll(
    "button, input:not([type=file]):not([type=radio]), textarea, select, a[href]")]
  .filter((each) => each.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
  .filter((each) => !each.disabled && each.tabIndex >= 0 && !each.closest("[aria-hidden=true]"))
  .map((each, k) => { each.dataset.key = k; return each.outerHTML.slice(0, 160); })"""
FOCUSED = """() => {
  const each = document.activeElement;
  return [Number(each.dataset.key ?? -1), each.classList.contains("run-button")];
}"""


def assert_keys_reach_everything(page) -> None:
    """Tab goes through every control in the order of the page, Run among them."""
    editor = seen(page, ".autobrush canvas").count()
    page.wait_for_timeout(3000 if editor else 500)  # an editor's Undo comes and goes until it is ready
    wanted, order, runs = page.evaluate(MARKED), [], False
    seen(page, ".masthead button").first.focus()
    for _ in range(len(wanted) + 60):
        key, is_run = page.evaluate(FOCUSED)
        if key in order:
            break
        order += [key] * (key >= 0)
        runs = runs or is_run
        page.keyboard.press("Tab")
    missed = [html for k, html in enumerate(wanted) if k not in order]
    assert len(wanted) > 10 and runs and not missed, "\n".join(missed)
    assert all(a < b for a, b in pairwise(order)), order


def test_tab_reaches_every_control_in_reading_order(calm):
    tab(calm, "MNIST sampler")
    assert_keys_reach_everything(calm)
    present(calm, True)
    assert_keys_reach_everything(calm)


@pytest.mark.slow
@pytest.mark.parametrize("presenter", [False, True])
def test_tab_reaches_every_control_of_every_tab(calm, presenter):
    for place in places(calm):
        if place in ("In two dimensions", "Training, Curves", "Training, Facts"):  # nothing runs there
            continue
        present(calm, presenter)
        assert_keys_reach_everything(calm)
        present(calm, False)


# --- presenter mode, light and dark ----------------------------------------------------------------------


def test_presenter_mode_by_button_and_by_link_and_esc_stops_in_it(page):
    tab(page, "MNIST sampler")
    button, lead = page.locator("#presenter"), seen(page, ".lead p").first
    expect(lead).to_be_visible()
    small = seen(page, ".run-button").bounding_box()["height"]
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    side = ".lead p, .cost, .equation, .link, .code-made, .visit, .info-text, footer"
    expect(seen(page, side)).to_have_count(0)
    assert seen(page, ".run-button").bounding_box()["height"] > 1.3 * small
    assert "presenter" in page.url

    by_link = visit(page.context, page.url)
    expect(by_link.locator("#presenter")).to_have_attribute("aria-pressed", "true")
    by_link.close()

    field(page, "mnist-sample-steps").fill("300")
    page.keyboard.press("Control+Enter")
    status = seen(page, ".status").first
    expect(status).to_contain_text("to go")
    page.keyboard.press("Escape")
    expect(status).to_contain_text("Stopped")
    expect(button).to_have_attribute("aria-pressed", "true")  # Esc stops; it is the button that leaves
    button.focus()
    page.keyboard.press("Enter")
    expect(lead).to_be_visible()
    assert "presenter" not in page.url


def test_light_and_dark_by_button(page):
    body = page.locator("body")
    before = body.evaluate("each => getComputedStyle(each).backgroundColor")
    page.locator("#light-dark").click()
    expect(body).not_to_have_css("background-color", before)
    page.locator("#light-dark").click()
    expect(body).to_have_css("background-color", before)


# --- pictures first, and nothing jumps ----------------------------------------------------------------------


@pytest.mark.slow
def test_nothing_jumps_while_previews_come_and_small_pictures_are_crisp(page):
    tab(page, "MNIST sampler")
    field(page, "mnist-sample-digits").fill("7")
    field(page, "mnist-sample-steps").fill("300")
    boxes = """[...document.querySelectorAll(".pane, .run-button, .status, .link")]
      .filter((e) => e.offsetParent)
      .map((e) => { const b = e.getBoundingClientRect(); return [b.x, b.y + scrollY, b.width, b.height]; })"""
    page.wait_for_timeout(1500)  # for the cost of one digit
    before = page.evaluate(boxes)
    assert len(before) >= 5
    run(page)
    expect(seen(page, ".status").first).to_contain_text(re.compile("Step|Done"))
    while "Done" not in seen(page, ".status").first.inner_text():
        assert page.evaluate(boxes) == before
        page.wait_for_timeout(100)
    assert page.evaluate(boxes) == before
    for name in ("xt", "x0", "result"):
        picture = seen(page, f"#mnist-sample-{name} img")
        assert picture.evaluate("each => getComputedStyle(each).imageRendering") == "pixelated"
        assert picture.bounding_box()["height"] >= 200  # of 28 pixels


@pytest.mark.slow
def test_a_picture_fills_the_screen_and_esc_does_not_stop_the_run(page):
    tab(page, "MNIST sampler")
    field(page, "mnist-sample-steps").fill("300")
    run(page)
    expect(seen(page, ".status").first).to_contain_text("to go")
    seen(page, "#mnist-sample-xt .enlarge").focus()
    page.keyboard.press("Enter")
    large = page.locator("#enlarged")
    expect(large).to_be_visible()
    said = large.locator("figcaption").inner_text()
    page.keyboard.press("ArrowRight")
    assert large.locator("figcaption").inner_text() != said
    page.keyboard.press("Escape")
    expect(large).to_be_hidden()
    expect(seen(page, ".status").first).to_contain_text("to go")  # it runs on
    page.keyboard.press("Escape")
    expect(seen(page, ".status").first).to_contain_text("Stopped")
