"""How long a person waits: `python -m benchmarks.page --json`.

seconds_to_serve   from `python app.py` to the address being printed
seconds_to_usable  from `python app.py` to a page in Chromium whose Run button is there
first_load_bytes   what the browser received until then
"""

import argparse
import json
import time

from playwright.sync_api import sync_playwright

from tests import page as the


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
            page.get_by_role("button", name="Run", exact=True).first.wait_for()
            usable = time.monotonic() - began
            page.wait_for_timeout(500)  # the last files are still counted
        finally:
            browser.close()
            server.stop()
    return {
        "seconds_to_serve": round(server.seconds_to_serve, 2),
        "seconds_to_usable": round(usable, 2),
        "first_load_bytes": int(received),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    runs = [measure() for _ in range(args.repeats)]
    middle = {key: sorted(run[key] for run in runs)[len(runs) // 2] for key in runs[0]}
    print(json.dumps(middle | {"runs": runs}) if args.json else middle)


if __name__ == "__main__":
    main()
