"""Inpaint in a real browser: masks painted and uploaded, bad files, Stop, the attack, the phone."""

import base64
import io
import json
import uuid

import numpy as np
import pytest
from PIL import Image

from diffusion_core.images.edit_examples import MASKS
from tests import page as the
from tests import strokes
from tests.strokes import BROKEN, SLOW, canvas, file_of, photo, pixels, quick, says, stroke, toast
from tests.walk import PATIENCE, download, field, put, recipe_of, run, seen, shoot, tab, visit, wait_done

expect = pytest.importorskip("playwright.sync_api").expect
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    yield from strokes.served(tmp_path_factory)


# --- Inpaint ------------------------------------------------------------------------------------------------


def test_a_mask_is_painted_and_only_there_it_is_new(page):
    tab(page, "Inpaint")
    quick(page, "text-inpaint")
    editor = page.locator("#text-inpaint-paint")
    canvas(page, "text-inpaint-paint")
    editor.get_by_label("Clear canvas").first.click()
    page.wait_for_timeout(1000)
    run(page)
    says(page, "nothing is painted yet")
    stroke(page, "text-inpaint-paint", (30, 40), (110, 40), (110, 90))  # below, on the right
    run(page)
    wait_done(page, PATIENCE)
    shoot(page, "inpaint-painted")
    recipe = recipe_of(page)
    mask = pixels(recipe["mask"])
    assert mask.shape == (256, 256) and set(np.unique(mask)) == {0, 255}
    assert mask[128:, 128:].any() and not mask[:110].any() and not mask[:, :110].any()

    strip = page.locator("#text-inpaint-strip img")
    before, _, after = (Image.open(io.BytesIO(_data(strip.nth(k)))).convert("RGB") for k in range(3))
    changed = np.abs(np.asarray(before, float) - np.asarray(after, float)).max(-1) > 2
    known = np.asarray(Image.fromarray(mask).resize(before.size, Image.Resampling.BOX)) == 0
    assert changed.any() and not (changed & known).any()

    run(page)  # the strokes are still there
    wait_done(page, PATIENCE)
    assert recipe_of(page)["mask"] == recipe["mask"]
    other = visit(page.context, field(page, "text-inpaint-link").input_value())
    other.locator("#text-inpaint-paint canvas").first.wait_for()
    other.wait_for_timeout(4000)
    run(other)
    wait_done(other, PATIENCE)
    assert recipe_of(other)["mask"] == recipe["mask"]
    stroke(other, "text-inpaint-paint", (-100, -100), (-60, -100))  # more paint, on the restored mask
    run(other)
    wait_done(other, PATIENCE)
    more = pixels(recipe_of(other)["mask"])
    assert more[:110, :110].any() and (more[128:, 128:] > 0)[mask[128:, 128:] > 0].mean() > 0.9


def _data(image) -> bytes:
    return base64.b64decode(image.get_attribute("src").partition(",")[2])


@pytest.mark.slow
def test_masks_are_uploaded_and_bad_ones_get_a_sentence(page):
    tab(page, "Inpaint")
    quick(page, "text-inpaint", 12)
    page.get_by_role("button", name="Upload a mask instead").click()
    upload = page.locator('.mask-upload input[type="file"]').first
    for wrong, words in (
        (file_of(Image.new("L", (300, 200), 255)), "300 x 200 pixels and the picture 256 x 256"),
        (file_of(Image.new("L", (256, 256))), "nothing is painted"),
        (file_of(photo(256, 256)), "not black and white"),
        (BROKEN, "PNG, JPEG, WebP and GIF work"),
    ):
        upload.set_input_files(wrong)
        toast(page, words)
        page.wait_for_timeout(500)
        upload = page.locator('.mask-upload input[type="file"]').first
    mask = MASKS["Mask of the fire"]()
    upload.set_input_files(file_of(mask.resize((512, 512), Image.Resampling.NEAREST)))
    page.wait_for_timeout(3000)
    page.locator("#text-inpaint-way label", has_text="all three").click()
    expect(seen(page, ".cost").filter(has_text="RePaint walks").first).to_be_visible(timeout=SLOW)
    put(page, "text-inpaint-jump", "3")
    run(page)
    wait_done(page, PATIENCE)
    shoot(page, "inpaint-three-ways")
    strip = page.locator("#text-inpaint-strip")
    assert strip.locator("button").count() == 3
    expect(strip).to_contain_text("RePaint")
    recipe = recipe_of(page)
    assert recipe["way"] == "all three"
    assert (np.abs(pixels(recipe["mask"]).astype(int) - np.asarray(mask)) > 0).mean() < 0.01
    assert Image.open(io.BytesIO(download(page, "GIF"))).n_frames > 3


