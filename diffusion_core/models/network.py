"""A network kept warm: rows of asks in, rows of answers out.

Whatever is asked together is answered in one forward. A subclass says how its rows are computed; what
all networks share stands here: laying the asks of many runs into one batch, noticing where two asks are
about the same x (guidance always asks twice), the precision, and handing every ask its own rows back.
"""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from diffusion_core.estimates import Answer, Ask, Card


@dataclass(frozen=True, eq=False)
class Rows:
    """Asks laid out for one forward over N rows.

    x       [U,C,H,W], the different pictures asked about, U <= N
    index   [N], which picture each row is about; None if U = N, row by row
    t       [N], the level's t of each row
    labels  N labels
    beside  [N,C,H,W] or None; noise [N] or None: see Condition
    """

    x: Tensor
    index: Tensor | None
    t: Tensor
    labels: tuple[Hashable, ...]
    beside: Tensor | None = None
    noise: Tensor | None = None

    @classmethod
    def of(cls, asks: Sequence[Ask]) -> "Rows":
        """Lay out asks of one network. Asks that hold the same x (the same memory) share its rows."""
        pictures: list[Tensor] = []
        first_row: dict[Hashable, int] = {}
        index: list[int] = []
        for ask in asks:
            same = (ask.x.data_ptr(), ask.x.shape, ask.x.stride())
            if same not in first_row:
                first_row[same] = sum(len(p) for p in pictures)
                pictures.append(ask.x)
            index += range(first_row[same], first_row[same] + ask.rows)
        x = pictures[0] if len(pictures) == 1 else torch.cat(pictures)
        beside = [ask.cond.beside for ask in asks]
        noise = [ask.cond.noise for ask in asks for _ in range(ask.rows)]
        return cls(
            x=x,
            index=_tensor(tuple(index), torch.int64).to(x.device) if len(index) > len(x) else None,
            t=_tensor(tuple(ask.level.t for ask in asks for _ in range(ask.rows)), torch.float32),
            labels=tuple(label for ask in asks for label in ask.cond.labels),
            beside=None if beside[0] is None else torch.cat(beside),
            noise=None if noise[0] is None else _tensor(tuple(noise), torch.float32),
        )

    def spread_out(self, values: Tensor) -> Tensor:
        """Values per different picture [U,...] -> values per row [N,...]."""
        return values if self.index is None else values[self.index]


@lru_cache(4096)
def _tensor(values: tuple[float, ...], dtype: torch.dtype) -> Tensor:
    """Numbers as a tensor, made once: steps and visitors come with the same ones again. Not to be changed."""
    return torch.tensor(values, dtype=dtype)


class Network(ABC):
    """A network behind its card. `rows_at_most` bounds one forward; `forward` answers the rows."""

    card: Card
    rows_at_most: int = 64

    @abstractmethod
    def forward(self, rows: Rows) -> tuple[Tensor, Tensor | None]:
        """Prediction [N,C,H,W] float32, and the learned variance [N,C,H,W] or None."""

    def prepare(self, labels: Iterable[Hashable]) -> None:
        """Called before a run asks with these labels, on the visitor's thread: for what takes long and is
        no forward, like reading prompts. Nothing by default."""
        return

    @torch.inference_mode()
    def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        """One forward for all asks; each gets its rows back, in order."""
        prediction, spread = self.forward(Rows.of(asks))
        sizes = [ask.rows for ask in asks]
        spreads = [None] * len(asks) if spread is None else spread.split(sizes)
        return [Answer(p, s) for p, s in zip(prediction.split(sizes), spreads)]


def best_dtype(device: torch.device | str = "cpu") -> torch.dtype:
    """The precision in which a network runs fastest without harm: bf16 where a CPU computes in it
    natively or a GPU is of that generation, fp16 on older GPUs, float32 elsewhere."""
    if torch.device(device).type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    native = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return torch.bfloat16 if native() else torch.float32
