"""The tab "In two dimensions" in a real browser: alive at once, by hand, by keyboard, on a phone."""

import pytest

from tests import page as the
from tests.plane_walk import AS_OPENED, CANVAS, PHONE, WIDE, computed, control, off, pixels, state, to, visits
from tests.walk import shoot, tab

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser

TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]


@pytest.fixture(scope="module")
def server():
    server = the.Server(("tests/plane_page.py",)).start()
    yield server
    server.stop()


@pytest.fixture
def opened(browser, server):
    """To open a page with, for one test."""
    with visits(browser, server) as visit:
        yield visit


@pytest.fixture(scope="module")
def still(browser, server):
    """A visitor for whom nothing moves."""
    with visits(browser, server) as visit:
        yield visit(reduced_motion="reduce")


@pytest.fixture
def calm(still):
    """The same, as it was opened: the film stands still until it is moved."""
    still.evaluate(AS_OPENED)
    return still


# --- alive --------------------------------------------------------------------------------------------------


def test_it_is_moving_before_anybody_touches_it(opened):
    page = opened()
    first, began = pixels(page), state(page)
    page.wait_for_function("(u) => darkroomTwoDimensions.state().u > u + 0.1", arg=began["u"])
    assert pixels(page) != first
    assert began["playing"] and began["n"] > 300
    page.wait_for_function("darkroomTwoDimensions.state().u > 1.1", timeout=120_000)  # and back
    assert page.evaluate("darkroomTwoDimensions.fps()") > 0
    shoot(page, "two-dimensions")


def test_it_asks_the_server_nothing(opened):
    page = opened()
    page.wait_for_timeout(1500)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.locator(".presets button").nth(5).click()
    control(page, "sampler").select_option("flow")
    page.locator(".again").click()
    page.wait_for_timeout(1000)
    assert not [url for url in asked if "heartbeat" not in url and not url.startswith("data:")]


def test_who_prefers_calm_sees_a_still_and_may_play_it(calm):
    still, first = pixels(calm), state(calm)
    calm.wait_for_timeout(600)
    assert state(calm)["u"] == first["u"] > 0 and not first["playing"] and pixels(calm) == still
    calm.get_by_role("button", name="Play").click()
    calm.wait_for_function("(u) => darkroomTwoDimensions.state().u > u", arg=first["u"])
    shown = calm.evaluate("darkroomTwoDimensions.plane.shown")
    assert shown in [k / 8 for k in range(9)] or shown > 1  # in jumps


def test_on_another_tab_it_rests(opened):
    page = opened()
    tab(page, "Another")
    page.wait_for_timeout(500)
    before = state(page)["u"]
    page.wait_for_timeout(700)
    assert state(page)["u"] == before
    tab(page, "In two dimensions")
    page.wait_for_function("(u) => darkroomTwoDimensions.state().u !== u", arg=before)


# --- under the hand -----------------------------------------------------------------------------------------


def test_the_scrubber_shows_the_moment(calm):
    scrub, level = calm.locator(".scrub"), calm.locator(".level")
    scrub.focus()
    calm.keyboard.press("Home")
    expect(level).to_contain_text("clean · α 1.00 · σ 0.00")
    to(calm, 1)
    expect(level).to_contain_text("t = 999 · α 0.00 · σ 1.00")
    noise = pixels(calm)
    calm.locator("summary").click()
    expect(calm.locator(".equations")).to_contain_text("ε̂")
    calm.keyboard.press("Shift+Tab")
    scrub.focus()
    calm.keyboard.press("End")
    expect(scrub).to_have_attribute("aria-valuetext", "back, clean · α 1.00 · σ 0.00")
    expect(calm.locator(".caption").first).to_contain_text("off the data")
    assert pixels(calm) != noise


@pytest.mark.parametrize("name", ["letters", "moons", "spiral", "classes"])
def test_every_set_is_left_and_found_again(calm, name):
    control(calm, "set").select_option(name)
    assert state(calm)["n"] > 300
    to(calm, 2)
    assert off(calm)[0] < 0.03
    expect(control(calm, "gamma")).to_be_visible(visible=name == "classes")
    expect(control(calm, "word")).to_be_visible(visible=name == "letters")


def test_a_word_of_ones_own(calm):
    before = pixels(calm)
    control(calm, "word").fill("cat")
    to(calm, 0)
    assert pixels(calm) != before and state(calm)["n"] > 300
    control(calm, "word").fill("")
    assert state(calm)["n"] > 10  # a question mark


def test_few_steps_blur_and_many_land(calm):
    control(calm, "set").select_option("spiral")
    ends = {}
    for sampler in ("ddpm", "ddim", "flow"):
        control(calm, "sampler").select_option(sampler)
        for steps in (2, 50):
            control(calm, "steps").select_option(str(steps))
            [ends[steps]] = off(calm)
        assert ends[2] > 4 * ends[50], sampler


def test_answers_at_once_are_all_the_mean_where_all_is_noise(calm):
    calm.get_by_role("button", name="At once", exact=True).click()
    to(calm, 0.998)
    spread = """() => {
      const film = darkroomTwoDimensions.plane.films[0], x = new Float64Array(2000);
      if (!film.answers(0.998, x)) return null;
      return Math.max(...x.map((v, i) => Math.abs(v - x[i % 2])));
    }"""
    calm.wait_for_function(f"({spread})() !== null")
    assert calm.evaluate(spread) < 0.06  # of data 4.5 wide


