"""Scenes and captions: deterministic, truthful, painted as the caption says, and nothing held out in them."""

from dataclasses import replace
from itertools import combinations
from random import Random

import pytest
import torch

from emoji_model import held_out
from emoji_model.captions import Cast, Placed, Scene, rows_in
from emoji_model.data import Folders
from emoji_model.mixes import MIXES, PLAIN, Mix
from emoji_model.scenes import Painter
from emoji_model.styles import FILTERS
from emoji_model.things import Thing, Things
from emoji_model.vocabulary import OF_DOODLES, STYLES, WITH_FILTERS, article, plural
from tests import made_up_data

SYNONYMS = {"dog": ("hound", "pooch", "cur", "canine"), "house": ("dwelling", "abode", "cabin", "lodge")}


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    folder = made_up_data.build(tmp_path_factory.mktemp("data"))
    return Things.read(Folders.of(folder), SYNONYMS)


def scenes(things, mix="full", count=200, seed=0):
    cast, rng = Cast(things, MIXES[mix]), Random(seed)
    return [cast.scene(rng) for _ in range(count)]


def test_captions_are_deterministic_by_seed(things):
    assert scenes(things) == scenes(things)
    assert scenes(things) != scenes(things, seed=1)


def test_one_caption_in_ten_is_empty(things):
    empty = sum(not scene.caption for scene in scenes(things, count=2000))
    assert 150 < empty < 250


def test_styles_and_grounds_all_come_up(things):
    drawn = scenes(things, count=3000)
    assert {scene.style for scene in drawn} == {"", *STYLES}
    grounds = {"plain", "gradient", "night", "meadow", "snow", "table", "board"}
    assert {scene.ground for scene in drawn} == grounds
    assert {len(scene.placed) for scene in drawn} >= {1, 2, 3}
    assert any("wearing" in scene.caption for scene in drawn)
    assert any(scene.caption.startswith("two ") for scene in drawn)
    assert any(" on yellow paper" in scene.caption for scene in drawn)
    assert any(scene.fill for scene in drawn)


def test_a_caption_names_the_style_and_the_pen(things):
    inks = {"blue": (0.12, 0.25, 0.70), "red": (0.80, 0.14, 0.14)}
    for scene in scenes(things, count=1500):
        if not scene.caption:
            continue
        if scene.style == "ink drawing":
            assert " ink of " in scene.caption
            for name, rgb in inks.items():
                assert (f"in {name} ink" in scene.caption) == (scene.ink == rgb)
        elif scene.style not in ("", "photo"):
            first = {"line drawing": ("line drawing", "black and white")}.get(scene.style, (scene.style,))
            assert scene.caption.lower().replace("3d", "3d").find(first[0]) >= 0 or first[-1] in scene.caption


def test_pictures_are_of_the_style(things):
    sets = {"cartoon": {"noto", "blob", "emojitwo"}, "3d render": {"fluent-3d", "fluent-color"}}
    for scene in scenes(things, count=1500):
        drawn = {things.pictures[p.row].set for p in scene.placed if not p.doodle}
        assert drawn <= sets.get(scene.style, drawn)
        assert all(p.doodle for p in scene.placed) == (scene.style in OF_DOODLES)


# what is held out


def test_nothing_held_out_appears_in_ten_thousand_scenes(things):
    """Neither a combination, nor a doodle, a pair, a synonym, or one of the twenty emoji."""
    unsaid = {w for words in SYNONYMS.values() for w in words if held_out.synonym(w)}
    assert unsaid and unsaid == things.unsaid
    held = {name: held_out.combinations(name, _styles(thing)) for name, thing in things.items()}
    assert sum(map(len, held.values())) > 5
    out = {row for row in range(len(things.doodles)) if things.doodles.held_out[row]}
    assert out
    seen = set()
    for scene in scenes(things, count=10_000):
        assert not unsaid & set(scene.caption.replace(",", " ").split())
        for name in scene.names:
            assert scene.style not in held[name], (scene, name)
            assert scene.style in OF_DOODLES or name not in held_out.EMOJI
        for a, b in combinations(sorted(set(scene.names)), 2):
            assert not held_out.pair(a, b), scene
        for placed in scene.placed:
            assert not (placed.doodle and placed.row in out)
            seen.add((placed.doodle, placed.row))
    shown = {(True, row) for thing in things.values() for row in thing.doodles}
    shown |= {(False, row) for thing in things.values() for rows in thing.pictures.values() for row in rows}
    assert len(seen & shown) > 0.95 * len(shown)  # and all that is not held out does appear


