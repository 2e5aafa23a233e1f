"""Prompts: one cleaning, a word on what was cut, and an encoder that is loaded once per new text."""

import os
import threading

import pytest
import tiny_if as tiny
import torch
from safetensors.torch import load_file, save_file

from diffusion_core.models.deepfloyd.prompts import TOKENS, Prompts, TextModel, fingerprint
from diffusion_core.models.faults import ModelError
from diffusion_core.recipes.parsing import clean


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return TextModel(tiny.tokenizer(), tiny.text_encoder())


class Loader:
    """Loads the model of the fixture, and counts how often."""

    def __init__(self, model: TextModel):
        self.model, self.times = model, 0

    def __call__(self) -> TextModel:
        self.times += 1
        return self.model


@pytest.mark.parametrize(
    "written, cleaned",
    [
        ("A photo of a Dog", "a photo of a dog"),
        ("  two\n lines\tand  blanks ", "two lines and blanks"),
        ("null\x00byte\u200bs", "null byte s"),
        ("Öl auf Leinwand", "öl auf leinwand"),
        ("", ""),
    ],
)
def test_cleaning(written, cleaned):
    assert clean(written) == cleaned and clean(cleaned) == cleaned


def test_an_embedding_is_that_of_diffusers(tiny_if):
    pipeline = tiny.stage_1(tiny_if)
    prompts = Prompts(lambda: TextModel(pipeline.tokenizer, pipeline.text_encoder), "tiny")
    for prompt in ("", "A photo of a dog", "a lithograph of waterfalls " * 20):
        theirs, _ = pipeline.encode_prompt(prompt, do_classifier_free_guidance=False)
        assert torch.equal(prompts(prompt), theirs[0])
    assert prompts("").shape == (TOKENS, tiny.TEXT_WIDTH)


def test_prompts_that_clean_alike_are_one(model):
    loader = Loader(model)
    prompts = Prompts(loader, "tiny")
    assert prompts("A  Dog") is prompts("a dog") and loader.times == 1
    assert not torch.equal(prompts("a dog"), prompts("a skull"))


def test_a_known_prompt_never_loads_the_encoder_again(model, tmp_path):
    first = Loader(model)
    embedding = Prompts(first, "tiny", tmp_path)("a dog")
    later = Loader(model)
    assert torch.equal(Prompts(later, "tiny", tmp_path)("A dog"), embedding)
    assert (first.times, later.times) == (1, 0)
    Prompts(later, "another encoder", tmp_path)("a dog")
    assert later.times == 1


def test_the_encoder_is_let_go_unless_it_may_stay(model):
    loader = Loader(model)
    prompts = Prompts(loader, "tiny")
    prompts("a"), prompts("b")
    assert loader.times == 2 and prompts._model is None
    prompts.read_all(["c", "d", "e", "c"])
    assert loader.times == 3 and prompts._model is None
    prompts(""), prompts("e")
    assert loader.times == 3, "the null prompt is read along with the first ones"
    stays = Prompts(loader, "tiny", keep=True)
    stays("a"), stays("b")
    assert loader.times == 4


@pytest.mark.parametrize("damage", ["cut", "empty", "another text's", "no tensor"])
def test_a_damaged_file_is_made_anew(model, tmp_path, damage):
    prompts = Prompts(Loader(model), "tiny", tmp_path)
    embedding, path = prompts("a dog"), prompts.path("a dog")
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:100])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "another text's":
        save_file({"embedding": torch.zeros(3)}, path, {"prompt": "a skull", "encoder": "tiny"})
    else:
        save_file({"else": torch.zeros(3)}, path, {"prompt": "a dog", "encoder": "tiny"})
    again = Loader(model)
    assert torch.equal(Prompts(again, "tiny", tmp_path)("a dog"), embedding)
    assert again.times == 1 and torch.equal(load_file(path)["embedding"], embedding)


def test_a_folder_that_cannot_be_written_costs_no_picture(model, tmp_path):
    (tmp_path / "file").write_text("in the way")
    prompts = Prompts(Loader(model), "tiny", tmp_path / "file" / "cache")
    assert prompts("a dog").shape == (TOKENS, tiny.TEXT_WIDTH)


def test_what_was_cut_off_is_named(model, tmp_path):
    prompts = Prompts(Loader(model), "tiny", tmp_path)
    words = "a photo of a dog " * 30 + "and at last a skull"
    warning = prompts.reading(words).warning
    assert "longer than 77 tokens" in warning and "dog" in warning
    assert Prompts(Loader(model), "tiny", tmp_path).reading(words).warning == warning
    assert prompts.reading("a photo of a dog").warning == ""
    assert prompts.reading("").warning == ""


