"""Models of the Hugging Face Hub, through its real client: what is fetched, and what is said if it fails."""

import shutil
import socket

import pytest
import torch
from diffusers import UNet2DConditionModel
from fake_hub import FakeHub, use

from diffusion_core.models import hub
from diffusion_core.models.catalog import found
from diffusion_core.models.faults import ModelError, explained
from diffusion_core.models.loading import Library

ONE, TWO = "somebody/one", "somebody/two"
BOTH = f"{ONE} + {TWO}"


@pytest.fixture
def repositories(tiny_if):
    return {ONE: tiny_if.stage_1, TWO: tiny_if.stage_2}


@pytest.fixture
def library():
    return Library(device="cpu", dtype=torch.float32)


def test_a_cascade_of_the_hub_is_fetched_once_and_only_what_is_needed(
    repositories, library, tmp_path, monkeypatch
):
    model = found(BOTH)
    assert (model.name, model.stages) == (BOTH, (ONE, TWO))
    with FakeHub(repositories) as server:
        use(server, tmp_path, monkeypatch)
        network = library.network(model, "II")
        assert {name.split("/")[2] for name in server.fetched} == {"unet", "scheduler"}
        assert library.prompts(model)("a dog").isfinite().all() and network.card.shape == (3, 32, 32)
        assert not [name for name in server.fetched if name.endswith((".bin", ".py", ".msgpack"))]
        before = list(server.fetched)
        library.network(model, "II")
        assert server.fetched == before
    assert out_of_reach_in(tmp_path, library, model) == (3, 32, 32)


def out_of_reach_in(cache, library, model):
    """The network is no longer needed once its files are here: no waiting, no sentence."""
    assert hub.out_of_reach()
    return library.network(model, "II").card.shape


def test_half_precision_is_fetched_where_a_repository_has_both(tiny_if, tmp_path, monkeypatch):
    both = tmp_path / "both"
    shutil.copytree(tiny_if.stage_1, both)
    unet = UNet2DConditionModel.from_pretrained(both / "unet")
    unet.half().save_pretrained(both / "unet", variant="fp16")
    (both / "unet" / "diffusion_pytorch_model.fp16.bin").write_bytes(b"a pickle")
    with FakeHub({ONE: both}) as server:
        use(server, tmp_path / "cache", monkeypatch)
        folder = hub.folder_of(ONE, "unet")
    assert [path.name for path in (folder / "unet").glob("diffusion*")] == [
        "diffusion_pytorch_model.fp16.safetensors"
    ]
    assert hub.variant(folder / "unet") == {"variant": "fp16"} and hub.variant(both / "unet") == {}
    again = UNet2DConditionModel.from_pretrained(
        folder, subfolder="unet", use_safetensors=True, torch_dtype=torch.float32, variant="fp16"
    )
    assert torch.equal(again.conv_in.weight, unet.conv_in.weight.float())


GATES = [
    ("token", "", "needs a Hugging Face token. Log in with `hf auth login`"),
    ("licence", "hf_mine", "has not passed. Accept its licence at https://huggingface.co/DeepFloyd"),
]


@pytest.mark.parametrize("gate, token, sentence", GATES)
def test_a_gate_gets_a_sentence(gate, token, sentence, repositories, library, tmp_path, monkeypatch):
    with FakeHub(repositories, gate=gate) as server:
        use(server, tmp_path, monkeypatch, token)
        for ask in (lambda: library.network(found(BOTH), "I"), lambda: library.prompts(found(BOTH))("new")):
            with pytest.raises(ModelError, match=sentence):
                ask()
        assert server.fetched == []


def test_a_token_opens_the_gate(repositories, library, tmp_path, monkeypatch):
    with FakeHub(repositories, gate="token") as server:
        use(server, tmp_path, monkeypatch, "hf_mine")
        assert library.network(found(BOTH), "I").card.shape == (3, 16, 16)


def test_a_model_that_is_not_there_gets_a_sentence(library, tmp_path, monkeypatch):
    with FakeHub({}) as server:
        use(server, tmp_path, monkeypatch)
        with pytest.raises(ModelError, match="There is no model somebody/one on the Hugging Face Hub"):
            library.network(found(ONE), "I")


def test_no_network_gets_a_sentence_at_once(repositories, library, tmp_path, monkeypatch):
    with FakeHub(repositories) as server:
        use(server, tmp_path, monkeypatch)
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail("it waits for a network that is not there"))
    with pytest.raises(ModelError, match="cannot be reached, and somebody/one is not whole"):
        library.network(found(BOTH), "I")


def test_a_transfer_that_breaks_off_gets_a_sentence(repositories, library, tmp_path, monkeypatch):
    with FakeHub(repositories, broken=True) as server:
        use(server, tmp_path, monkeypatch)
        monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
        with pytest.raises(ModelError, match="cannot be reached"):
            library.network(found(BOTH), "I")


def test_a_repository_of_another_format_gets_a_sentence(tiny_if, library, tmp_path, monkeypatch):
    shutil.copytree(tiny_if.stage_1 / "tokenizer", tmp_path / "other")
    with FakeHub({ONE: tmp_path / "other"}) as server:
        use(server, tmp_path / "cache", monkeypatch)
        with pytest.raises(ModelError, match="lacks a file of DeepFloyd IF's format"):
            library.network(found(ONE), "I")


def test_a_repository_that_has_pickles_only_gets_a_sentence(tiny_if, library, tmp_path, monkeypatch):
    shutil.copytree(tiny_if.stage_1, tmp_path / "pickles")
    weights = tmp_path / "pickles" / "unet" / "diffusion_pytorch_model.safetensors"
    weights.rename(weights.with_suffix(".bin"))
    with FakeHub({ONE: tmp_path / "pickles"}) as server:
        use(server, tmp_path / "cache", monkeypatch)
        with pytest.raises(ModelError, match="only safetensors are read"):
            library.network(found(ONE), "I")
        assert not [name for name in server.fetched if name.endswith(".bin")]


def test_a_proxy_is_left_to_the_client(monkeypatch):
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: pytest.fail("past the proxy"))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert hub.out_of_reach() is False


@pytest.mark.parametrize("text, is_one", [("a/b", True), ("DeepFloyd/IF-I-M-v1.0", True), ("a/b/c", False)])
def test_what_may_be_an_id(text, is_one):
    assert hub.is_id(text) is is_one
    assert not any(map(hub.is_id, ("a", "/a", "../a", "a/..", "~/a", "a b/c", "a\\b", "")))


def test_explained_says_whose_fault_it_is():
    with (
        pytest.raises(ModelError, match=r"^somebody/one could not be opened: ValueError: odd"),
        explained(ONE),
    ):
        raise ValueError("odd")
