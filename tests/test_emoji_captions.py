"""Scenes and captions: deterministic, truthful, and painted as the caption says."""

from dataclasses import replace
from random import Random

import pytest
import torch

from emoji_model.captions import MIXES, PLAIN, Cast, Mix, Scene, Thing
from emoji_model.data import HELD_OUT, Album, DataError, Emoji, prepare
from emoji_model.scenes import Painter
from emoji_model.styles import FILTERS
from emoji_model.vocabulary import CORE, STYLES, article, is_core, is_sign, plural
from tests import emoji_shapes


@pytest.fixture(scope="module")
def album(tmp_path_factory):
    return Album(emoji_shapes.build(tmp_path_factory.mktemp("shapes")))


def scenes(album, mix="full", count=200, seed=0):
    cast, rng = Cast(album.emoji, MIXES[mix]), Random(seed)
    return [cast.scene(rng) for _ in range(count)]


def test_captions_are_deterministic_by_seed(album):
    assert scenes(album) == scenes(album)
    assert scenes(album) != scenes(album, seed=1)


def test_one_caption_in_ten_is_empty(album):
    empty = sum(not scene.caption for scene in scenes(album, count=2000))
    assert 150 < empty < 250


def test_a_caption_names_what_is_there(album):
    """The words of each thing's name, or of what else people call it, or one of its keywords."""
    for scene in scenes(album, count=300):
        if scene.caption:
            known = {w for t in scene.things for k in album.emoji[t.emoji].keywords for w in k.split()}
            known |= {word for name in scene.names for word in name.split()}
            more = "hat face car tree man heart portrait grandfather leafy fir black cat dog campfire home"
            said = set(scene.caption.replace(",", " ").split())
            said |= {word.removesuffix("s") for word in said} | {word.removesuffix("es") for word in said}
            assert said & (known | set(more.split())), scene
            if scene.style not in ("none", "photo"):
                assert scene.style in scene.caption


def test_styles_and_grounds_all_come_up(album):
    drawn = scenes(album, count=1500)
    assert {scene.style for scene in drawn} == set(STYLES)
    assert {scene.ground for scene in drawn} == {"plain", "gradient", "night", "meadow", "snow", "table"}
    assert {len(scene.things) for scene in drawn} >= {1, 2, 3}
    assert any("wearing" in scene.caption for scene in drawn)


def test_people_stand_around_things_and_villages_below_mountains():
    names = ["man", "old woman", "fire", "snow-capped mountain", "houses", "dog", "tree"]
    cast = Cast([Emoji(str(k), name, ()) for k, name in enumerate(names)], replace(PLAIN, things=(0, 0, 1)))
    rng = Random(0)
    drawn = [scene for scene in (cast.scene(rng) for _ in range(200)) if scene.caption]
    three, villages, around = ([s for s in drawn if len(s.things) == count] for count in (3, 4, 5))
    assert min(len(three), len(villages), len(around)) > 20
    for scene in around:
        assert set(scene.names[:4]) <= {"man", "old woman"} and scene.names[4:] == ("fire",)
        assert scene.caption.startswith(("people around", "four people around"))
    for scene in villages:
        assert scene.names == ("snow-capped mountain", *["houses"] * 3)
        assert "mountain village" in scene.caption or "village below a" in scene.caption
        mountain, *homes = scene.things
        assert all(home.y > mountain.y and home.size < mountain.size for home in homes)
    assert any(scene.caption == "a snowy mountain village" for scene in villages)
    assert any("campfire" in scene.caption for scene in around)


def test_held_out_emoji_are_never_cast():
    named = [Emoji(str(k), name, ("thing",)) for k, name in enumerate([*HELD_OUT, "dog", "cat"])]
    cast = Cast(named, Mix())
    assert {named[row].name for row in cast.cast} == {"dog", "cat"}
    assert not set(HELD_OUT) & CORE
    assert len(HELD_OUT) == 20


def test_signs_and_core():
    assert is_sign(Emoji("1", "up! button", ())) and is_sign(Emoji("1", "nine o’clock", ()))
    assert not is_sign(Emoji("1", "dog", ()))
    assert is_core(Emoji("1", "dog", ())) and not is_core(Emoji("1", "anchor", ()))


