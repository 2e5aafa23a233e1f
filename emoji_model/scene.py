"""A scene as plain data: what is painted, and what it is called."""

from dataclasses import dataclass, field
from typing import NamedTuple

from emoji_model.looks import WHITE
from emoji_model.vocabulary import PENS


class Placed(NamedTuple):
    """doodle  is `row` one of Doodles, or one of Pictures?
    x, y, size  its middle and its side, in parts of the picture's side
    flip, turn  mirrored; turned by radians (doodles only)
    """

    row: int
    doodle: bool = False
    x: float = 0.5
    y: float = 0.5
    size: float = 1.0
    flip: bool = False
    turn: float = 0.0


@dataclass(frozen=True)
class Scene:
    """What is to be seen, and `caption`, what a prompt would call it ("" for one in ten).

    colours  of the ground, above and below;  style  one of STYLES, or "" where none is named
    ink, width, fill  of doodles: RGB, in parts of the side, RGB or None
    seed  of what is random in grounds and styles;  names  of the things, for measuring
    """

    placed: tuple[Placed, ...]
    caption: str
    ground: str = "plain"
    colours: tuple = (WHITE, WHITE)
    style: str = ""
    ink: tuple = PENS["black"]
    width: float = 0.035
    fill: tuple | None = None
    seed: int = 0
    names: tuple[str, ...] = field(default=(), compare=False)