def test_the_examples_argue(calm):
    buttons = calm.locator(".presets button")
    expect(buttons).to_have_count(6)
    words = set()
    for k in range(6):
        buttons.nth(k).click()
        words.add(calm.locator(".says").inner_text())
        expect(buttons.nth(k)).to_have_attribute("aria-pressed", "true")
        if k == 1:
            few, many = off(calm)
            assert few > 4 * many
    assert len(words) == 6 and min(map(len, words)) > 80


def test_guidance_leaves_what_the_classes_share(calm):
    calm.locator(".presets button").nth(5).click()
    computed(calm)
    shared = """darkroomTwoDimensions.plane.films.map((film) => {
      const end = film.run.states[film.run.steps];
      return Array.from({ length: 1000 }, (_, k) => Math.abs(end[2 * k]) < 0.35).filter(Boolean).length;
    })"""
    plain, guided = calm.evaluate(shared)
    assert guided < 0.25 * plain


def test_compare_keeps_what_was_there_beside(calm):
    calm.get_by_role("button", name="Compare").click()
    control(calm, "sampler").select_option("ddpm")
    captions = calm.locator(".caption")
    expect(captions.nth(0)).to_contain_text("DDIM")
    expect(captions.nth(1)).to_contain_text("DDPM")
    calm.get_by_role("button", name="Compare").click()
    expect(captions.nth(1)).to_be_hidden()


def test_a_point_is_followed_and_let_go(calm):
    calm.locator(".presets button").nth(3).click()
    calm.get_by_role("button", name="Pause").click()
    to(calm, 0)
    box = calm.locator(CANVAS).bounding_box()
    for _ in range(2):
        calm.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        followed = state(calm)["marks"]
    assert followed == []
    calm.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert len(state(calm)["marks"]) == 1
    calm.locator("summary").click()
    expect(calm.locator(".two-dimensions dl")).to_contain_text("the point followed")


# --- one's own dots -----------------------------------------------------------------------------------------


def test_dots_drawn_by_mouse_become_the_data(opened):
    page = opened()
    control(page, "set").select_option("own")
    expect(page.locator(".hint")).to_be_visible()
    box = page.locator(CANVAS).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 120, y)
    page.mouse.down()
    page.mouse.move(x + 120, y, steps=20)
    page.mouse.up()
    expect(page.locator(".hint")).to_be_hidden()
    assert 10 <= state(page)["n"] <= 60
    page.wait_for_function("darkroomTwoDimensions.state().u > 0")  # it begins by itself
    assert off(page)[0] < 0.05
    page.get_by_role("button", name="Clear").click()
    assert state(page)["n"] == 0


def test_dots_drawn_by_finger(opened):
    page = opened(PHONE, has_touch=True, is_mobile=True)
    control(page, "set").select_option("own")
    page.locator(CANVAS).scroll_into_view_if_needed()
    box = page.locator(CANVAS).bounding_box()
    for k in range(1, 4):
        page.touchscreen.tap(box["x"] + k * box["width"] / 4, box["y"] + box["height"] / 2)
    assert state(page)["n"] == 3


# --- for everybody ------------------------------------------------------------------------------------------


def test_by_keyboard_alone(calm):
    calm.locator("#light-dark").focus()
    calm.keyboard.press("Tab")  # the tabs
    for _ in range(4):
        calm.keyboard.press("Tab")
        if calm.evaluate("document.activeElement.matches('.two-dimensions .stage canvas')"):
            break
    else:
        raise AssertionError("the canvas is not reached")
    calm.keyboard.press("ArrowRight")
    calm.keyboard.press("Enter")
    assert len(state(calm)["marks"]) == 1
    calm.keyboard.press("Tab")
    expect(calm.get_by_role("button", name="Play")).to_be_focused()
    calm.keyboard.press("Space")
    assert state(calm)["playing"]
    control(calm, "set").focus()
    calm.keyboard.press("y")  # your dots
    expect(control(calm, "set")).to_have_value("own")
    calm.locator(CANVAS).focus()
    for _ in range(3):
        calm.keyboard.press("Shift+ArrowUp")
        calm.keyboard.press("Enter")
    assert state(calm)["n"] == 3
    calm.keyboard.press("Tab")  # no trap
    expect(calm.locator(CANVAS)).not_to_be_focused()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(opened, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    page = opened(address=f"/?__theme={theme}", reduced_motion="reduce")
    page.locator("summary").click()
    page.locator(".presets button").nth(5).click()
    page.get_by_role("button", name="Pause").click()
    to(page, 2)
    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": TAGS}}
    found = axe.Axe().run(page, context=".two-dimensions", options=options).response["violations"]
    assert not [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]
    shoot(page, f"two-dimensions-{theme}")


def test_on_a_phone_nothing_is_too_wide_and_the_plane_is_seen_first(opened):
    page = opened(PHONE, has_touch=True, is_mobile=True)
    for k in range(6):
        page.locator(".presets button").nth(k).click()
        assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    page.evaluate("scrollTo(0, 0)")
    for part in (CANVAS, ".scrub", '[data-set="set"]'):
        box = page.locator(part).first.bounding_box()
        assert box["y"] + box["height"] <= PHONE["height"], part
    shoot(page, "two-dimensions-phone")


def test_on_a_wide_screen_the_examples_are_seen_first_too(calm):
    for part in (CANVAS, ".scrub", '[data-set="steps"]', ".presets li:last-child", ".says"):
        box = calm.locator(part).first.bounding_box()
        assert box["y"] + box["height"] <= WIDE["height"], part