def test_exactly_77_tokens_lose_nothing(model):
    tokens = model.tokenizer("a").input_ids[:-1]
    fits = next(n for n in range(200) if len(model.tokenizer("a " * n).input_ids) == TOKENS)
    assert model.warning(clean("a " * fits)) == "" and len(tokens) >= 1
    assert "longer" in model.warning(clean("a " * (fits + 1)))


@pytest.mark.parametrize("prompt", ["🐶🐶🐶", "犬の写真"])
def test_a_prompt_of_unknown_letters_is_called_so(model, prompt):
    assert "knows nothing of" in Prompts(Loader(model), "tiny").reading(prompt).warning


def test_ten_thousand_characters_are_read_and_cut(model):
    reading = Prompts(Loader(model), "tiny").reading("dog " * 2500)
    assert reading.embedding.isfinite().all() and len(reading.warning) < 200


def test_many_threads_load_the_encoder_once(model):
    loader = Loader(model)
    prompts = Prompts(loader, "tiny", keep=True)
    threads = [threading.Thread(target=prompts, args=("a dog",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert loader.times == 1


def test_a_known_prompt_waits_for_nobody(model):
    """The engine's thread asks for embeddings that were read; it must not wait for a visitor's new ones."""
    loading, go_on = threading.Event(), threading.Event()

    def load():
        loading.set()
        assert go_on.wait(10)
        return model

    prompts = Prompts(Loader(model), "tiny")
    prompts.read_all(["a dog"])
    prompts.load = load
    visitor = threading.Thread(target=prompts.read_all, args=(["a skull"],))
    visitor.start()
    assert loading.wait(10)
    found = []
    engine = threading.Thread(target=lambda: found.append(prompts("a dog").shape), daemon=True)
    engine.start()
    engine.join(5)
    assert found == [(TOKENS, tiny.TEXT_WIDTH)] and visitor.is_alive()
    assert prompts.warning("a skull " * 100) == "" and prompts.let_go() is None
    go_on.set()
    visitor.join(10)
    assert prompts._known("a skull") is not None and prompts._model is None


def test_known_prompts_do_not_trouble_the_encoder(model):
    loader = Loader(model)
    prompts = Prompts(loader, "tiny")
    prompts.read_all(["a dog", "A  Dog"])
    prompts.read_all(["a dog", ""])
    assert loader.times == 1


def test_a_warning_is_known_before_reading_where_the_encoder_is_at_hand(model, tmp_path):
    long = "a photo of a dog " * 30
    prompts = Prompts(Loader(model), "tiny", tmp_path, keep=True)
    assert prompts.warning(long) == "", "nothing is loaded to find out"
    prompts("a dog")
    assert "longer than 77 tokens" in prompts.warning(long) and prompts._known(clean(long)) is None
    prompts(long)
    assert "longer than 77 tokens" in Prompts(Loader(model), "tiny", tmp_path).warning(long)


def test_the_folder_stays_of_a_size(model, tmp_path, monkeypatch):
    """Whatever visitors write; what was used longest ago goes first."""
    monkeypatch.setattr("diffusion_core.models.deepfloyd.prompts.KEPT_ON_DISK", 3)
    prompts = Prompts(Loader(model), "tiny", tmp_path, keep=True)
    for age, prompt in enumerate(("one", "two", "three")):
        prompts(prompt)
        os.utime(prompts.path(prompt), (1e9 + age, 1e9 + age))
    Prompts(Loader(model), "tiny", tmp_path)("one")  # used again
    prompts("four")
    kept = {prompt for prompt in ("one", "two", "three", "four") if prompts.path(prompt).exists()}
    assert kept == {"one", "three", "four"}


def test_what_the_encoder_raises_becomes_a_sentence(model):
    class Broken(TextModel):
        def read(self, prompt):
            raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(ModelError, match="not enough memory for the text encoder"):
        Prompts(lambda: Broken(*model), "tiny")("a dog")


def test_the_fingerprint_tells_encoders_apart(tiny_if, tmp_path):
    before = fingerprint(tiny_if.stage_1)
    assert before == fingerprint(tiny_if.stage_2), "both stages hold a copy of one encoder"
    other = tiny.build(tmp_path)
    assert fingerprint(other.stage_1) == before
    weights = other.stage_1 / "text_encoder" / "model.safetensors"
    state = load_file(weights)
    save_file({name: tensor + 1 for name, tensor in state.items()}, weights, {"format": "pt"})
    assert fingerprint(other.stage_1) != before
