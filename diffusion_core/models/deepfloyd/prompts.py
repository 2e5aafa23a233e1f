"""Prompts: cleaned in one way, cut at 77 tokens with a word about what was cut, and embedded only once.

DeepFloyd IF reads a prompt through the encoder of T5 v1.1 XXL: 77 tokens, padded, [77, 4096]. That model
weighs far more than the UNets, and the UNets only ever see its answer. So an embedding is computed once,
kept on disk under a hash of the text and of the encoder, and found there ever after; the encoder is loaded
only for a text that is not known yet, and let go again. (Whether it computed in 8 bits or in half precision
is not told apart there: a known prompt never loads it again.)

Cleaning: control characters and runs of white space become one blank, and all is lowercased. This is
what diffusers does to an ordinary prompt, too; what its `clean_caption` takes out of captions scraped from
the web (addresses, mark-up, file names) is left alone here, so that a text is embedded in one way only.
"""

import contextlib
import gc
import hashlib
import json
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from diffusion_core.models import faults
from diffusion_core.recipes.parsing import clean

TOKENS = 77  # what IF was trained with, the closing </s> included
NULL = ""  # the prompt that says nothing: the null of guidance
NEUTRAL = "a high quality photo"  # the prompt that asks for nothing in particular
KEPT_IN_MEMORY = 256
KEPT_ON_DISK = 4000  # 0.6 MB each for T5-XXL; those used longest ago go first


class Reading(NamedTuple):
    """What the encoder made of a prompt: embedding [77,D], and a sentence for people, or "".

    The sentence names what was cut, or says that the tokenizer knows nothing of the text.
    """

    embedding: Tensor
    warning: str = ""


class TextModel(NamedTuple):
    """A tokenizer and a T5 encoder, of transformers."""

    tokenizer: Callable
    encoder: torch.nn.Module

    @torch.inference_mode()
    def read(self, prompt: str) -> Reading:
        """A clean prompt -> its reading; the embedding is on the CPU, in the encoder's precision."""
        padded = self.tokenizer(
            prompt, padding="max_length", max_length=TOKENS, truncation=True, return_tensors="pt"
        )
        device = self.encoder.device
        hidden = self.encoder(
            padded.input_ids.to(device), attention_mask=padded.attention_mask.to(device)
        ).last_hidden_state
        return Reading(hidden[0].cpu(), self.warning(prompt))

    def warning(self, prompt: str) -> str:
        """What a person should know of how this prompt is read; "" if there is nothing."""
        tokens = self.tokenizer(prompt).input_ids[:-1]  # without </s>
        if len(tokens) >= TOKENS:
            cut = self.tokenizer.decode(tokens[TOKENS - 1 :]).strip()
            more = "" if len(cut) <= 80 else "..."
            return f'The prompt is longer than {TOKENS} tokens; this was cut off: "{cut[:80]}{more}"'
        known = [token for token in tokens if token != self.tokenizer.unk_token_id]
        if prompt and not self.tokenizer.decode(known).strip():
            return f'The text encoder knows nothing of "{prompt[:40]}" (emoji, or another script); use words.'
        return ""


