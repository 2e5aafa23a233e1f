"""A tiny text path, coloured squares with names, and a teacher: a warm-up of seconds.

python tests/small_warm_up.py FOLDER STEPS      runs one, as a process that a test can kill
"""

import sys
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import torch
import torch.nn.functional as F
from diffusers.models.embeddings import TextTimeEmbedding
from torch import Tensor
from transformers import T5Config, T5EncoderModel, T5Tokenizer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from emoji_model import cascade, warmup

COLOURS = {"red": (1, -1, -1), "green": (-1, 1, -1), "blue": (-1, -1, 1), "white": (1, 1, 1)}
LIKE = {"crimson": "red", "lime": "green", "navy": "blue", "snowy": "white"}
WORDS = {word: 5 for word in (*COLOURS, *LIKE)}


class Squares:
    """ "a red square": a warmup.Source."""

    def draw(self, step: int, count: int) -> tuple[Tensor, list[str]]:
        rng = torch.Generator().manual_seed(step)
        chosen = [list(COLOURS)[k] for k in torch.randint(0, 4, (count,), generator=rng)]
        x = torch.tensor([COLOURS[name] for name in chosen]).float()[:, :, None, None].expand(-1, -1, 32, 32)
        noise = 0.1 * torch.randn(x.shape, generator=rng)
        return (x * 0.8 + noise).clamp(-1, 1), [
            f"a {name} square" if name != "white" else "" for name in chosen
        ]


class Synonyms:
    """A teacher for whom words of LIKE mean what they stand for: a random direction per word."""

    def embed(self, texts) -> Tensor:
        return F.normalize(torch.stack([sum(map(self._word, text.split())) for text in texts]))

    def _word(self, word: str) -> Tensor:
        seed = int.from_bytes(sha256(LIKE.get(word, word).encode()).digest()[:4], "big")
        return torch.randn(warmup.MEANING, generator=torch.Generator().manual_seed(seed)) * (
            0.2 if word in ("a", "of", "picture", "small") else 1
        )


def stage(tokenizer) -> SimpleNamespace:
    """The text path of a cascade.Stage and no more."""
    torch.manual_seed(0)
    config = T5Config(
        vocab_size=len(tokenizer), d_model=32, d_kv=8, d_ff=32, num_layers=1, num_heads=4, dropout_rate=0.0
    )
    unet = SimpleNamespace(
        add_embedding=TextTimeEmbedding(32, 32, num_heads=4), config=SimpleNamespace(time_embedding_dim=32)
    )
    return SimpleNamespace(text=T5EncoderModel(config), unet=unet)


def tokenizer(folder: Path):
    """The one kept in a folder, made at first: training it twice may give two."""
    kept = folder / "tokenizer"
    if not kept.exists():
        words = [f"a small picture of a {word} square" for word in WORDS]
        cascade.tokenizer(words, WORDS).save_pretrained(kept)
    return T5Tokenizer.from_pretrained(kept)


def run(folder: Path, steps: int, *, teacher=None, report=lambda line: None, **more):
    """(stage, tokenizer, the last line of the report); the tokenizer lies in the folder above."""
    read = tokenizer(folder.parent)
    small = stage(read)
    more = dict(batch=16, lr=5e-3, save_every=0.0, bf16=False) | more
    words, names = WORDS, list(LIKE)
    last = warmup.warm_up(
        small, read, Squares(), teacher, words, folder, names=names, steps=steps, report=report, **more
    )
    return small, read, last


if __name__ == "__main__":
    torch.set_num_threads(1)
    run(Path(sys.argv[1]), int(sys.argv[2]), teacher=Synonyms())