def _styles(thing: Thing) -> set[str]:
    styles = {*thing.pictures, *thing.held}
    coloured = styles & {"cartoon", "sticker", "3d render"}
    return (
        styles
        | (set(WITH_FILTERS) if coloured else set())
        | (set(OF_DOODLES[1:]) if thing.doodles else set())
    )


def test_held_out_shares_are_those_that_are_said():
    keys = [str(k) for k in range(20_000)]
    shares = [held_out.share("doodle", key) for key in keys]
    assert all(0 <= share < 1 for share in shares)
    assert 0.09 < sum(held_out.doodle(k) for k in range(20_000)) / 20_000 < 0.11
    assert 0.09 < sum(held_out.pair("a", key) for key in keys) / 20_000 < 0.11
    assert 0.28 < sum(held_out.synonym(key) for key in keys) / 20_000 < 0.32
    assert held_out.pair("dog", "cat") == held_out.pair("cat", "dog")
    assert held_out.share("pair", "cat|dog") == pytest.approx(0.6857, abs=1e-4)  # the same on every machine


def test_two_styles_at_least_are_left_of_everything():
    for name in map(str, range(300)):
        for count in range(1, 12):
            styles = STYLES[:count]
            left = set(styles) - held_out.combinations(name, styles)
            assert len(left) >= min(2, count)


def test_only_doodles_of_the_twenty_are_shown(things):
    pineapple = things["pineapple"]
    assert pineapple.held_out and not pineapple.pictures and pineapple.held and pineapple.doodles
    assert rows_in(pineapple, "doodle") and not rows_in(pineapple, "") and not rows_in(pineapple, "mosaic")


# words


@pytest.mark.parametrize(
    ("name", "one", "many"),
    [
        ("dog", "a dog", "dogs"),
        ("ant", "an ant", "ants"),
        ("ewe", "a ewe", "ewes"),
        ("unicorn", "a unicorn", "unicorns"),
        ("umbrella", "an umbrella", "umbrellas"),
        ("hourglass done", "an hourglass done", "hourglass dones"),
        ("box", "a box", "boxes"),
        ("fly", "a fly", "flies"),
        ("grapes", "grapes", "grapes"),
        ("octopus", "an octopus", "octopus"),
        ("mouse", "a mouse", "mice"),
        ("the eiffel tower", "the eiffel tower", "the eiffel towers"),
    ],
)
def test_articles_and_plurals(name, one, many):
    assert (article(name), plural(name)) == (one, many)


def test_people_stand_around_things_and_villages_below_mountains(things):
    cast, rng = Cast(things, replace(PLAIN, counts=(0, 0, 1))), Random(0)
    drawn = [cast.scene(rng) for _ in range(400)]
    around = [scene for scene in drawn if len(scene.placed) == 5]
    villages = [scene for scene in drawn if len(scene.placed) == 4]
    assert len(around) > 20 and len(villages) > 20
    for scene in around:
        assert set(scene.names[:4]) <= {"man"} and scene.names[4] == "fire"
        assert scene.caption.startswith(("people around", "four people around"))
    for scene in villages:
        assert scene.names == ("mountain", *["house"] * 3)
        mountain, *homes = scene.placed
        assert all(home.y > mountain.y and home.size < mountain.size for home in homes)


