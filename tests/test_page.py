"""The page in a real browser: every tab's main path as a person walks it."""

import contextlib
import io
import socket
import time

import pytest
from PIL import Image

from diffusion_core.images import convert, export
from tests.walk import download, field, picture_in, run, seen, shoot, tab, visit, wait_done

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api")
expect = sync_api.expect


def test_sampler_draws_downloads_and_comes_back_by_link_and_png(page, server):
    tab(page, "MNIST sampler")
    field(page, "mnist-sample-digits").fill("2026")
    run(page)
    wait_done(page)
    shoot(page, "sampler")
    shown = picture_in(page, "mnist-sample-result")
    png = download(page, "PNG with recipe")
    recipe = export.recipe_in(convert.opened(png))
    assert recipe["digits"] == "2026"
    assert list(Image.open(io.BytesIO(png)).convert("RGB").getdata()) == list(shown.getdata())
    gif = Image.open(io.BytesIO(download(page, "GIF")))
    assert gif.format == "GIF" and gif.n_frames > 10

    link = field(page, "mnist-sample-link").input_value()
    assert link.startswith(server.url)
    by_link = visit(page.context, link)
    expect(field(by_link, "mnist-sample-digits")).to_have_value("2026", timeout=20_000)

    by_png = visit(page.context, server.url)
    by_png.locator('input[type="file"]').first.set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": png}
    )
    expect(field(by_png, "mnist-sample-digits")).to_have_value("2026", timeout=20_000)


def test_stop_frees_the_run_and_keeps_the_settings(page):
    tab(page, "MNIST sampler")
    field(page, "mnist-sample-digits").fill("10x10")
    field(page, "mnist-sample-steps").fill("300")
    run(page)
    expect(seen(page, ".status").first).to_contain_text("Step", timeout=60_000)
    seen(page, ".stop-button").first.click()
    expect(seen(page, ".status").first).to_contain_text("Stopped", timeout=20_000)
    digits = field(page, "mnist-sample-digits")
    expect(digits).to_have_value("10x10")
    digits.fill("7")
    field(page, "mnist-sample-steps").fill("5")
    began = time.monotonic()
    run(page)
    wait_done(page, 30)
    assert time.monotonic() - began < 20  # a run that went on would hold the engine for minutes


def test_bad_digits_get_a_sentence_and_stay_on_the_page(page):
    tab(page, "MNIST sampler")
    digits = field(page, "mnist-sample-digits")
    digits.fill("seven")
    run(page)
    expect(seen(page, ".status").first).to_contain_text("not a number I can draw")
    expect(digits).to_have_value("seven")


def test_a_foreign_png_gets_a_sentence(page):
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(buffer, "PNG")
    page.locator('input[type="file"]').first.set_input_files(
        {"name": "other.png", "mimeType": "image/png", "buffer": buffer.getvalue()}
    )
    expect(page.get_by_text("carries no Darkroom recipe")).to_be_visible(timeout=20_000)


def test_a_broken_link_gets_a_sentence(page, server):
    other = visit(page.context, server.url + "/?recipe=nonsense")
    expect(other.get_by_text("This link holds no recipe")).to_be_visible(timeout=20_000)


