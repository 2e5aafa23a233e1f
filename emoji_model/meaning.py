"""What the shipped T5 makes of words: the nearest known things, without any other model.

`encode` is the mean of the token states under the mask, which the warm-up (warmup.py) taught what words mean.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Encode = Callable[[Sequence[str]], Tensor]
"""Texts -> [N,D]."""


def encoder(text, tokenizer, *, batch: int = 256) -> Encode:
    """The function that reads texts with a T5 and its tokenizer: [N,D] float32, of unit length."""

    @torch.no_grad()
    def encode(texts: Sequence[str]) -> Tensor:
        from emoji_model.warmup import masked_mean, read

        found = []
        for start in range(0, len(texts), batch):
            ids, mask = (part.to(text.device) for part in read(tokenizer, texts[start : start + batch]))
            states = text(input_ids=ids, attention_mask=mask).last_hidden_state
            found.append(F.normalize(masked_mean(states, mask)).cpu())
        return torch.cat(found)

    return encode


def near(prompts: Sequence[str], names: Sequence[str], encode: Encode) -> Tensor:
    """Cosines [P,N] about the mean of the names: what all texts have in common says nothing."""
    known, asked = encode(names), encode(prompts)
    middle = known.mean(0) if len(names) > 2 else 0
    return F.normalize(asked - middle) @ F.normalize(known - middle).T


def nearest(prompt: str, names: Sequence[str], encode: Encode, most: int = 3) -> list[str]:
    """The names whose meaning is nearest to a prompt's, best first.

    names: of the known things; encode: see `encoder`, or any function of texts to [N,D].
    """
    if not names:
        return []
    cosines = near([prompt], names, encode)[0]
    return [names[k] for k in cosines.topk(min(most, len(names))).indices.tolist()]


def retrieval(table: Mapping[str, Sequence[str]], names: Sequence[str], encode: Encode) -> dict:
    """{"count", "top1", "top5", "rank"}: do other words find the thing they name, among all names?

    table: name -> other words, as synonyms.unspoken gives it; rank: the median, 1 is best.
    """
    asked = [(word, names.index(name)) for name, words in table.items() if name in names for word in words]
    if not asked:
        return {"count": 0, "top1": None, "top5": None, "rank": None}
    cosines = near([word for word, _ in asked], names, encode)
    own = torch.tensor([row for _, row in asked])[:, None]
    rank = (cosines > cosines.gather(1, own)).sum(1) + 1
    return {
        "count": len(asked),
        "top1": round(float((rank == 1).float().mean()), 3),
        "top5": round(float((rank <= 5).float().mean()), 3),
        "rank": float(rank.float().median()),
    }