@pytest.mark.slow
def test_another_picture_begins_without_a_mask_and_takes_one_of_its_size(page):
    tab(page, "Inpaint")
    quick(page, "text-inpaint")
    page.get_by_role("button", name="Your own picture").click()
    page.locator('.upload input[type="file"]').last.set_input_files(file_of(photo(300, 200)))
    page.wait_for_timeout(3000)
    run(page)
    says(page, "nothing is painted yet")
    page.get_by_role("button", name="Upload a mask instead").click()
    mask = Image.new("L", (300, 200))
    mask.paste(255, (0, 0, 150, 200))  # the left half, which the square shows from its 50th pixel on
    page.locator('.mask-upload input[type="file"]').first.set_input_files(file_of(mask))
    page.wait_for_timeout(3000)
    run(page)
    wait_done(page, PATIENCE)
    kept = pixels(recipe_of(page)["mask"])
    assert kept[:, :126].all() and not kept[:, 130:].any()


@pytest.mark.slow
def test_stop_keeps_the_paint_and_the_settings(page):
    tab(page, "Inpaint")
    quick(page, "text-inpaint", 1000)
    page.locator("#text-inpaint-way label", has_text="all three").click()  # so that it takes a while
    put(page, "text-inpaint-prompt", "a small crown")
    stroke(page, "text-inpaint-paint", (30, 40), (110, 40), (110, 90))
    run(page)
    says(page, "Step")
    seen(page, ".stop-button").first.click()
    says(page, "Stopped")
    expect(field(page, "text-inpaint-prompt")).to_have_value("a small crown")
    quick(page, "text-inpaint", 4)
    put(page, "text-inpaint-jump", "2")
    run(page)
    wait_done(page, PATIENCE)
    mask = pixels(recipe_of(page)["mask"])
    assert mask[160:200, 200:230].any()  # the stroke
    assert mask[40:70, 40:60].any()  # and the moon that was marked before


# --- the attack, and the phone ------------------------------------------------------------------------------


def test_no_picture_input_reads_files_of_the_server(page, server, tmp_path):
    """Every event that takes a picture or an editor is asked with the path of one that nobody uploaded, with
    the mark of an upload and without. (A server of its own: Gradio logs some of that as faults.)"""
    attacked = the.Server(server.program).start()
    try:
        for forged in ({}, {"meta": {"_type": "gradio.FileData"}}):
            _attack(page, attacked.url, forged, tmp_path)
    finally:
        attacked.stop()


def _attack(page, url: str, forged: dict, tmp_path) -> None:
    secret = tmp_path / "secret.png"
    MASKS["Mask of the fire"]().save(secret)
    forged = forged | {"path": str(secret)}
    config = page.request.get(f"{url}/config").json()
    kinds = {each["id"]: each["type"] for each in config["components"]}
    values = {
        "image": forged,
        "imageeditor": {"background": forged, "layers": [forged], "composite": forged},
        "uploadbutton": forged,
    }
    tried = 0
    for event in config["dependencies"]:
        inputs = [kinds[each] for each in event["inputs"]]
        if not {"image", "imageeditor"} & set(inputs):
            continue
        plain = {each["id"]: each.get("props", {}).get("value") for each in config["components"]}
        data = [values.get(kinds[each], plain[each]) for each in event["inputs"]]
        answer = _asked(page, url, event["id"], data)
        assert '"success":false' in answer and "data:image" not in answer, (inputs, answer[-500:])
        assert "secret" not in answer.replace(str(secret), "")
        tried += 1
    assert tried >= 6


def _asked(page, url: str, fn_index: int, data: list) -> str:
    """What the queue says to a request of one's own making."""
    session = uuid.uuid4().hex
    body = {"data": data, "fn_index": fn_index, "session_hash": session}
    sent = page.request.post(
        f"{url}/gradio_api/queue/join", data=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    if not sent.ok:
        return sent.text()
    return page.request.get(f"{url}/gradio_api/queue/data?session_hash={session}").text()


@pytest.mark.slow
def test_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    for name, technique in (("Edit", "text-sdedit"), ("Inpaint", "text-inpaint")):
        tab(page, name)
        quick(page, technique)
        if name == "Edit":
            put(page, "text-sdedit-starts", "2, 4")
        run(page)
        wait_done(page, PATIENCE)
        shoot(page, f"phone-{name.lower()}")
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, f"{name} is {wide} px too wide"
