"""What can go wrong when a model is opened, and the sentence that says what to do about it.

The app never shows a person a traceback: an exception of the Hub, of safetensors or of the GPU becomes a
ModelError here. The app then goes on with the built-in model, and says so.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from huggingface_hub import errors as hub
from safetensors import SafetensorError

UNREACHABLE = (hub.LocalEntryNotFoundError, hub.OfflineModeIsEnabled, ConnectionError, TimeoutError)
GATE = "https://huggingface.co/DeepFloyd/IF-I-XL-v1.0"
DAMAGED = re.compile(
    r"corrupted|header too large|incomplete metadata|not a valid JSON file|Consistency check", re.I
)
MISSING = re.compile(
    r"no file named|does not appear to have a file named|not have .* files? named|shard", re.I
)
FILE = re.compile(r"[\w.-]+\.safetensors|[\w.-]+\.json")


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
    vague = hub.LocalEntryNotFoundError  # the Hub's client says so for whatever kept it from fetching
    for each in sorted(_chain(error), key=lambda each: isinstance(each, vague)):
        if (found := _known(each, source)) is not None:
            return found
    return f"{source} could not be opened: {type(error).__name__}: {' '.join(str(error).split())[:200]}"


def _known(error: BaseException, source: str) -> str | None:
    status = getattr(getattr(error, "response", None), "status_code", None)
    if isinstance(error, hub.LocalTokenNotFoundError) or (
        status == 401 and not isinstance(error, hub.RepositoryNotFoundError)  # or GatedRepoError, its child
    ):
        return no_token(source)
    if isinstance(error, hub.GatedRepoError):
        if status == 401:
            return no_token(source)
        return (
            f"{source} is behind a gate that your account has not passed. Accept its licence at {GATE} "
            "(once, for all DeepFloyd models), with the account whose token is used here, and try again."
        )
    if isinstance(error, (hub.RepositoryNotFoundError, hub.RevisionNotFoundError)):
        return (
            f"There is no model {source} on the Hugging Face Hub, or it is private. Check the spelling, give "
            "a folder, or log in with `hf auth login`."
        )
    if status == 403:
        return (
            f"The Hugging Face Hub does not hand out {source} to this account. Accept its licence at {GATE} "
            "if it is DeepFloyd's; a token of limited rights must allow gated repositories."
        )
    if isinstance(error, hub.EntryNotFoundError) and not isinstance(error, hub.LocalEntryNotFoundError):
        return (
            f"{source} lacks a file of DeepFloyd IF's format; only safetensors are read. ({str(error)[:120]})"
        )
    if isinstance(error, UNREACHABLE) or _is_transport(error) or (status is not None and status >= 500):
        return (
            f"The Hugging Face Hub cannot be reached, and {source} is not whole on this machine. "
            "Check the network."
        )
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return f"There is not enough memory for {source}. Choose a smaller model, or close what else uses it."
    if isinstance(error, (SafetensorError, json.JSONDecodeError, UnicodeDecodeError)) or DAMAGED.search(
        str(error)
    ):
        return f"A file of {source} is damaged or was cut short. Delete it and fetch it again."
    if isinstance(error, FileNotFoundError) or MISSING.search(str(error)):
        return missing(source, *FILE.findall(str(error))[:1])
    if isinstance(error, OSError) and error.errno == 28:
        return f"The disk is full; {source} could not be stored. Make room and try again."
    if isinstance(error, PermissionError):
        return f"{source} may not be read by this user: {error.filename or 'permission denied'}."
    if isinstance(error, ImportError):
        return f"{source} needs a library that is missing: {error}. Run `pip install -r requirements.txt`."
    return None


def missing(source: str, *files: str) -> str:
    """The sentence for a model that is not whole."""
    named = f" ({', '.join(files)})" if files else ""
    return (
        f"A file of {source} is missing{named}; only safetensors are read, no pickles. "
        "Fetch the model again, whole."
    )


def no_token(source: str) -> str:
    """The sentence for a model that needs a login."""
    return (
        f"{source} needs a Hugging Face token. Log in with `hf auth login`, or set HF_TOKEN; "
        f"its licence is accepted at {GATE}."
    )


def _is_transport(error: BaseException) -> bool:
    """Did the connection itself fail? Known by name: the Hub's client talks through httpx or httpx2."""
    return any(
        each.__name__ == "TransportError" and each.__module__.startswith("httpx")
        for each in type(error).__mro__
    )


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and what it came from: libraries wrap the telling one."""
    seen = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