@pytest.mark.parametrize(
    ("name", "one", "many"),
    [
        ("dog", "a dog", "dogs"),
        ("ant", "an ant", "ants"),
        ("box", "a box", "boxes"),
        ("fly", "a fly", "flies"),
        ("grapes", "grapes", "grapes"),
        ("octopus", "an octopus", "octopus"),
    ],
)
def test_articles_and_plurals(name, one, many):
    assert (article(name), plural(name)) == (one, many)


# painting


def test_one_thing_on_white_is_the_picture_itself(album):
    atlas = album.atlas(32)
    drawn = Painter(atlas).paint([Cast(album.emoji, PLAIN).one(3)])[0]
    own = atlas[3].float() / 255
    torch.testing.assert_close((drawn + 1) / 2, own[:3] + 1 - own[3:])


def test_things_stand_where_the_scene_says(album):
    left, right = Thing(0, 0.25, 0.5, 0.5), Thing(1, 0.75, 0.5, 0.5)
    drawn = Painter(album.atlas(64)).paint(
        [Scene((left,), "a"), Scene((right,), "b"), Scene((left, right), "c")]
    )
    white = torch.ones(3, 64, 32)
    torch.testing.assert_close(drawn[0, :, :, 32:], white)
    torch.testing.assert_close(drawn[1, :, :, :32], white)
    torch.testing.assert_close(drawn[2, :, :, :32], drawn[0, :, :, :32])
    torch.testing.assert_close(drawn[2, :, :, 32:], drawn[1, :, :, 32:])
    assert (drawn[0, :, :, :32] < 1).any() and (drawn[1, :, :, 32:] < 1).any()


def test_a_picture_does_not_depend_on_its_neighbours(album):
    some = scenes(album, count=40)
    painter = Painter(album.atlas(64))
    together, alone = painter.paint(some), torch.cat([painter.paint([scene]) for scene in some])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)


def test_a_scene_looks_alike_at_every_size(album):
    some = [s for s in scenes(album, count=60) if s.style in ("none", "photo")]
    small, large = (Painter(album.atlas(size)).paint(some) for size in (64, 256))
    error = (torch.nn.functional.avg_pool2d(large, 4) - small).square().mean((1, 2, 3))
    assert error.median() < 0.01


@pytest.mark.parametrize("style", FILTERS)
def test_every_style_changes_the_picture_and_stays_in_range(album, style):
    plain = Scene((Thing(0),), "x", seed=3)
    styled = Scene((Thing(0),), "x", style=style, seed=3)
    a, b = Painter(album.atlas(64)).paint([plain, styled])
    assert (a - b).abs().mean() > 0.02
    assert b.min() >= -1 and b.max() <= 1


# the data folder


def test_missing_and_damaged_data_get_a_sentence(tmp_path, monkeypatch):
    monkeypatch.delenv("EMOJI_DIR", raising=False)
    with pytest.raises(DataError, match="EMOJI_DIR"):
        Album()
    with pytest.raises(DataError, match="no folder"):
        Album(tmp_path / "none")
    with pytest.raises(DataError, match="missing"):
        Album(tmp_path)
    emoji_shapes.build(tmp_path)
    (tmp_path / "emoji_u1f600.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"1f600.*damaged"):
        Album(tmp_path).atlas(32)
    (tmp_path / "noto-emoji-256.zip").write_bytes(b"no archive")
    with pytest.raises(DataError, match="fetch it anew"):
        Album(tmp_path)


def test_the_folder_is_made_from_the_published_clones(tmp_path):
    import json

    noto, cldr = tmp_path / "noto" / "png" / "512", tmp_path / "cldr"
    noto.mkdir(parents=True)
    emoji_shapes.build(noto)
    (noto / "emoji_u1f600.png").rename(noto / "emoji_u1f600_1f3fb.png")  # a skin tone: left out
    words = json.loads((noto / "cldr-annotations-en.json").read_text())
    full = {e: {"default": each["keywords"], "tts": [each["name"]]} for e, each in words.items()}
    place = cldr / "cldr-json" / "cldr-annotations-full" / "annotations" / "en"
    place.mkdir(parents=True)
    (place / "annotations.json").write_text(json.dumps({"annotations": {"annotations": full}}))
    assert prepare(tmp_path / "noto", cldr, tmp_path / "out") == 9
    made = Album(tmp_path / "out")
    assert [each.name for each in made.emoji] == list(emoji_shapes.SHAPES[1:])
    assert made.atlas(64).shape == (9, 4, 64, 64)
    with pytest.raises(DataError, match="clone of googlefonts"):
        prepare(tmp_path, cldr, tmp_path / "other")
