"""Memory is asked before weights are read, and what does not fit visits the GPU layer by layer."""

import shutil
from dataclasses import replace

import pytest
import torch
from diffusers import UNet2DConditionModel
from text_house import text_techniques_installed as _installed  # noqa: F401

from diffusion_core.models import memory
from diffusion_core.models.catalog import found
from diffusion_core.models.faults import ModelError
from diffusion_core.models.loading import Library, blank_unet, gigabytes_of
from diffusion_core.models.memory import Memory
from diffusion_core.models.network import Rows
from diffusion_core.models.offload import layers_of
from diffusion_core.recipes import Recipe
from diffusion_core.serving.studio import Studio

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def library():
    return Library(device="cpu", dtype=torch.float32)


def test_weights_are_weighed_before_they_are_read(tiny_if):
    unet = UNet2DConditionModel.from_pretrained(tiny_if.stage_2, subfolder="unet")
    weights = sum(weight.numel() for weight in unet.parameters())
    for dtype, each in ((torch.float32, 4), (torch.bfloat16, 2)):
        assert gigabytes_of(blank_unet(dict(unet.config)), dtype) == pytest.approx(weights * each / 1e9)


@pytest.mark.parametrize("gpu, kind", [(None, "GB of memory, and"), (0.001, "GB of GPU memory, and")])
def test_too_little_memory_is_noticed_before_reading(gpu, kind, tiny_if, tmp_path, library, monkeypatch):
    copy = tmp_path / "cascade"
    shutil.copytree(tiny_if.stage_1.parent, copy)
    for stage in ("stage-1", "stage-2"):
        (copy / stage / WEIGHTS).write_bytes(b"not even looked at")
    monkeypatch.setattr(memory, "measured", lambda device: Memory(gpu, 0.001))
    with pytest.raises(ModelError, match=rf"cascade, stage I, needs about 0\.0 {kind} .* are free"):
        library.network(found(str(copy)), "I")


def told(side: int, stage: str) -> Rows:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 3, side, side, generator=generator)
    second = (x.flip(0), torch.tensor([3.0, 200.0])) if stage == "II" else (None, None)
    return Rows(x, None, torch.tensor([10.0, 900.0]), ("a dog", None), *second)


@pytest.mark.parametrize("stage, side", [("I", 16), ("II", 32)])
def test_what_does_not_fit_visits_layer_by_layer_and_says_the_same(
    stage, side, tiny_if, library, monkeypatch
):
    """The device that they visit is the CPU here; that they leave no weight anywhere else is seen."""
    model = found(str(tiny_if.stage_1.parent))
    plain = library.network(model, stage)
    monkeypatch.setattr(memory, "way_of", lambda *about: "offloaded")
    visiting = library.network(model, stage)
    layers = layers_of(visiting)
    weights = [w for layer in layers for w in (*layer.parameters(False), *layer.buffers(False))]
    assert {weight.device.type for weight in weights} == {"meta"}
    assert all(type(layer._hf_hook).__name__ == "AlignDevicesHook" for layer in layers)
    kept = sum(weight.numel() for layer in layers for weight in layer._hf_hook.weights_map.values())
    assert kept >= sum(weight.numel() for weight in plain.unet.parameters()) * 0.9

    seen = []
    visiting.unet.conv_in.forward = _watched(visiting.unet.conv_in, seen)
    rows = told(side, stage)
    with torch.inference_mode():
        for _ in range(2):
            for ours, expected in zip(visiting.forward(rows), plain.forward(rows)):
                torch.testing.assert_close(ours, expected, rtol=0, atol=1e-6)
    weights = [w for layer in layers for w in (*layer.parameters(False), *layer.buffers(False))]
    assert {weight.device.type for weight in weights} == {"meta"}
    assert seen == ["cpu", "cpu"], "while it computed, its weights were there"


def _watched(layer: torch.nn.Module, seen: list[str]):
    """The layer's forward inside the hook, which notes where the weights are."""
    inside = layer._old_forward

    def forward(x):
        seen.append(layer.weight.device.type)
        return inside(x)

    layer._old_forward = forward
    return layer.forward


@pytest.mark.usefixtures("_installed")
def test_a_run_on_visiting_weights_makes_the_same_picture(tiny_if, monkeypatch):
    studio = Studio()

    def picture(name: str):
        library, folder = Library(device="cpu", dtype=torch.float32), str(tiny_if.stage_1.parent)
        library.register(studio, replace(found(folder), name=name))
        *_, result = studio.run(
            Recipe.of("text-sample", model=name, steps="3", enlarge="yes", steps_2="2", prompt="a dog")
        )
        return result.pictures

    plain = picture("plain")
    monkeypatch.setattr(memory, "way_of", lambda *about: "offloaded")
    torch.testing.assert_close(picture("visiting"), plain, rtol=0, atol=1e-5)
    studio.engine.close()
