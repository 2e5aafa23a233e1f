"""What the tests of the editors in a real browser share: strokes, files, and a server of two tabs."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
import tiny_app
from PIL import Image

from diffusion_core.images import convert
from diffusion_core.techniques import text
from tests import page as the
from tests.walk import PATIENCE, put, seen

SLOW = 1000 * max(60, PATIENCE)  # milliseconds

text.install()  # so that recipes of theirs can be read here


def served(tmp_path_factory) -> Iterator[the.Server]:
    """The two tabs, on a cascade so small that a run takes no time."""
    folder = tiny_app.cascade(tmp_path_factory.mktemp("cascade"))
    server = the.Server(("tests/tiny_app.py", str(folder), "edit", "inpaint")).start()
    yield server
    server.stop()
    assert not [line for line in server.log if "Traceback" in line], "".join(server.log)


def file_of(picture: Image.Image, kind: str = "PNG") -> dict:
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return {"name": f"mine.{kind.lower()}", "mimeType": f"image/{kind.lower()}", "buffer": buffer.getvalue()}


BROKEN = {"name": "cut.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n and no more"}


def photo(width: int = 300, height: int = 200) -> Image.Image:
    """Grey clouds, the same every time."""
    clouds = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8))
    return clouds.resize((width, height), Image.Resampling.BICUBIC).convert("RGB")


def says(page, words: str) -> None:
    _expect()(seen(page, ".status").first).to_contain_text(words, timeout=SLOW)


def toast(page, words: str) -> None:
    _expect()(page.get_by_text(words).first).to_be_visible(timeout=SLOW)


def quick(page, technique: str, steps: int = 8) -> None:
    """As few steps as will do."""
    if not seen(page, f"#{technique}-steps").count():
        seen(page, 'button:has-text("More settings")').first.click()
    put(page, f"{technique}-steps", str(steps))


def canvas(page, elem_id: str) -> tuple[float, float]:
    """The middle of an editor on the screen, with the brush in hand."""
    editor = page.locator(f"#{elem_id}")
    editor.locator("canvas").first.wait_for()
    editor.scroll_into_view_if_needed()
    page.wait_for_timeout(2500)  # the page chooses the brush, and shows a mask, a moment after
    editor.get_by_label("Brush", exact=True).first.click()
    box = editor.locator("canvas").first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def stroke(page, elem_id: str, *points: tuple[float, float]) -> None:
    """A stroke through points, in pixels from the middle of the picture."""
    x, y = canvas(page, elem_id)
    (dx, dy), *others = points
    page.mouse.move(x + dx, y + dy)
    page.mouse.down()
    for dx, dy in others:
        page.mouse.move(x + dx, y + dy, steps=12)
    page.mouse.up()
    page.wait_for_timeout(1000)


def pixels(uri: str) -> np.ndarray:
    return np.asarray(convert.from_uri(uri).convert("L"))


def _expect():
    return pytest.importorskip("playwright.sync_api").expect
