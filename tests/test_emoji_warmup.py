"""The warm-up of the T5: words land near what they mean, and a killed run goes on where it saved."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import small_warm_up
import torch

from emoji_model import meaning, minilm, warmup
from emoji_model.data import DataError


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("warm-up") / "state"
    lines = []
    small, tokenizer, last = run(folder, 120, report=lines.append, save_every=1e9)
    return folder, small, tokenizer, last, lines


def run(folder, steps, **more):
    return small_warm_up.run(folder, steps, **dict(teacher=small_warm_up.Synonyms()) | more)


def weights(small) -> torch.Tensor:
    parts = [*small.text.parameters(), *small.unet.add_embedding.parameters()]
    return torch.cat([part.detach().flatten() for part in parts])


def test_captions_find_their_pictures_and_words_their_meaning(learned):
    *_, last, lines = learned
    assert [line["warm_up"] for line in lines] == [50, 100, 120] and last == lines[-1]
    assert last["right"] > 0.9 > lines[0]["right"] - 1
    assert last["loss"] < lines[0]["loss"] and last["pooled"] > 0.7 and last["states"] > 0.7
    assert last["looked"] < 0.5


def test_unseen_words_are_near_what_they_mean(learned):
    _, small, tokenizer, _, _ = learned
    encode = meaning.encoder(small.text, tokenizer)
    names = list(small_warm_up.COLOURS)
    for word, name in small_warm_up.LIKE.items():
        assert meaning.nearest(f"a {word}", names, encode)[0] == name
    table = {name: [word] for word, name in small_warm_up.LIKE.items()}
    assert meaning.retrieval(table, names, encode) == {"count": 4, "top1": 1.0, "top5": 1.0, "rank": 1.0}
    assert meaning.retrieval({"teapot": ["kettle"]}, names, encode)["count"] == 0
    assert meaning.nearest("anything", [], encode) == []


def test_what_is_complete_is_only_loaded(learned):
    folder, small, _, last, _ = learned
    again, _, same = run(folder, 120, report=lambda line: pytest.fail("it trained again"))
    assert same == last and torch.equal(weights(again), weights(small))


def test_it_learns_from_pictures_alone(tmp_path):
    _, _, last = run(tmp_path / "state", 60, teacher=None)
    assert last["right"] > 0.8 and "states" not in last


def test_a_run_that_is_cut_short_goes_on(tmp_path, monkeypatch):
    """It ends with the weights of a run that was left alone."""
    whole, _, _ = run(tmp_path / "whole", 30)
    draw = small_warm_up.Squares.draw

    def cut(self, step, count):
        if step == 13:
            raise KeyboardInterrupt
        return draw(self, step, count)

    monkeypatch.setattr(small_warm_up.Squares, "draw", cut)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", 30)
    monkeypatch.undo()
    shown = json.loads((tmp_path / "cut" / "warm-up.json").read_text())
    assert shown["step"] == 13
    resumed, _, _ = run(tmp_path / "cut", 30)
    assert torch.allclose(weights(resumed), weights(whole), atol=1e-5)


def test_a_killed_run_goes_on(tmp_path):
    """Killed by SIGKILL while it saves at every step, it leaves a whole state."""
    small_warm_up.tokenizer(tmp_path)
    folder, script = tmp_path / "killed", Path(small_warm_up.__file__)
    shown = folder / "warm-up.json"
    process = subprocess.Popen([sys.executable, str(script), str(folder), "100000"])
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None and not shown.exists():
        time.sleep(0.05)
    time.sleep(0.3)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    reached = json.loads(shown.read_text())["step"]
    lines = []
    run(folder, reached + 3, report=lines.append)
    assert lines[-1]["warm_up"] == reached + 3


def test_a_state_that_does_not_fit_is_refused(learned, tmp_path):
    folder = learned[0]
    with pytest.raises(DataError, match="remove it to begin the warm-up anew"):
        run(folder, 120, seed=1)
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / warmup.STATE).write_bytes((folder / warmup.STATE).read_bytes()[:5000])
    with pytest.raises(DataError, match="damaged"):
        run(tmp_path / "state", 120)


def test_words_are_told_by_seed_and_by_how_common_they_are():
    told = warmup.Told({"usual": 400, "rare": 2}, ["a thing"], 0)
    assert told.draw(3, 40) == told.draw(3, 40) != told.draw(4, 40)
    texts = [text for step in range(50) for text in told.draw(step, 40)]
    assert sum("a thing" in text for text in texts) == 1000
    assert sum("usual" in text for text in texts) > 2 * sum("rare" in text for text in texts)
    assert warmup.Told({}, [], 0).draw(0, 5) == []
    assert warmup.with_article("owl") == "an owl" and warmup.with_article("trunks") == "trunks"


@pytest.fixture(scope="module")
def teacher():
    try:
        return minilm.MiniLM()
    except DataError as error:
        pytest.skip(f"no MiniLM: {error}")


def test_minilm_says_what_it_is_known_to_say(teacher):
    vectors = teacher.embed(["car", "automobile", "kitten", "cat face", "car"])
    assert vectors.shape == (5, 384)
    assert torch.allclose(vectors.norm(dim=1), torch.ones(5), atol=1e-3)
    assert float(vectors[0] @ vectors[1]) == pytest.approx(0.86, abs=0.02)
    assert float(vectors[2] @ vectors[3]) == pytest.approx(0.60, abs=0.02)
    assert torch.equal(vectors[0], vectors[4])
    assert torch.equal(teacher.embed(["kitten"])[0], vectors[2])  # from memory
    assert teacher.embed([]).shape == (0, 384)


def test_memory_is_bounded(teacher, monkeypatch):
    monkeypatch.setattr(minilm, "CACHED", 3)
    teacher.embed([f"word {k}" for k in range(8)])
    assert len(teacher._cache) == 3


def test_a_missing_teacher_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package_here")
    monkeypatch.delenv("MINILM_DIR", raising=False)
    with pytest.raises(DataError, match="requirements-train"):
        minilm.MiniLM()
    with pytest.raises(DataError, match=r"model\.safetensors cannot be read"):
        minilm.MiniLM(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(DataError, match="not all-MiniLM-L6-v2"):
        minilm.MiniLM(tmp_path)
    (tmp_path / "model.zip").write_bytes(b"PK damaged")
    with pytest.raises(DataError, match="cannot be read"):
        minilm.MiniLM(tmp_path)