class Prompts:
    """Readings of prompts, from memory, from disk, or from the encoder, in this order.

    load      () -> TextModel; called when a text is met that nobody has embedded yet
    identity  which encoder: readings of another one are never taken for its own, see `fingerprint`
    folder    where readings are kept, shared by all models with this encoder; None for memory only
    keep      hold on to the encoder after use (it is small, or there is room); else let it go

    Safe from any thread; one thread encodes at a time. ModelError if the encoder cannot be loaded or used.
    """

    def __init__(
        self, load: Callable[[], TextModel], identity: str, folder: Path | None = None, *, keep: bool = False
    ):
        self.load, self.identity, self.folder, self.keep = load, identity, folder, keep
        self._model: TextModel | None = None
        self._memory: OrderedDict[str, Reading] = OrderedDict()
        self._lock = threading.Lock()  # held for moments: who brings a known prompt waits for nobody
        self._encoding = threading.RLock()  # held while the encoder is loaded and works

    def __call__(self, prompt: str) -> Tensor:
        """The embedding [77,D] of a prompt."""
        return self.reading(prompt).embedding

    def reading(self, prompt: str) -> Reading:
        """The embedding of a prompt, and what is to be said of it."""
        prompt = clean(prompt)
        if (known := self._known(prompt)) is not None:
            return known
        with self._encoding:
            return self._known(prompt) or self._encoded(prompt)  # somebody may have brought it meanwhile

    def warning(self, prompt: str) -> str:
        """What is to be said of a prompt, as far as that is known without loading the encoder."""
        prompt = clean(prompt)
        if (known := self._known(prompt)) is not None:
            return known.warning
        if not self._encoding.acquire(blocking=False):  # a tokenizer serves one thread at a time
            return ""
        try:
            return self._model.warning(prompt) if self._model else ""
        finally:
            self._encoding.release()

    def read_all(self, prompts: list[str]) -> None:
        """Embed several prompts while the encoder is there, then let it go: with the null prompt first."""
        wanted = [clean(prompt) for prompt in dict.fromkeys([NULL, *prompts])]
        if all(self._known(prompt) is not None for prompt in wanted):
            return
        with self._encoding:
            kept, self.keep = self.keep, True
            try:
                for prompt in wanted:
                    self.reading(prompt)
            finally:
                self.keep = kept
                if not kept:
                    self.let_go()

    def let_go(self) -> None:
        """Free the memory of the encoder; it is loaded again when it is needed. While it works for somebody,
        it is theirs to let go."""
        if not self._encoding.acquire(blocking=False):
            return
        try:
            if self._model is not None:
                self._model = None
                gc.collect()  # what spreads an encoder over devices ties it into circles
                if torch.cuda.is_available():
                    torch.cuda.empty_cache()
        finally:
            self._encoding.release()

    def _known(self, prompt: str) -> Reading | None:
        """The reading of a clean prompt, from memory or from disk."""
        with self._lock:
            if prompt in self._memory:
                self._memory.move_to_end(prompt)
                return self._memory[prompt]
        reading = self._from_disk(prompt)
        return None if reading is None else self._remembered(prompt, reading)

    def _remembered(self, prompt: str, reading: Reading) -> Reading:
        with self._lock:
            reading = self._memory.setdefault(prompt, reading)
            while len(self._memory) > KEPT_IN_MEMORY:
                self._memory.popitem(last=False)
            return reading

    def _encoded(self, prompt: str) -> Reading:
        with faults.explained("the text encoder"):
            if self._model is None:
                self._model = self.load()
            reading = self._model.read(prompt)
        if not self.keep:
            self.let_go()
        self._to_disk(prompt, reading)
        return self._remembered(prompt, reading)

    def path(self, prompt: str) -> Path | None:
        """Where the reading of a clean prompt is kept."""
        if self.folder is None:
            return None
        name = hashlib.sha256(f"{self.identity}\n{prompt}".encode()).hexdigest()[:32]
        return self.folder / f"{name}.safetensors"

    def _from_disk(self, prompt: str) -> Reading | None:
        """None if it is not there, damaged, or another text's: then it is made anew."""
        path = self.path(prompt)
        if path is None or not path.exists():
            return None
        try:
            with safe_open(path, "pt") as file:
                about = file.metadata() or {}
                if (about.get("prompt"), about.get("encoder")) != (prompt, self.identity):
                    return None
                reading = Reading(file.get_tensor("embedding"), about.get("warning", ""))
            with contextlib.suppress(OSError):  # a folder that others own can still be read
                path.touch()
            return reading
        except (SafetensorError, OSError):
            return None

    def _to_disk(self, prompt: str, reading: Reading) -> None:
        """Whole or not at all: written aside, then moved. A full disk costs time later, not the picture."""
        path = self.path(prompt)
        if path is None:
            return
        about = {"prompt": prompt, "encoder": self.identity, "warning": reading.warning}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, aside = tempfile.mkstemp(dir=path.parent, suffix=".part")
            os.close(handle)
            save_file({"embedding": reading.embedding.contiguous()}, aside, about)
            os.replace(aside, path)
            self._trim()
        except OSError:
            return

    def _trim(self) -> None:
        """Keep the folder to a size, whatever visitors write. OSError if another process trims it too."""
        files = list(self.folder.glob("*.safetensors"))
        if len(files) > KEPT_ON_DISK:
            for path in sorted(files, key=lambda path: path.stat().st_mtime)[: len(files) - KEPT_ON_DISK]:
                path.unlink()


def fingerprint(folder: Path) -> str:
    """Which encoder lies in a folder of IF's format: a hash of its configuration, its tokenizer, and the
    size and both ends of every file of weights. Copies of one encoder agree; a retrained one differs."""
    digest = hashlib.sha256()
    for path in sorted([*(folder / "text_encoder").glob("*"), *(folder / "tokenizer").glob("*")]):
        digest.update(path.name.encode())
        if path.suffix == ".safetensors":
            digest.update(_ends(path))
        elif path.suffix == ".json":
            digest.update(_stable(path))
    return digest.hexdigest()[:32]


def _ends(path: Path, size: int = 65536) -> bytes:
    whole = path.stat().st_size
    with path.open("rb") as file:
        first = file.read(size)
        file.seek(max(0, whole - size))
        return str(whole).encode() + first + file.read(size)


def _stable(path: Path) -> bytes:
    """A JSON file without what changes when a library writes the same model again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return path.read_bytes()
    if isinstance(content, dict):
        content = {key: value for key, value in content.items() if not key.startswith(("_", "transformers_"))}
    return json.dumps(content, sort_keys=True).encode()