def test_left_and_right_are_never_mirrored(things):
    cast, rng = Cast(things, replace(Mix(empty=0), counts=(0, 1, 0))), Random(0)
    for scene in (s for s in (cast.scene(rng) for _ in range(1500)) if len(s.placed) > 1):
        first, second = scene.placed[:2]
        if " left of " in scene.caption:
            assert first.x < second.x and _before(scene, " left of ")
        if " right of " in scene.caption:
            assert first.x < second.x and not _before(scene, " right of ")


def _before(scene: Scene, words: str) -> bool:
    """Is the thing on the left named first? By the names that tests can tell apart."""
    told = {"dog": "dog", "cat": "cat", "star": "star", "fish": "fish", "house": "house"}
    first, second = scene.names[0], scene.names[-1]
    before, after = scene.caption.split(words)
    if first in told and second in told and (first in scene.caption and second in scene.caption):
        return first in before and second in after
    return words == " left of "


# painting


def test_one_thing_on_white_is_the_picture_itself(things):
    cast = Cast(things, PLAIN)
    scene = cast.one("dog")
    drawn = Painter(things, 32).paint([scene])[0]
    own = things.pictures.atlas([scene.placed[0].row], 32)[0].float() / 255
    torch.testing.assert_close((drawn + 1) / 2, own[:3] + 1 - own[3:])
    mirrored = replace(scene, placed=(scene.placed[0]._replace(flip=True),))
    torch.testing.assert_close(Painter(things, 32).paint([mirrored])[0], drawn.flip(-1))


def test_things_stand_where_the_scene_says(things):
    rows = [rows_in(things[name], "")[0] for name in ("dog", "cat")]
    left, right = Placed(rows[0], x=0.25, size=0.5), Placed(rows[1], x=0.75, size=0.5)
    doodle = Placed(things["dog"].doodles[0], True, x=0.25, size=0.45)
    drawn = Painter(things, 64).paint(
        [Scene((left,), "a"), Scene((right,), "b"), Scene((left, right), "c"), Scene((doodle,), "d")]
    )
    white = torch.ones(3, 64, 32)
    torch.testing.assert_close(drawn[0, :, :, 32:], white)
    torch.testing.assert_close(drawn[1, :, :, :32], white)
    torch.testing.assert_close(drawn[2, :, :, :32], drawn[0, :, :, :32])
    torch.testing.assert_close(drawn[2, :, :, 32:], drawn[1, :, :, 32:])
    torch.testing.assert_close(drawn[3, :, :, 32:], white)
    assert all((drawn[k] < 0.5).any() for k in range(4))


def test_a_picture_does_not_depend_on_its_neighbours(things):
    some = scenes(things, count=40)
    painter = Painter(things, 64)
    together, alone = painter.paint(some), torch.cat([painter.paint([scene]) for scene in some])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_a_scene_looks_alike_at_every_size(things):
    some = [
        s for s in scenes(things, count=200) if s.style not in FILTERS and s.ground not in ("night", "board")
    ]
    small, large = (Painter(things, size).paint(some) for size in (32, 64))
    error = (torch.nn.functional.avg_pool2d(large, 2) - small).square().mean((1, 2, 3))
    assert error.median() < 0.02


@pytest.mark.parametrize("style", FILTERS)
def test_every_style_changes_the_picture_and_stays_in_range(things, style):
    row = rows_in(things["dog"], "")[0]
    ground = "table" if style == "photo" else "plain"
    plain = Scene((Placed(row),), "x", seed=3)
    a, b = Painter(things, 64).paint([plain, replace(plain, style=style, ground=ground)])
    assert (a - b).abs().mean() > 0.02
    assert b.min() >= -1 and b.max() <= 1


def test_doodles_have_their_paper_ink_and_filling(things):
    row = things["star"].doodles[0]
    scene = Scene(
        (Placed(row, True, size=0.9),), "x", style="doodle", ink=(1, 0, 0), colours=((0, 0, 1),) * 2
    )
    ink, filled = Painter(things, 64).paint([scene, replace(scene, fill=(0, 1, 0))])
    red, green, blue = (ink + 1) / 2
    assert red.max() > 0.95 and green.max() < 0.05 and blue[0, 0] == 1
    assert ((filled + 1) / 2)[1].max() > 0.95
