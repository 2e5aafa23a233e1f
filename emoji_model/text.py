"""The text path of the cascade: its tokenizer, its T5 and the pooling, trained first and then frozen.

`python -m emoji_model.train text` makes RUNS/text; the other stages read it from there.
"""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import safetensors.torch
import torch
from torch import Tensor

from emoji_model import cascade
from emoji_model.batches import Shown
from emoji_model.captions import Cast
from emoji_model.data import DataError, Folders
from emoji_model.meaning import encoder, retrieval
from emoji_model.minilm import MiniLM
from emoji_model.mixes import MIXES
from emoji_model.synonyms import synonyms, unspoken
from emoji_model.things import Things
from emoji_model.warmup import warm_up
from emoji_model.wordnet import WordNet, weight

if TYPE_CHECKING:
    from diffusers import UNet2DConditionModel
    from transformers import T5EncoderModel, T5Tokenizer

POOLING = "pooling.safetensors"
CAPTIONS = 40_000  # that the tokenizer is made of


def knowledge(folders: Folders, wordnet: WordNet | None = None) -> Things:
    """The things with WordNet's other words for them. DataError where data is missing."""
    wordnet = wordnet or WordNet(folders["wordnet"])
    plain = Things.read(folders)
    hints = {name: (*thing.keywords, thing.doodle_name.lower()) for name, thing in plain.items()}
    table = {name: tuple(words) for name, words in synonyms(hints, wordnet).items()}
    return Things.read(folders, table)


def captioned(things: Things) -> list[str]:
    """All names and keywords that captions use."""
    return [word for name, thing in things.items() for word in (name, *thing.names, *thing.keywords)]


def held_out_words(things: Things) -> dict[str, list[str]]:
    """name -> synonyms that no caption says, to measure with."""
    return unspoken({name: list(words) for name, words in things.synonyms.items()}, captioned(things))


def train_text(
    folders: Folders, folder: Path, *, steps: int, seed: int = 0, save_every: float = 120.0
) -> dict:
    """Make the tokenizer, warm the T5 up, and write both to `folder`; the figures of text.json.

    Killed at any time it goes on where it last saved.
    """
    wordnet = WordNet(folders["wordnet"])
    things = knowledge(folders, wordnet)
    common = wordnet.common()
    if not (folder / "tokenizer" / "tokenizer.json").exists():
        cast, rng = Cast(things, MIXES["full"]), Random("tokenizer")
        captions = [cast.scene(rng).caption for _ in range(CAPTIONS)]
        weights = {word: weight(count) for word, count in common.items()}
        cascade.tokenizer([*captions, *captioned(things)], weights).save_pretrained(folder / "tokenizer")
    tokenizer = read_tokenizer(folder)
    torch.manual_seed(seed)
    stage = cascade.Stage(cascade.unet("small"), cascade.text_encoder(len(tokenizer)))
    told = dict.fromkeys((w for words in things.synonyms.values() for w in words), 20)
    names = [w for name, thing in things.items() for w in (name, *thing.names)]
    last = warm_up(
        stage,
        tokenizer,
        Shown(things, seed),
        MiniLM(),
        told | common,
        folder,
        names=names,
        steps=steps,
        seed=seed,
        save_every=save_every,
    )
    stage.text.save_pretrained(folder / "text_encoder", safe_serialization=True)
    pooling = {k: v.detach().contiguous() for k, v in stage.unet.add_embedding.state_dict().items()}
    safetensors.torch.save_file(pooling, folder / POOLING)
    found = retrieval(held_out_words(things), list(things), encoder(stage.text, tokenizer))
    figures = {"warm_up": last, "held_out_synonyms": found}
    (folder / "text.json").write_text(json.dumps(figures, indent=1) + "\n")
    return figures


def read_tokenizer(folder: Path) -> T5Tokenizer:
    from transformers import T5Tokenizer

    return T5Tokenizer.from_pretrained(folder / "tokenizer")


def read_text(folder: Path) -> tuple[T5EncoderModel, T5Tokenizer]:
    """The frozen T5 and its tokenizer, as train_text or an export of a stage left them."""
    from transformers import T5EncoderModel

    if not (folder / "text_encoder").is_dir():
        raise DataError(
            f"There is no text encoder in {folder}: run `python -m emoji_model.train text` first."
        )
    text = T5EncoderModel.from_pretrained(folder / "text_encoder", dtype=torch.float32)
    return text.eval().requires_grad_(False), read_tokenizer(folder)


def pool_as_taught(unet: UNet2DConditionModel, folder: Path) -> None:
    """Let a new UNet begin with the pooling that was trained with the T5."""
    unet.add_embedding.load_state_dict(safetensors.torch.load_file(folder / POOLING))


class Reader:
    """Captions -> embeddings, by a frozen T5; those asked for again are kept."""

    KEPT = 16_384  # captions, 30 kB each in bf16

    def __init__(self, text: T5EncoderModel, tokenizer: T5Tokenizer, device: torch.device | str = "cpu"):
        self.text, self.tokenizer, self.device = text.to(device), tokenizer, torch.device(device)
        self._kept: dict[str, Tensor] = {}

    @torch.no_grad()
    def read(self, captions: list[str]) -> Tensor:
        """[B,77,D] bfloat16."""
        new = sorted({caption for caption in captions if caption not in self._kept})
        if len(self._kept) + len(new) > self.KEPT:
            self._kept = {caption: self._kept[caption] for caption in captions if caption in self._kept}
        if new:
            ids, mask = (part.to(self.device) for part in cascade.tokens(self.tokenizer, new))
            with torch.autocast(self.device.type, torch.bfloat16):
                states = self.text(input_ids=ids, attention_mask=mask).last_hidden_state
            self._kept |= dict(zip(new, states.bfloat16()))
        return torch.stack([self._kept[caption] for caption in captions])
