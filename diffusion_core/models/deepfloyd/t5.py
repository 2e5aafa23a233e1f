"""Text encoders, loaded as the memory allows: T5-XXL is larger than all the UNets it speaks to.

In half precision it takes 11 GB, in 8 bits (bitsandbytes) 8 GB. It is loaded when a prompt comes that nobody
has embedded yet, before the UNets, and let go afterwards; see prompts.py. A small encoder, like the
built-in model's, computes in float32 on the CPU and may stay.

T5 keeps a part of itself (`wo`) in float32 when it is loaded in half precision, so it must never be cast
afterwards: that corrupts it (diffusers #8604).
"""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import torch

from diffusion_core.models import faults, hub, memory
from diffusion_core.models.catalog import OWNER, Model
from diffusion_core.models.deepfloyd.prompts import Prompts, TextModel, fingerprint
from diffusion_core.models.faults import ModelError
from diffusion_core.models.memory import Memory

SMALL = 1.0  # gigabytes; an encoder up to this size computes in float32 on the CPU and stays
T5_XXL_NAME = "t5-v1_1-xxl"  # every model of DeepFloyd's reads prompts with it, so they share embeddings


def identity_of(model: Model) -> str:
    """Which encoder reads a model's prompts: what is embedded by one is never taken for another's."""
    source = model.text_source
    if source.startswith(f"{OWNER}/"):
        return T5_XXL_NAME
    return fingerprint(Path(source)) if Path(source).is_dir() else f"hub {source}"


def prompts_of(model: Model, device: torch.device, cache: Path | None) -> Prompts:
    """Who reads a model's prompts. Nothing is loaded yet; ModelError when it is, and cannot be."""
    keep = Path(model.text_source).is_dir() and _size(Path(model.text_source)) <= SMALL
    return Prompts(loader(model.text_source, device), identity_of(model), cache, keep=keep)


def loader(source: str, device: torch.device) -> Callable[[], TextModel]:
    """() -> tokenizer and encoder of a folder or repository, in the best way that fits. ModelError."""

    def load() -> TextModel:
        from transformers import AutoTokenizer, T5EncoderModel

        with faults.explained(source):
            if source.startswith(f"{OWNER}/"):  # known without fetching it
                options_for(source, memory.T5_XXL, memory.measured(device), device)
            folder = hub.folder_of(source, "text_encoder", "tokenizer")
            for file in ("text_encoder/config.json", "tokenizer/tokenizer_config.json"):
                if not (folder / file).is_file():
                    raise ModelError(faults.missing(source, file))
            options = {}
            if (half := _size(folder)) > SMALL:
                options = options_for(source, half, memory.measured(device), device)
            with hub.reading():
                tokenizer = AutoTokenizer.from_pretrained(folder, subfolder="tokenizer")
                read = T5EncoderModel.from_pretrained(
                    folder,
                    subfolder="text_encoder",
                    use_safetensors=True,
                    output_loading_info=True,
                    **{"dtype": torch.float32} | options,
                    **hub.variant(folder / "text_encoder"),
                )
            return TextModel(tokenizer, hub.whole(read, source).eval())

    return load


def options_for(source: str, half: float, free: Memory, device: torch.device) -> dict:
    """What from_pretrained is told about an encoder of `half` gigabytes in half precision. ModelError."""
    way = memory.text_way_of(half, free, eight_bits())
    if way is None:
        need = f"about {half + memory.TEXT_WORKING:.0f} GB"
        raise ModelError(
            f"Reading a new prompt takes the text encoder of {source}, {need}, and {free}. Close what else "
            "uses the memory, or choose the built-in model; prompts that were read before need no encoder."
        )
    if way == "cpu":
        return {"dtype": torch.float32}
    if way == "cpu half":
        return {"dtype": torch.bfloat16}
    if way == "spread":
        return {"dtype": torch.float16, "device_map": "auto"}
    placed = {"dtype": torch.float16, "device_map": {"": str(device)}}
    if way == "half":
        return placed
    from transformers import BitsAndBytesConfig

    return placed | {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}


def eight_bits() -> bool:
    """Is bitsandbytes there?"""
    return importlib.util.find_spec("bitsandbytes") is not None


def _size(folder: Path) -> float:
    """Gigabytes of the text encoder in a folder; those named .fp16. are told apart from whole ones."""
    files = list((folder / "text_encoder").glob(hub.WEIGHTS))
    whole = [path for path in files if ".fp16" not in path.name]
    size = sum(path.stat().st_size for path in whole or files) / 1e9
    return size / 2 if whole and size > SMALL else size
