"""Paper and pen, boards and grounds, and the words for them."""

from random import Random
from typing import NamedTuple

from emoji_model.vocabulary import BOARDS, CHALKS, COLOURS, PAPERS, PENS, PHRASES

WHITE = (1.0, 1.0, 1.0)


class Look(NamedTuple):
    """Ground, its colours and the words for it; ink, width and filling of doodles; name of the pen."""

    ground: str = "plain"
    colours: tuple = (WHITE, WHITE)
    where: str = ""
    ink: tuple = PENS["black"]
    width: float = 0.035
    fill: tuple | None = None
    pen: str = "black"


def doodled(style: str, rng: Random, plain: bool = False) -> Look:
    """Paper and pen, or board and chalk."""
    width = 0.035 if plain else rng.uniform(0.022, 0.055)
    if style == "chalk drawing":
        k = 0 if plain else rng.choices(range(4), (7, 1, 1, 1))[0]
        board = BOARDS[0] if plain else rng.choice(BOARDS)
        return Look("board", (board, board), "", CHALKS[k], width * 1.15)
    pen = "blue" if plain else rng.choice([name for name in PENS if name != "black"])
    pen = pen if style == "ink drawing" else "black"
    paper, where = "white", ""
    if not plain and rng.random() < 0.3:
        paper = rng.choice(list(PAPERS))
        where = f" on {paper} paper" if paper != "white" and rng.random() < 0.7 else ""
    fill = None
    if not plain and rng.random() < 0.15:
        fill = tuple(0.45 + 0.55 * part for part in COLOURS[rng.choice(list(COLOURS)[:-1])])
    return Look("plain", (PAPERS[paper],) * 2, where, PENS[pen], width, fill, pen)


def grounded(rng: Random) -> Look:
    """A ground, its colours, and the words that name it."""
    kind = rng.choice(("colour", "colour", "gradient", "night", "meadow", "snow"))
    if kind == "colour":
        name = rng.choice(list(COLOURS))
        words = f" on a {name} background".replace("a orange", "an orange")
        return Look("plain", (COLOURS[name],) * 2, words)
    if kind == "gradient":
        above, below = rng.sample(list(COLOURS), 2)
        words = rng.choice((f" on a gradient from {above} to {below}", f" on a {above} and {below} gradient"))
        return Look("gradient", (COLOURS[above], COLOURS[below]), words.replace("a orange", "an orange"))
    words = {
        "night": (" in the night sky", " at night", " on a night sky"),
        "meadow": (" on a meadow", " in a meadow", " on the grass"),
        "snow": (" in the snow", " in a snowy landscape"),
    }[kind]
    return Look(kind, (WHITE, WHITE), rng.choice(words))


def phrase(style: str, look: Look, rng: Random) -> str:
    """ "an oil painting of ", "" where no style is named."""
    if not style:
        return ""
    if style == "ink drawing":
        return rng.choice((f"a drawing in {look.pen} ink of ", f"a doodle in {look.pen} ink of "))
    return f"{rng.choice(PHRASES[style])} "