def test_a_page_closed_in_mid_upload_is_no_fault(page, server):
    """The log of a server holds no traceback for it, see walk.server; the page goes on for everybody else."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as half:
        half.sendall(
            b"POST /gradio_api/upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n"
            b"Content-Type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
        )
        time.sleep(1)
    time.sleep(1)
    assert page.request.get(server.url).ok
    assert not any("Traceback" in line for line in server.log), "".join(server.log)


def test_forward_noise_follows_the_slider_and_keeps_its_picture(page, server):
    tab(page, "Forward noise")
    shown = page.locator("#forward-noise-xt img")
    before = shown.get_attribute("src")
    slider = page.locator('#forward-noise-t input[type="range"]')
    slider.focus()
    slider.press("End")
    expect(page.locator("#forward-noise-xt")).to_contain_text("t = 999")
    expect(page.locator("#forward-noise-plot")).to_contain_text("dB")
    assert shown.get_attribute("src") != before

    photo = Image.effect_noise((30, 20), 90).resize((300, 200), Image.Resampling.BICUBIC).convert("RGB")
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=95)
    noised = shown.get_attribute("src")
    page.locator('.upload input[type="file"]').first.set_input_files(
        {"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": buffer.getvalue()}
    )
    expect(shown).not_to_have_attribute("src", noised)  # it has arrived
    field(page, "forward-noise-strip").fill("0, 100")
    run(page)
    wait_done(page)
    shoot(page, "forward-noise")
    recipe = export.recipe_in(convert.opened(download(page, "PNG with recipe")))
    assert (recipe["t"], recipe["strip"]) == (999, [0, 100])
    kept = convert.to_tensor(convert.from_uri(recipe["picture"]))
    wanted = convert.to_tensor(convert.squared(photo, 256))
    assert float((kept - wanted).abs().mean()) < 0.02  # the JPEG's loss, no more
    movie = Image.open(io.BytesIO(download(page, "GIF")))
    assert movie.n_frames > 20

    link = field(page, "forward-noise-link").input_value()
    assert "#" in link  # it holds the picture, and is too long to be sent to a server
    other = visit(page.context, link)
    expect(field(other, "forward-noise-t")).to_have_value("999", timeout=20_000)
    expect(field(other, "forward-noise-strip")).to_have_value("0, 100")


def test_a_drawn_digit_is_denoised_and_survives(page):
    tab(page, "MNIST denoiser")
    tab(page, "Draw one")
    page.locator("#mnist-denoise-sketch").get_by_label("Brush Size").wait_for()  # the page has chosen it
    run(page)
    expect(seen(page, ".status").first).to_contain_text(
        "There is no digit in this picture yet", timeout=20_000
    )

    canvas = page.locator("#mnist-denoise-sketch canvas").first
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y - 60)
    page.mouse.down()
    for dx, dy in ((40, -60), (-10, 70)):  # a seven
        page.mouse.move(x + dx, y + dy, steps=10)
    page.mouse.up()
    page.wait_for_timeout(2000)
    run(page)
    wait_done(page)
    shoot(page, "denoiser")
    assert page.locator("#mnist-denoise-pair img").count() == 2
    assert page.locator("#mnist-denoise-rows img").count() == 21
    recipe = export.recipe_in(convert.opened(download(page, "PNG with recipe")))
    ink = convert.to_tensor(convert.from_uri(recipe["picture"]), 0, 1)
    assert ink.shape[-2:] == (28, 28) and 0.02 < float(ink.mean()) < 0.4
    top, bottom = ink[..., 4:10, :].sum(), ink[..., 18:24, :].sum()
    assert top > bottom  # the bar of the seven is above

    tab(page, "MNIST sampler")
    tab(page, "MNIST denoiser")
    field(page, "mnist-denoise-sigma").fill("0.8")
    run(page)
    expect(page.locator("#mnist-denoise-pair")).to_contain_text("0.8", timeout=20_000)


def test_pure_noise_gives_an_average(page):
    tab(page, "MNIST denoiser")
    tab(page, "Pure noise in")
    run(page)
    wait_done(page)
    shoot(page, "pure-noise")
    assert page.locator("#mnist-pure-noise-means img").count() >= 2


def test_training_here_draws_and_stops(page):
    tab(page, "Training")
    field(page, "mnist-training-steps").fill("3000")  # so many that the screenshot comes before the end
    run(page)
    status = seen(page, ".status").first
    expect(status).to_contain_text("to go", timeout=60_000)
    shoot(page, "training")
    seen(page, ".stop-button").first.click()
    expect(status).to_contain_text("topped", timeout=20_000)
    for name in ("Curves", "Snapshots", "Facts"):
        tab(page, name)
        page.wait_for_timeout(1000)
        shoot(page, f"training-{name.lower()}")
    expect(page.locator("#training-facts")).to_contain_text("flow-class")


def test_scrubber_moves_through_the_run(page):
    tab(page, "MNIST sampler")
    run(page)
    wait_done(page)
    before = picture_in(page, "mnist-sample-xt")
    slider = page.locator('#mnist-sample-scrubber input[type="range"]')
    slider.focus()
    slider.press("Home")
    expect(seen(page, ".status").first).to_contain_text("Before step 1")
    page.wait_for_timeout(500)
    assert list(picture_in(page, "mnist-sample-xt").getdata()) != list(before.getdata())


def test_two_visitors_do_not_see_each_other(browser, server, page):
    with contextlib.closing(browser.new_context()) as stranger:
        other = visit(stranger, server.url)
        tab(other, "MNIST sampler")
        tab(page, "MNIST sampler")
        run(page)
        wait_done(page)
        assert page.locator("#mnist-sample-result img").count() == 1
        assert other.locator("#mnist-sample-result img").count() == 0


def test_keys_run_and_stop(page):
    tab(page, "MNIST sampler")
    page.keyboard.press("Control+Enter")
    wait_done(page)


def test_phone_has_no_sideways_scroll(page):
    page.set_viewport_size({"width": 390, "height": 844})
    for name in ("Forward noise", "MNIST denoiser", "MNIST sampler", "Training"):
        tab(page, name)
        page.wait_for_timeout(500)
        wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        shoot(page, f"phone-{name.lower().replace(' ', '-')}")
        assert wide <= 0, f"{name} is {wide} px too wide"
