"""Text encoders: how one is loaded for the memory at hand, and that it is gone afterwards."""

import gc
import importlib.machinery
import shutil
import sys
import types
import weakref

import pytest
import torch
import transformers

from diffusion_core.models.catalog import CATALOGUE, found
from diffusion_core.models.deepfloyd import t5
from diffusion_core.models.deepfloyd.t5 import identity_of, loader, options_for, prompts_of
from diffusion_core.models.faults import ModelError
from diffusion_core.models.memory import Memory

CPU, GPU = torch.device("cpu"), torch.device("cuda:0")
T5 = 11.0


@pytest.fixture
def bitsandbytes(monkeypatch):
    """A module of that name can be imported."""
    module = types.ModuleType("bitsandbytes")
    module.__spec__ = importlib.machinery.ModuleSpec("bitsandbytes", None)
    monkeypatch.setitem(sys.modules, "bitsandbytes", module)


def test_without_a_gpu_it_computes_on_the_cpu():
    assert options_for("x", T5, Memory(None, 24.0), CPU) == {"dtype": torch.float32}
    assert options_for("x", T5, Memory(None, 13.0), CPU) == {"dtype": torch.bfloat16}


def test_in_half_precision_where_the_gpu_holds_it():
    placed = {"dtype": torch.float16, "device_map": {"": "cuda:0"}}
    assert options_for("x", T5, Memory(14.0, 4.0), GPU) == placed


def test_in_8_bits_where_bitsandbytes_is(bitsandbytes):
    options = options_for("x", T5, Memory(9.0, 16.0), GPU)
    config = options.pop("quantization_config")
    assert isinstance(config, transformers.BitsAndBytesConfig) and config.load_in_8bit is True
    assert options == {"dtype": torch.float16, "device_map": {"": "cuda:0"}}
    assert "load_in_8bit" not in options, "transformers 5 does not take it bare"


def test_spread_over_gpu_and_machine_where_bitsandbytes_is_not():
    assert not t5.eight_bits()
    spread = {"dtype": torch.float16, "device_map": "auto"}
    assert options_for("x", T5, Memory(9.0, 16.0), GPU) == spread


@pytest.mark.parametrize("free", [Memory(None, 8.0), Memory(4.0, 6.0)])
def test_too_little_memory_gets_a_sentence(free):
    with pytest.raises(ModelError, match=r"takes the text encoder of x, about 11 GB, and .*built-in model"):
        options_for("x", T5, free, GPU)


def test_memory_is_asked_before_anything_is_fetched(monkeypatch):
    monkeypatch.setattr("diffusion_core.models.memory.measured", lambda device: Memory(None, 4.0))
    monkeypatch.setattr("diffusion_core.models.hub.folder_of", lambda *parts: pytest.fail("fetched"))
    with pytest.raises(ModelError, match="takes the text encoder of DeepFloyd/IF-I-XL"):
        loader("DeepFloyd/IF-I-XL-v1.0", CPU)()


def test_what_is_chosen_reaches_transformers(tiny_if, monkeypatch, bitsandbytes):
    """The tiny encoder, as if it were a large one."""
    told = {}
    real = transformers.T5EncoderModel.from_pretrained

    def from_pretrained(folder, **options):
        told.update(options)
        return real(folder, subfolder="text_encoder", output_loading_info=True)

    monkeypatch.setattr(transformers.T5EncoderModel, "from_pretrained", from_pretrained)
    monkeypatch.setattr(t5, "SMALL", 0.0)
    monkeypatch.setattr("diffusion_core.models.memory.text_way_of", lambda *about: "8 bits")
    monkeypatch.setattr("diffusion_core.models.memory.measured", lambda device: Memory(9.0, 16.0))
    loader(str(tiny_if.stage_1), GPU)()
    assert told["quantization_config"].load_in_8bit and told["use_safetensors"] is True
    assert told["device_map"] == {"": "cuda:0"} and told["subfolder"] == "text_encoder"


def test_a_large_encoder_is_really_read_in_half_precision_and_keeps_its_wo(tiny_if, monkeypatch):
    monkeypatch.setattr(t5, "SMALL", 0.0)
    monkeypatch.setattr("diffusion_core.models.memory.text_way_of", lambda *about: "cpu half")
    model = loader(str(tiny_if.stage_1), CPU)()
    types_of = {name.rsplit(".", 2)[-2]: weight.dtype for name, weight in model.encoder.named_parameters()}
    assert types_of["q"] == torch.bfloat16
    assert model.read("a dog").embedding.isfinite().all()


def test_a_small_encoder_computes_in_float32_and_stays(tiny_if):
    prompts = prompts_of(found(str(tiny_if.stage_1)), GPU, None)
    assert prompts.keep
    prompts("a dog")
    weights = list(prompts._model.encoder.parameters())
    assert {(weight.dtype, weight.device.type) for weight in weights} == {(torch.float32, "cpu")}


def test_a_large_encoder_is_gone_once_the_prompts_are_read(tiny_if, monkeypatch):
    monkeypatch.setattr(t5, "SMALL", 0.0)
    prompts = prompts_of(found(str(tiny_if.stage_1)), CPU, None)
    made, load = [], prompts.load

    def watched():
        model = load()
        made.append(weakref.ref(model.encoder))
        return model

    prompts.load = watched
    prompts.read_all(["a dog", "a skull"])
    gc.collect()
    assert len(made) == 1 and made[0]() is None


def test_every_deepfloyd_reads_with_one_encoder_and_others_with_their_own(tiny_if):
    assert {identity_of(model) for model in CATALOGUE.values() if model.licensed} == {"t5-v1_1-xxl"}
    assert identity_of(found("a/b")) != identity_of(found("a/c"))
    assert identity_of(found(str(tiny_if.stage_1))) == identity_of(found(str(tiny_if.stage_1.parent)))


DAMAGE = {
    "a shard is missing": lambda folder: sorted(folder.glob("text_encoder/*.safetensors"))[1].unlink(),
    "no configuration": lambda folder: (folder / "text_encoder" / "config.json").unlink(),
    "no tokenizer": lambda folder: shutil.rmtree(folder / "tokenizer"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_an_encoder_that_is_not_whole_gets_a_sentence(damage, tiny_if, tmp_path):
    folder = tmp_path / "copy"
    shutil.copytree(tiny_if.stage_1, folder)
    encoder = transformers.T5EncoderModel.from_pretrained(folder, subfolder="text_encoder")
    (folder / "text_encoder" / "model.safetensors").unlink()
    encoder.save_pretrained(folder / "text_encoder", max_shard_size="30KB")
    assert loader(str(folder), CPU)().read("a dog").embedding.isfinite().all()
    DAMAGE[damage](folder)
    with pytest.raises(ModelError, match=r"A file of .* is missing \(\S+\).*Fetch the model again, whole"):
        loader(str(folder), CPU)()
