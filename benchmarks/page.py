"""How long a person waits: `python -m benchmarks.page --json`.

seconds_to_serve   from `python app.py` to the address being printed
seconds_to_usable  from `python app.py` to a page in Chromium whose first tab is there
first_load_bytes   what the browser received until then
tabs               tab -> from the click on its first example (Run, where there is none), in seconds:
                   first_preview_s, to the first picture that was not there before;
                   picture_s, to the finished one; cost, what the page had said it would take
plane_fps          frames a second of the film on the first tab, eight seconds after it can be seen
"""

import argparse
import json
import time

from playwright.sync_api import TimeoutError, sync_playwright

from tests import page as the

LONGEST = 120  # seconds that a tab may take
WATCHED = """(first) => {
  const panel = [...document.querySelectorAll('[role="tabpanel"]')].find((each) => each.offsetParent);
  const runs = () => [...panel.querySelectorAll(".status")].find((e) => e.offsetParent && e.innerText.trim());
  const costs = () => [...panel.querySelectorAll(".cost")].map((each) => each.innerText.trim());
  const pictures = () => [...panel.querySelectorAll("img")].map((each) => each.src);
  const button = [...panel.querySelectorAll(first)].find((each) => each.offsetParent);
  const before = new Set(pictures());
  const seen = (window.watched = { cost: "", preview: null, done: null });
  const leaves = (within) => [...within.querySelectorAll("*")].filter((each) => !each.childElementCount);
  if (runs()) leaves(runs()).forEach((each) => (each.dataset.old = ""));
  const began = performance.now();
  new MutationObserver(() => {
    const now = (performance.now() - began) / 1000;
    if (pictures().some((source) => source && !before.has(source))) seen.preview ??= now;
    const fresh = runs() && !leaves(runs()).some((each) => "old" in each.dataset && each.innerText.trim());
    if (seen.done === null && fresh && /Done/.test(runs().innerText)) {
      seen.done = now;
      seen.cost = costs().find((text) => text.startsWith("Cost")) ?? "";
    }
  }).observe(panel, { subtree: true, childList: true, attributes: true, characterData: true });
  button.click();
}"""


def measure() -> dict:
    """One start of the app and one first visit; Chromium's own start is not counted."""
    received = 0
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=the.chromium(), args=the.CHROMIUM_ARGS)
        page = browser.new_page()
        client = page.context.new_cdp_session(page)
        client.send("Network.enable")

        def count(event: dict) -> None:
            nonlocal received
            received += event["encodedDataLength"]

        client.on("Network.loadingFinished", count)
        began = time.monotonic()
        server = the.Server().start()
        try:
            page.goto(server.url)
            page.locator(".two-dimensions .presets button").first.wait_for()
            usable = time.monotonic() - began
            page.wait_for_timeout(500)  # the last files are still counted
            loaded = received
            page.wait_for_timeout(8000)  # the networks that most people start with are being warmed
            plane_fps = page.evaluate("darkroomTwoDimensions.fps()")
            tabs = {name: timed(page, name) for name in tab_names(page)[1:]}
        finally:
            browser.close()
            server.stop()
    return {
        "seconds_to_serve": round(server.seconds_to_serve, 2),
        "seconds_to_usable": round(usable, 2),
        "first_load_bytes": int(loaded),
        "plane_fps": round(plane_fps, 1),
        "tabs": tabs,
    }


def tab_names(page) -> list[str]:
    """The tabs of the page, not those within them."""
    return page.locator('[role="tablist"]').first.get_by_role("tab").all_inner_texts()


def timed(page, name: str) -> dict:
    """What a visitor waits for on a tab."""
    page.get_by_role("tab", name=name, exact=True).first.click()
    page.wait_for_timeout(3000)  # an editor takes its time to open
    example = page.locator("button.example").locator("visible=true").count() > 0
    runs = example or page.locator("button.run-button").locator("visible=true").count() > 0
    quick = ".chooser button[aria-pressed=false]"
    first = "button.example" if example else "button.run-button" if runs else quick
    page.evaluate(WATCHED, first)
    waited = "watched.done !== null" if runs else "watched.preview !== null"
    try:
        page.wait_for_function(waited, timeout=1000 * LONGEST)
    except TimeoutError as error:
        raise SystemExit(f"{name}: nothing came in {LONGEST} s.") from error
    seen = page.evaluate("watched")
    seconds = {"first_preview_s": seen["preview"], "picture_s": seen["done"] if runs else seen["preview"]}
    return {key: value and round(value, 2) for key, value in seconds.items()} | {"cost": seen["cost"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    runs = [measure() for _ in range(args.repeats)]
    print(json.dumps(middle(runs) | {"runs": runs}) if args.json else middle(runs))


def middle(runs: list[dict]) -> dict:
    """The median of every number."""
    if isinstance(runs[0], dict):
        return {key: middle([run[key] for run in runs]) for key in runs[0]}
    return sorted(runs, key=lambda value: (value is None, value))[len(runs) // 2]


if __name__ == "__main__":
    main()
