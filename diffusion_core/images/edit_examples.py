"""What one edits, drawn by our own code: rough sketches for SDEdit, and masks on the example pictures."""

from collections.abc import Callable, Sequence
from functools import partial

from PIL import Image

from diffusion_core.images.drawing import Page, Point, curve, ellipse, turned
from diffusion_core.images.examples import kept

INK = "#26211d"

# --- sketches: as a hand with a thick pen and five colours would draw them ----------------------------------


def house() -> Image.Image:
    page = Page("white")
    page.shape([(0, 214), (256, 208), (256, 256), (0, 256)], "#58a845")
    page.shape([(62, 122), (192, 118), (196, 222), (60, 224)], "#f2c14e")
    page.shape([(44, 128), (126, 50), (214, 122)], "#c8402f")
    page.shape([(110, 162), (146, 161), (148, 222), (110, 223)], "#7a4a2a")
    for x in (72, 158):
        page.shape([(x, 146), (x + 26, 145), (x + 27, 170), (x + 1, 171)], "#8ecbf0")
    page.disc(216, 40, 22, "#ffcf3f")
    _outline(page, [(62, 122), (192, 118), (196, 222), (60, 224)])
    _outline(page, [(44, 128), (126, 50), (214, 122)])
    return page.done()


def cat() -> Image.Image:
    page = Page("white")
    for ear in ([(58, 96), (66, 28), (118, 68)], [(198, 96), (190, 28), (138, 68)]):
        page.shape(ear, "#f0a23c")
        _outline(page, ear)
    face = ellipse(128, 140, 88, 76)
    page.shape(face, "#f0a23c")
    _outline(page, face)
    for x in (94, 162):
        page.disc(x, 126, 11, INK, ry=14)
    page.shape([(118, 154), (138, 154), (128, 166)], "#d2607a")
    page.line([(128, 166), (128, 178)], 4, INK)
    page.line([(108, 182), (118, 188), (128, 178), (138, 188), (148, 182)], 4, INK)
    for y in (156, 170):
        page.line([(26, y - 6), (82, y)], 3, INK)
        page.line([(230, y - 6), (174, y)], 3, INK)
    return page.done()


def flower() -> Image.Image:
    page = Page("white")
    page.line([(130, 130), (124, 180), (130, 244)], 8, "#3d8b37")
    page.shape([(128, 206), (158, 176), (192, 176), (170, 206)], "#4fa846", round=True)
    for k in range(6):
        petal = turned(ellipse(0, -48, 24, 34), 60 * k, 130, 92)
        page.shape(petal, "#e0559a")
        _outline(page, petal, 3)
    page.disc(130, 92, 24, "#f7c52d")
    return page.done()


def ship() -> Image.Image:
    page = Page("#cfe9fb")
    page.shape([(0, 186), (60, 180), (130, 190), (200, 180), (256, 188), (256, 256), (0, 256)], "#2f7fc1")
    hull = [(46, 166), (210, 162), (182, 210), (76, 212)]
    page.shape(hull, "#9a5a2c")
    page.line([(126, 166), (126, 38)], 6, INK)
    for sail, colour in (
        ([(134, 44), (204, 148), (134, 150)], "#ffffff"),
        ([(118, 60), (64, 150), (118, 150)], "#e6493c"),
    ):
        page.shape(sail, colour)
        _outline(page, sail)
    _outline(page, hull)
    return page.done()


def _outline(page: Page, points: Sequence[Point], width: float = 4) -> None:
    page.line([*points, points[0]], width, INK)


SKETCHES: dict[str, Callable[[], Image.Image]] = {
    "Sketch of a house": house,
    "Sketch of a cat": cat,
    "Sketch of a flower": flower,
    "Sketch of a ship": ship,
}

# --- masks: white is new -----------------------------------------------------------------------------------


def _mask(*shapes: Sequence[Point]) -> Image.Image:
    """White shapes on black, without grey edges."""
    page = Page("black")
    for points in shapes:
        page.shape(points, "white")
    return page.done().convert("L").point(lambda value: 255 * (value >= 128))


ROCKET = turned(
    [*curve([(0, -106), (-34, -60), (-54, 40), (-50, 78), (0, 124), (50, 78), (54, 40), (34, -60)])],
    33,
    139,
    122,
)
ABOVE = curve([(60, 2), (196, 2), (206, 40), (186, 62), (128, 52), (70, 62), (50, 40)])
SKY = [(0, 0), (256, 0), (256, 70), (214, 66), (180, 96), (136, 62), (92, 36), (60, 78), (0, 104)]
LEAF = curve([(132, 78), (140, 48), (178, 28), (214, 34), (206, 72), (166, 88)])

MASKS: dict[str, Callable[[], Image.Image]] = {
    "Mask of the moon": partial(_mask, ellipse(52, 58, 44, 44)),
    "Mask of the rocket": partial(_mask, ROCKET),
    "Mask above the head": partial(_mask, ABOVE),
    "Mask of the sky": partial(_mask, SKY),
    "Mask of the fire": partial(
        _mask, curve([(128, 50), (88, 110), (78, 190), (128, 212), (182, 190), (172, 110)])
    ),
    "Mask of the leaf": partial(_mask, LEAF),
}

EDIT_EXAMPLES = {name: kept(draw) for name, draw in (SKETCHES | MASKS).items()}
