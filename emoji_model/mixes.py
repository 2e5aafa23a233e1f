"""How often scenes are what: shares of styles, numbers of things, grounds."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mix:
    """How often scenes are what. The shares of `counts` and of `styles` are weights.

    styles  "" is no style named, which may be any of COLOURED
    core    how much more often the things of CORE appear than others
    """

    empty: float = 0.1  # captions that say nothing
    counts: tuple[float, ...] = (0.76, 0.20, 0.04)  # one, two, more things
    grounds: float = 0.2  # coloured scenes on something other than white
    core: float = 2.0
    jitter: float = 0.04  # how far and how much smaller, in parts of the picture
    styles: dict[str, float] = field(
        default_factory=lambda: {
            "": 0.22,
            "cartoon": 0.06,
            "sticker": 0.06,
            "3d render": 0.06,
            "line drawing": 0.05,
            "comic": 0.02,
            "pixel art": 0.025,
            "clip art": 0.015,
            "photo": 0.04,
            "oil painting": 0.025,
            "pencil drawing": 0.025,
            "lithograph": 0.025,
            "mosaic": 0.025,
            "doodle": 0.24,
            "chalk drawing": 0.06,
            "ink drawing": 0.06,
        }
    )


PLAIN = Mix(empty=0.0, counts=(1.0,), grounds=0.0, jitter=0.0, styles={"": 1.0})
"""One thing on white, in no style named."""

MIXES = {
    "full": Mix(),
    "plain": PLAIN,
    "alone": Mix(empty=0.0, counts=(1.0,), grounds=0.1, jitter=0.02),
    "pairs": Mix(counts=(0.55, 0.37, 0.08)),
}
