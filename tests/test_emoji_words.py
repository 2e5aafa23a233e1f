"""The list of what the built-in model knows."""

import pytest

from emoji_model.things import Thing, Things
from emoji_model.words import Words, write


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    folder = tmp_path_factory.mktemp("words")
    named = {
        "dog": ("pet", "animal"),
        "cat": ("pet", "whiskers"),
        "rocket": ("space",),
        "hot dog": ("sausage",),
    }
    things = Things()
    for k, (name, more) in enumerate(named.items()):
        names = ("rocket ship",) if name == "rocket" else ()
        things[name] = Thing(name, names, more, {"cartoon": (k,)}, doodles=(k,) if k < 2 else ())
    things["dog"] = Thing("dog", keywords=named["dog"], pictures={"sticker": (0,)}, doodles=(0,))
    things["unseen"] = Thing("unseen", held={"cartoon": (9,)})
    write(things, folder)
    return Words.read(folder)


def test_the_list_says_in_which_styles_things_were_shown(words):
    assert words.styles["doodle"] == ["dog", "cat"] and words.styles["sticker"] == ["dog"]
    assert words.styles["cartoon"] == ["cat", "rocket", "hot dog"]
    assert "unseen" not in words.things


@pytest.mark.parametrize(
    ("text", "found"),
    [("dog", ["dog", "hot dog"]), ("pet", ["cat", "dog"]), ("ro", ["rocket"]), ("dog saus", ["hot dog"]),
     ("zebra", []), ("", ["cat", "dog", "hot dog", "rocket"])],
)  # fmt: skip
def test_search(words, text, found):
    assert words.search(text) == found


def test_known_prompts_raise_no_notice(words):
    for prompt in (
        "a dog",
        "Two Dogs next to a rocket ship",
        "an oil painting of a cat on a blue background",
        "",
    ):
        assert words.notice(prompt) == ""


def test_unknown_words_are_named_with_their_neighbours(words):
    assert words.unknown("a rockett above a zebra") == {"rockett": ["rocket"], "zebra": []}
    assert words.notice("a zebra") == (
        "The built-in model has never met “zebra”. Its list says what it knows."
    )


def test_no_list_is_no_error(tmp_path):
    assert Words.read(tmp_path) is None
    (tmp_path / "words.json").write_text("{")
    assert Words.read(tmp_path) is None


def test_the_page_lists_what_fits_or_what_is_near(words):
    from tabs.components import known_words

    assert known_words.listed(words, "pet") == '<p class="known">cat, dog</p>'
    assert "Near to it: rocket." in known_words.listed(words, "rockett")
    assert "&lt;b&gt;" in known_words.listed(words, "<b>")
