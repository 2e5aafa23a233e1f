"""Files of a model: from a folder, or from the Hugging Face Hub, fetched once and kept in its cache.

Only configuration and safetensors are ever fetched, in half precision where a repository has both: its
files are named .fp16. then. A model behind a gate is opened with the token of whoever runs the app.
"""

import contextlib
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import torch
from torch import nn

from diffusion_core.models.faults import ModelError

WEIGHTS = "*.safetensors"


def is_id(text: str) -> bool:
    """Could this be an id on the Hub, "owner/name"?"""
    return bool(re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", text)) and ".." not in text and "--" not in text


def parts_of(source: str, *files: str) -> list[dict]:
    """JSON files of a folder or of a repository. What the Hub, the disk or the JSON raise."""
    return [json.loads(_file(source, file).read_text(encoding="utf-8")) for file in files]


def folder_of(source: str, *parts: str) -> Path:
    """A folder with these parts ("unet", "text_encoder") of a model whole in it. What the Hub raises."""
    if Path(source).is_dir():
        return Path(source)
    from huggingface_hub import snapshot_download

    small = [f"{part}/{kind}" for part in parts for kind in ("*.json", "*.model", "*.txt")]
    half = [f"{part}/*.fp16*.safetensors" for part in parts]
    local = out_of_reach()
    folder = Path(snapshot_download(source, allow_patterns=[*small, *half], local_files_only=local))
    whole = [f"{part}/{WEIGHTS}" for part in parts if not any((folder / part).glob(WEIGHTS))]
    if whole:
        snapshot_download(source, allow_patterns=whole, local_files_only=local)
    return folder


def variant(folder: Path) -> dict[str, str]:
    """How transformers is told to read the files in half precision, where only these are."""
    kept = list(folder.glob(WEIGHTS))
    return {"variant": "fp16"} if kept and all(".fp16" in path.name for path in kept) else {}


def fill(model: nn.Module, folder: Path, source: str, device: str, dtype: torch.dtype) -> nn.Module:
    """Read the weights of a model that was built without memory (on the `meta` device) from its folder,
    straight to where they belong. ModelError if some of them are in none of its files.

    diffusers' own from_pretrained changes what torch.nn.Module does while it works, for the whole process:
    who builds a network meanwhile, for another visitor or to train it, gets one without weights.
    """
    from accelerate import load_checkpoint_in_model

    half = ".fp16" if variant(folder) else ""
    weights = folder / f"diffusion_pytorch_model{half}.safetensors"
    shards = folder / f"diffusion_pytorch_model.safetensors.index{half}.json"
    if not weights.is_file() and not shards.is_file():
        raise FileNotFoundError(2, "no such file", str(weights))
    file = weights if weights.is_file() else shards
    load_checkpoint_in_model(model, str(file), device_map={"": device}, dtype=dtype)
    _check_whole([name for name, weight in model.state_dict().items() if weight.is_meta], source)
    return model


_reading = threading.RLock()


@contextlib.contextmanager
def reading() -> Iterator[None]:
    """For transformers' from_pretrained: one at a time, since it changes transformers for the whole process
    while it works (and torch's default dtype, for the moment in which a model in half precision is built);
    and without remarks and progress bars: what goes wrong is raised, and a person reads our own lines."""
    from transformers.utils import logging

    with _reading:
        level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(level)
            if bars:
                logging.enable_progress_bar()


def whole(loaded: tuple, source: str) -> nn.Module:
    """The model of from_pretrained(..., output_loading_info=True). ModelError if some of its weights are in
    none of its files: transformers would go on with random ones."""
    model, about = loaded
    _check_whole(sorted(about["missing_keys"]), source)
    return model


def _check_whole(lost: list[str], source: str) -> None:
    if lost:
        raise ModelError(
            f"{len(lost)} weights of {source} are in none of its files, {lost[0]} for one. "
            "Fetch the model again, whole."
        )


def is_kept(source: str, file: str) -> bool:
    """Is a file of a model on this machine already?"""
    if Path(source).is_dir():
        return (Path(source) / file).is_file()
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(source, file), str)


def has_token() -> bool:
    """Has whoever runs this logged in to the Hub?"""
    from huggingface_hub import get_token

    return bool(get_token())


def _file(source: str, file: str) -> Path:
    if Path(source).is_dir():
        return Path(source) / file
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(source, file, local_files_only=out_of_reach()))


def out_of_reach(seconds: float = 3.0) -> bool:
    """Is the Hub out of reach? Its own client tries for 23 s before it takes what is on the machine."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return True
    if getproxies():
        return False
    place = urlsplit(constants.ENDPOINT)
    try:
        port = place.port or {"http": 80}.get(place.scheme, 443)
        socket.create_connection((place.hostname, port), timeout=seconds).close()
        return False
    except OSError:
        return True
