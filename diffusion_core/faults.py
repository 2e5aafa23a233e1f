"""What can go wrong when a model is opened, and the sentence that says what to do about it.

The app never shows a person a traceback: an exception of the Hub, of safetensors or of the GPU becomes a
ModelError here. The app then goes on with the built-in model, and says so.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import torch
from huggingface_hub import errors as hub
from safetensors import SafetensorError

UNREACHABLE = (
    hub.LocalEntryNotFoundError,
    hub.OfflineModeIsEnabled,
    httpx.TransportError,
    ConnectionError,
    TimeoutError,
)
GATE = "https://huggingface.co/DeepFloyd/IF-I-XL-v1.0"


class ModelError(RuntimeError):
    """A model cannot be opened or used; str(error) says what to do."""


@contextmanager
def explained(source: str) -> Iterator[None]:
    """Turn what goes wrong inside into a ModelError with a sentence. source: a folder or an id on the Hub."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        raise ModelError(sentence(error, source)) from error


def sentence(error: BaseException, source: str) -> str:
    """What happened to `source`, and what to do, for a person."""
    for each in _chain(error):
        if (found := _known(each, source)) is not None:
            return found
    return f"{source} could not be opened: {type(error).__name__}: {str(error).strip()[:200]}"


def too_little_memory(title: str, needed: float, free: float, instead: str) -> str:
    """Both in gigabytes; `instead` is a sentence on what would fit."""
    return (
        f"{title} needs about {needed:.1f} GB of GPU memory, and {free:.1f} GB are free. What fits: {instead}"
    )


def _known(error: BaseException, source: str) -> str | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, hub.GatedRepoError) or status == 403:
        return (
            f"{source} is behind a gate. Accept its licence at {GATE} (once, for all DeepFloyd models), "
            "then log in here with `hf auth login`, or set HF_TOKEN."
        )
    if isinstance(error, hub.LocalTokenNotFoundError) or status == 401:
        return (
            f"{source} needs a Hugging Face token. Log in with `hf auth login`, or set HF_TOKEN; "
            f"its licence is accepted at {GATE}."
        )
    if isinstance(error, (hub.RepositoryNotFoundError, hub.RevisionNotFoundError)):
        return f"There is no model {source} on the Hugging Face Hub. Check the spelling, or give a folder."
    if isinstance(error, hub.EntryNotFoundError) and not isinstance(error, hub.LocalEntryNotFoundError):
        return (
            f"{source} lacks a file of DeepFloyd IF's format; only safetensors are read. ({str(error)[:120]})"
        )
    if isinstance(error, UNREACHABLE):
        return (
            f"The Hugging Face Hub cannot be reached, and {source} is not on this machine. Check the network."
        )
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return f"There is not enough memory for {source}. Choose a smaller model, or close what else uses it."
    if isinstance(error, (SafetensorError, json.JSONDecodeError)):
        return f"A file of {source} is damaged or was cut short. Delete it and fetch it again."
    if isinstance(error, OSError) and error.errno == 28:
        return f"The disk is full; {source} could not be stored. Make room and try again."
    if isinstance(error, ImportError):
        return f"{source} needs a library that is missing: {error}. Run `pip install -r requirements.txt`."
    return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it came from: libraries wrap the telling one."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
