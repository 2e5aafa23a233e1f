"""What a page is told of every model: does it fit this machine now, how does it run, what must be shown."""

from pathlib import Path

import pytest
import torch

from diffusion_core.models import catalog, memory
from diffusion_core.models.catalog import CATALOGUE, found
from diffusion_core.models.deepfloyd.safety import NOTICE, RESEARCH_ONLY
from diffusion_core.models.loading import Library, blank_unet, gigabytes_of
from diffusion_core.models.memory import Memory

GPU = torch.device("cuda")


@pytest.fixture
def library():
    return Library(device="cpu", dtype=torch.float32)


def with_memory(monkeypatch, gpu: float | None, ram: float = 32.0) -> None:
    monkeypatch.setattr(memory, "measured", lambda device: Memory(gpu, ram))


@pytest.fixture
def offered(tiny_if, tmp_path, monkeypatch):
    """(gpu, ram, token) -> what a page is offered: name -> Offer."""

    def offers(gpu: float | None, ram: float = 32.0, token: bool = True, at_home: bool = True):
        for name, stage in zip(catalog.BUILT_IN_FOLDERS, tiny_if):
            link = tmp_path / name
            link.unlink(missing_ok=True)
            if at_home:
                link.symlink_to(stage)
        with_memory(monkeypatch, gpu, ram)
        monkeypatch.setattr("diffusion_core.models.hub.has_token", lambda: token)
        monkeypatch.setattr("diffusion_core.models.hub.is_kept", lambda source, file: False)
        library = Library(checkpoints=tmp_path, dtype=torch.float16)
        library.device = torch.device("cpu") if gpu is None else GPU
        return {offer.name: offer for offer in library.offers()}

    return offers


def test_a_page_is_offered_every_model_with_the_built_in_one_first(offered):
    offers = offered(24.0)
    assert list(offers) == list(CATALOGUE) and all(offer.fits for offer in offers.values())
    assert next(iter(offers.values())).licence == ""
    for name in set(offers) - {"built-in"}:
        assert RESEARCH_ONLY in offers[name].licence and NOTICE in offers[name].licence
    assert offers["deepfloyd-xl"].word == "Fits the GPU whole."


def test_a_page_is_told_what_does_not_fit_why_and_what_to_do(offered):
    offers = offered(9.0, ram=8.0)
    assert offers["deepfloyd-l"].fits and offers["built-in"].fits
    large = offers["deepfloyd-xl"]
    assert not large.fits and large.licence
    assert "stage I, needs about 10.1 GB of GPU memory, and 9.0 GB of GPU memory" in large.word
    assert "What fits: DeepFloyd IF L + M" in large.word
    assert "layer by layer" in offered(9.0, ram=32.0)["deepfloyd-xl"].word


def test_a_page_is_told_what_runs_without_a_gpu(offered):
    offers = offered(None, ram=16.0)
    assert offers["deepfloyd-m"].fits and "on the CPU: minutes for a picture" in offers["deepfloyd-m"].word
    assert "takes the text encoder" in offered(None, ram=10.0)["deepfloyd-m"].word


def test_a_page_is_told_of_the_token(offered):
    offer = offered(24.0, token=False)["deepfloyd-m"]
    assert offer.fits and "needs a Hugging Face token. Log in with `hf auth login`" in offer.word
    assert "token" not in offered(24.0, token=True)["deepfloyd-m"].word


def test_a_page_is_told_when_the_built_in_model_is_not_there(offered):
    offer = offered(24.0, at_home=False)["built-in"]
    assert not offer.fits and "emoji-64 is missing" in offer.word and offer.licence == ""


def test_what_is_warm_now_does_not_stand_in_its_own_way(tiny_if, monkeypatch):
    """The memory of a model that would go, or that is the one in question, counts as free."""
    library = Library(device="cpu", dtype=torch.float32)
    model = found(str(tiny_if.stage_1))
    with_memory(monkeypatch, None, ram=1.0)
    network = library.network(model, "I")
    weights = gigabytes_of(blank_unet(dict(network.unet.config)), torch.float32)
    with_memory(monkeypatch, None, ram=0.0)
    assert library._after_switching().ram == pytest.approx(weights)
    del network
    assert library._after_switching().ram == 0.0


def test_a_folder_can_be_offered_too(tiny_if, library):
    offer = library.offer(str(tiny_if.stage_1))
    assert offer.fits and offer.word == "Runs on the CPU." and offer.licence == ""
    assert not library.offer("nobody").fits
    stranger = library.offer("somebody/one")
    assert stranger.fits and "fetched from the Hugging Face Hub, and weighed" in stranger.word


def test_where_the_built_in_model_lies():
    assert Path(CATALOGUE["built-in"].stages[0]) == catalog.CHECKPOINTS / "emoji-64"
    assert (catalog.CHECKPOINTS / "mnist").is_dir()
