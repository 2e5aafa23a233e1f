"""What goes wrong when a model is opened gets a sentence that says what to do."""

import json
import sys

import pytest
import torch
from huggingface_hub import errors as hub
from safetensors import SafetensorError

from diffusion_core.models.faults import ModelError, explained, sentence

http = sys.modules[
    hub.HTTPError.__module__.partition(".")[0]
]  # httpx or httpx2: what the client talks through


def response(status: int):
    return http.Response(status, request=http.Request("GET", "https://huggingface.co/x"))


def unicode_error() -> UnicodeDecodeError:
    return UnicodeDecodeError("utf-8", b"\xfc", 0, 1, "invalid start byte")


WRONG = [
    (hub.GatedRepoError("gated", response=response(401)), "needs a Hugging Face token"),
    (hub.GatedRepoError("gated", response=response(403)), "Accept its licence at"),
    (hub.HfHubHTTPError("no", response=response(401)), "needs a Hugging Face token"),
    (hub.HfHubHTTPError("no", response=response(403)), "a token of limited rights"),
    (hub.HfHubHTTPError("no", response=response(502)), "cannot be reached"),
    (hub.LocalTokenNotFoundError("no token"), "hf auth login"),
    (hub.RepositoryNotFoundError("no", response=response(404)), "Check the spelling"),
    (hub.RepositoryNotFoundError("no", response=response(401)), "Check the spelling"),
    (hub.RemoteEntryNotFoundError("no", response=response(404)), "lacks a file"),
    (hub.LocalEntryNotFoundError("offline"), "cannot be reached"),
    (hub.IncompleteSnapshotError("half of it", snapshot_path="x"), "is not whole on this machine"),
    (hub.OfflineModeIsEnabled("offline"), "cannot be reached"),
    (http.ConnectError("no route"), "cannot be reached"),
    (http.ReadTimeout("too slow"), "cannot be reached"),
    (http.RemoteProtocolError("cut"), "cannot be reached"),
    (ConnectionError("no route"), "cannot be reached"),
    (torch.OutOfMemoryError("CUDA out of memory"), "not enough memory"),
    (MemoryError(), "not enough memory"),
    (SafetensorError("header too small"), "damaged or was cut short"),
    (json.JSONDecodeError("Expecting value", "", 0), "damaged or was cut short"),
    (unicode_error(), "damaged or was cut short"),
    (OSError("x does not appear to have a file named a/b-00002-of-00009.safetensors"), "b-00002-of-00009"),
    (FileNotFoundError(2, "No such file", "config.json"), "missing (config.json)"),
    (PermissionError(13, "Permission denied", "weights"), "may not be read by this user: weights"),
    (OSError(28, "No space left on device"), "disk is full"),
    (ImportError("No module named 'bitsandbytes'"), "library that is missing"),
    (RuntimeError("something\nnew"), "RuntimeError: something new"),
]


@pytest.mark.parametrize("error, complaint", WRONG, ids=lambda value: type(value).__name__)
def test_what_goes_wrong_gets_a_sentence_that_says_what_to_do(error, complaint):
    told = sentence(error, "DeepFloyd/IF-I-M-v1.0")
    assert complaint in told and "DeepFloyd/IF-I-M-v1.0" in told and "\n" not in told


def wrapped(outer: Exception, inner: Exception):
    try:
        raise outer from inner
    except Exception as error:
        return error


def test_a_wrapped_error_is_told_by_what_it_wraps():
    gated = hub.GatedRepoError("gated", response=response(403))
    vague = hub.LocalEntryNotFoundError("could not locate the file")
    for outer in (OSError("There was a problem"), vague):
        assert "Accept its licence" in sentence(wrapped(outer, gated), "x")
    assert "cannot be reached" in sentence(wrapped(vague, http.ConnectError("no route")), "x")


def test_what_is_raised_inside_becomes_a_model_error():
    with pytest.raises(ModelError, match="Log in with `hf auth login`"), explained("DeepFloyd/IF-I-M-v1.0"):
        raise hub.GatedRepoError("gated", response=response(401))
    with pytest.raises(ModelError, match=r"^mine$"), explained("x"):
        raise ModelError("mine")
    with pytest.raises(KeyboardInterrupt), explained("x"):
        raise KeyboardInterrupt
    assert issubclass(ModelError, RuntimeError)
