"""Whatever is uploaded becomes an upright RGB picture or a sentence; what goes out comes back."""

import io
import struct
import zlib

import numpy as np
import pytest
import torch
from fakes import data_of, drawing, noise
from PIL import Image, ImageOps

from diffusion_core.images import convert, export, grid
from diffusion_core.recipes import RecipeError
from mnist_models import digits


def huge_png(width: int, height: int) -> bytes:
    """A valid PNG of one grey, a few hundred kilobytes on disk at most."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\0" * ((width // 8 + 1) * height), 9)
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# what is uploaded


def test_every_kind_of_picture_becomes_the_same_rgb():
    """Grey, palette, CMYK, 16 bit, transparent, animated: a red or a grey square."""
    red, grey = Image.new("RGB", (16, 16), (200, 0, 0)), Image.new("L", (16, 16), 100)
    see_through = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    see_through.paste((200, 0, 0, 255), (0, 0, 8, 16))
    sixteen = Image.fromarray(np.full((16, 16), 100 * 257, dtype=np.uint16))
    dark = Image.fromarray(np.full((16, 16), 200, dtype=np.uint16))
    keyed = data_of(grey, transparency=100)
    cases = {
        "RGB": (data_of(red), (200, 0, 0)),
        "palette": (data_of(red.quantize()), (200, 0, 0)),
        "grey": (data_of(grey), (100, 100, 100)),
        "black and white": (data_of(Image.new("1", (16, 16), 1)), (255, 255, 255)),
        "CMYK": (data_of(red.convert("CMYK"), "JPEG", quality=100), (200, 0, 0)),
        "16 bit": (data_of(sixteen), (100, 100, 100)),
        "16 bit, dark": (data_of(dark), (0, 0, 0)),
        "transparent by colour": (keyed, (255, 255, 255)),
        "WebP": (data_of(red, "WEBP", lossless=True), (200, 0, 0)),
        "BMP": (data_of(red, "BMP"), (200, 0, 0)),
        "animated": (
            data_of(red, "GIF", save_all=True, append_images=[grey.convert("RGB")]),
            (200, 0, 0),
        ),
    }
    for name, (data, colour) in cases.items():
        picture = convert.as_rgb(convert.opened(data))
        assert picture.mode == "RGB" and picture.size == (16, 16), name
        away = np.abs(np.asarray(picture, dtype=int) - colour).max()
        assert away <= 2, (name, picture.getpixel((3, 3)))
    half = convert.as_rgb(convert.opened(data_of(see_through)))
    assert half.getpixel((2, 2)) == (200, 0, 0) and half.getpixel((12, 2)) == (255, 255, 255)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_taken_sideways_is_turned_upright_once(orientation, kind):
    upright = Image.new("RGB", (24, 16), "white")
    upright.paste("black", (0, 0, 12, 8))
    sideways = {
        1: lambda p: p, 2: ImageOps.mirror, 3: lambda p: p.rotate(180), 4: ImageOps.flip,
        5: lambda p: p.transpose(Image.Transpose.TRANSPOSE), 6: lambda p: p.rotate(90, expand=True),
        7: lambda p: p.transpose(Image.Transpose.TRANSVERSE), 8: lambda p: p.rotate(-90, expand=True),
    }[orientation](upright)  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"quality": 100} if kind == "JPEG" else {}
    picture = convert.opened(data_of(sideways, kind, exif=exif, **options))
    for again in (picture, convert.opened(picture), convert.opened(data_of(picture))):
        assert again.size == (24, 16)
        assert np.abs(np.asarray(convert.as_rgb(again), dtype=int) - np.asarray(upright)).max() < 10


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "not a picture I can read. PNG, JPEG"),
        (b"Dear diary, today was a grey day.", "not a picture I can read. PNG, JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n", "not a picture I can read. PNG, JPEG"),
        (data_of(noise(64))[:3000], "damaged or cut short. Save it again"),
        (data_of(noise(64), "JPEG")[:700], "damaged or cut short. Save it again"),
        (data_of(noise(64)).replace(b"IDAT", b"IDAT\xff"), "damaged or cut short. Save it again"),
        (data_of(Image.new("RGB", (1, 1))), "only 1 x 1 pixels; 8 a side is the least"),
        (data_of(Image.new("RGB", (300, 7))), "only 300 x 7 pixels; 8 a side is the least"),
        (huge_png(14_000, 14_000), "too large: 40 megapixels are the most. Make it smaller"),
        (huge_png(8_000, 5_001), "too large: 40 megapixels are the most. Make it smaller"),
    ],
    ids=[
        "nothing",
        "text",
        "PostScript",
        "cut PNG",
        "cut JPEG",
        "bad chunk",
        "1 x 1",
        "thin",
        "huge",
        "large",
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_what_is_no_picture_gets_a_sentence(data, words, tmp_path):
    file = tmp_path / "picture.png"
    file.write_bytes(data)
    assert len(data) < 100_000
    for source in (data, file):
        with pytest.raises(RecipeError) as caught:
            convert.opened(source)
        assert words in str(caught.value)


def test_the_largest_picture_allowed_is_read():
    assert convert.opened(huge_png(8_000, 5_000)).size == (8_000, 5_000)


def test_the_middle_square_is_kept():
    picture = Image.new("RGB", (90, 30), "red")
    picture.paste("blue", (25, 0, 65, 30))  # five pixels more a side than the square: the resampling's reach
    assert convert.squared(picture, 64).getcolors() == [(64 * 64, (0, 0, 255))]


# digits


def centre(picture: Image.Image) -> tuple[float, float]:
    ink = np.asarray(picture, dtype=float)
    y, x = (np.indices(ink.shape) * ink).sum((1, 2)) / ink.sum()
    return y, x


@pytest.mark.parametrize("invert", [False, True], ids=["light on dark", "dark on light"])
@pytest.mark.parametrize("side", [40, 100, 700])
def test_a_drawing_becomes_a_digit_as_mnist_has_them(side, invert):
    page = Image.new("RGB", (2 * side, side + 30))
    page.paste(drawing(side), (side // 3, 5))
    digit = digits.as_digit(ImageOps.invert(page) if invert else page)
    assert digit.mode == "L" and digit.size == (28, 28)
    left, top, right, bottom = digit.point(lambda v: 255 * (v > 60)).getbbox()
    assert max(right - left, bottom - top) in (19, 20) and min(left, top, 28 - right, 28 - bottom) >= 0
    assert centre(digit) == pytest.approx((13.5, 13.5), abs=0.8)
    assert digit.getpixel((0, 0)) == 0 and digit.getextrema()[1] == 255
    placed = digits.as_digit(drawing(side))
    assert np.abs(np.asarray(digit, dtype=int) - np.asarray(placed, dtype=int)).mean() < 6


def test_thin_lines_of_a_large_drawing_do_not_fade():
    page = np.zeros((1400, 1400), dtype=np.uint8)
    page[100:1300, 700:702] = 255
    page[100:102, 400:702] = 255
    assert digits.as_digit(Image.fromarray(page)).getextrema()[1] == 255


def test_a_digit_of_mnist_is_left_alone():
    digit = Image.new("L", (28, 28))
    digit.paste(200, (3, 6, 9, 12))
    assert digits.as_digit(digit).tobytes() == digit.tobytes()


@pytest.mark.parametrize(
    "blank",
    [
        Image.new("RGB", (200, 200), "white"),
        Image.new("L", (28, 28), 0),
        Image.new("RGBA", (99, 99), (0, 0, 0, 0)),
        Image.new("L", (99, 99), 128).point(lambda v: v + 5),
    ],
    ids=["white", "black", "transparent", "grey"],
)
def test_a_blank_page_is_no_digit(blank):
    with pytest.raises(RecipeError, match=r"no digit in this picture yet\. Draw one, or choose an example"):
        digits.as_digit(blank)


# tensors


@pytest.mark.parametrize("low, high", [(-1.0, 1.0), (0.0, 1.0)])
def test_pictures_and_tensors_are_the_same_thing(low, high):
    for picture, shape in ((noise(16), (3, 16, 16)), (noise(16).convert("L"), (1, 16, 16))):
        x = convert.to_tensor(picture, low, high)
        assert x.shape == shape and x.dtype == torch.float32 and x.min() >= low and x.max() <= high
        assert convert.to_picture(x, low, high).tobytes() == picture.tobytes()
    white = convert.to_tensor(Image.new("L", (8, 8), 255), low, high)
    assert (white == high).all() and convert.to_picture(white + 5, low, high).getextrema() == (255, 255)
    assert convert.to_picture(white - 5, low, high).getextrema() == (0, 0)


def test_a_pixel_becomes_a_crisp_block():
    x = convert.to_tensor(noise(8))
    zoomed = np.asarray(convert.to_picture(x, zoom=3))
    assert zoomed.shape == (24, 24, 3) and (zoomed[1::3, 2::3] == np.asarray(noise(8))).all()


def test_a_grid_lays_pictures_out_by_rows():
    x = torch.stack([torch.full((1, 2, 2), float(k)) for k in range(5)])
    sheet = np.asarray(grid.grid(x, columns=3, low=0, high=255, gap=1))
    assert sheet.shape == (5, 8)
    assert sheet[0, [0, 3, 6]].tolist() == [0, 1, 2] and sheet[4, [1, 4, 7]].tolist() == [3, 4, 128]
    assert sheet[2].tolist() == [128] * 8 and sheet[0, 2] == 128
    assert grid.grid(x, columns=99, low=0, high=255, gap=1).size == (14, 2)


def test_pictures_stand_side_by_side():
    sheet = grid.strip([Image.new("L", (10, 20), 0), Image.new("RGB", (5, 20), "red")], gap=2)
    assert sheet.size == (17, 20) and sheet.getpixel((12, 10)) == (255, 0, 0)
    assert sheet.getpixel((9, 0)) == (0, 0, 0) and sheet.getpixel((10, 0)) == (128, 128, 128)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_an_animation_has_its_frames_and_its_length(kind):
    frames = [Image.new("L", (20, 10), 60 * k) for k in range(4)]
    film = Image.open(io.BytesIO(export.animated(frames, kind, seconds=2.0, hold=1.0)))
    assert film.format == kind and film.n_frames == 4 and film.size == (20, 10) and film.info["loop"] == 0
    durations, greys = [], []
    for k in range(4):
        film.seek(k)
        film.load()
        durations.append(film.info["duration"])
        greys.append(film.convert("L").getpixel((5, 5)))
    assert durations == [500, 500, 500, 1500]
    assert greys == pytest.approx([0, 60, 120, 180], abs=2)
