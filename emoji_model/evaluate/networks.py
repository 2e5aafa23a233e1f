"""The judges' network: a small residual net with one or more answers, and how it is trained.

    x [B,C,S,S]  ->  5x5 conv, half the side  ->  3 times ( 3x3 conv, half the side  ->  residual block )
                 ->  mean over the picture: features [B,W]  ->  logits of every head

He et al. 2016, "Deep Residual Learning", section 3.3, narrow enough for one core.
"""

import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

IGNORED = -100  # a label that teaches nothing

Batch = tuple[Tensor, Mapping[str, Tensor]]
"""Pictures [B,C,S,S] and, for every head, the right rows [B] int64 or IGNORED."""


class Reader(nn.Module):
    """channels  of the pictures;  heads  name -> number of classes;  widths  of the four levels"""

    def __init__(self, channels: int, heads: Mapping[str, int], widths: tuple[int, ...] = (32, 64, 128, 256)):
        super().__init__()
        self.stem = _conv(channels, widths[0], stride=2, kernel=5)
        self.blocks = nn.ModuleList(
            nn.Sequential(_conv(a, b, stride=2), Residual(b)) for a, b in zip(widths, widths[1:])
        )
        self.heads = nn.ModuleDict({name: nn.Linear(widths[-1], count) for name, count in heads.items()})

    def levels(self, x: Tensor) -> list[Tensor]:
        """What each level sees, the finest first: [B,w,S/2,S/2], [B,w,S/4,S/4], ..."""
        seen = [self.stem(x)]
        for block in self.blocks:
            seen.append(block(seen[-1]))
        return seen

    def features(self, x: Tensor) -> Tensor:
        """[B,W] float32."""
        return self.levels(x)[-1].float().mean((2, 3))

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        features = self.features(x)
        return {name: head(features) for name, head in self.heads.items()}


class Residual(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.first = _conv(width, width)
        self.second = nn.Sequential(nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(x + self.second(self.first(x)))


def _conv(before: int, after: int, stride: int = 1, kernel: int = 3) -> nn.Sequential:
    conv = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), nn.ReLU())


@dataclass(frozen=True)
class Lessons:
    """How a reader is trained: `phases` of (batches, side of the pictures), small pictures first (Howard et
    al. 2018, DAWNBench); AdamW, a step size that rises for a tenth of the way and then falls as a cosine."""

    phases: tuple[tuple[int, int], ...]
    batch: int = 128
    lr: float = 4e-3
    weight_decay: float = 0.02
    smoothing: float = 0.05
    seed: int = 0
    save_every: float = 60.0  # seconds

    @property
    def steps(self) -> int:
        return sum(count for count, _ in self.phases)

    def side(self, step: int) -> int:
        for count, side in self.phases:
            if step < count:
                return side
            step -= count
        return self.phases[-1][1]

    def rate(self, step: int) -> float:
        done = (step + 1) / self.steps
        return self.lr * (done / 0.1 if done < 0.1 else 0.5 + 0.5 * math.cos(math.pi * (done - 0.1) / 0.9))


def learn(net: Reader, batch: Callable[[int, int], Batch], lessons: Lessons, state: Path, name: str) -> float:
    """Train `net`; seconds that it took. batch(step, side) gives the same batch for the same step.

    The training so far lies in `state` while it lasts; where there is one, it goes on from there.
    """
    net.train().to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(net.parameters(), lessons.lr, weight_decay=lessons.weight_decay, fused=True)
    step, before = 0, 0.0
    if state.exists():
        saved = torch.load(state, weights_only=True)
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        step, before = saved["step"], saved["seconds"]
    started = written = time.perf_counter()
    while step < lessons.steps:
        x, labels = batch(step, lessons.side(step))
        for group in optimizer.param_groups:
            group["lr"] = lessons.rate(step)
        with torch.autocast("cpu", torch.bfloat16):
            said = net(x.contiguous(memory_format=torch.channels_last))
        losses = {
            head: F.cross_entropy(
                logits.float(), labels[head], ignore_index=IGNORED, label_smoothing=lessons.smoothing
            )
            for head, logits in said.items()
            if (labels[head] != IGNORED).any()
        }
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
        step += 1
        if time.perf_counter() - written > lessons.save_every and step < lessons.steps:
            written = time.perf_counter()
            _save(state, net, optimizer, step, before + written - started)
            loss = ", ".join(f"{head} {value.item():.2f}" for head, value in losses.items())
            print(f"{name}: batch {step} of {lessons.steps}, loss {loss}", file=sys.stderr, flush=True)
    net.eval()
    state.unlink(missing_ok=True)
    return before + time.perf_counter() - started


def _save(state: Path, net: Reader, optimizer, step: int, seconds: float) -> None:
    """Whole or not at all."""
    state.parent.mkdir(parents=True, exist_ok=True)
    fresh = state.with_suffix(".new")
    torch.save(
        {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "step": step, "seconds": seconds},
        fresh,
    )
    fresh.replace(state)


@torch.no_grad()
def read(net: Reader, x: Tensor, head: str, at_once: int = 200) -> Tensor:
    """Logits [B,classes] of one head, in float32."""
    return torch.cat([net.heads[head](net.features(part)) for part in x.split(at_once)])


@torch.no_grad()
def features(net: Reader, x: Tensor, at_once: int = 200) -> Tensor:
    """[B,W]."""
    return torch.cat([net.features(part) for part in x.split(at_once)])


def top(logits: Tensor, rows: Tensor, k: int) -> Tensor:
    """[B] bool: is the right class among the k likeliest? At most k - 1 may be likelier."""
    own = logits.gather(1, rows[:, None])
    return (logits > own).sum(1) < k


def nearest(net: Reader, x: Tensor, known: Tensor, classes: Tensor) -> Tensor:
    """Likeness [B,classes] to the nearest picture of every class: the cosine of their features.

    known [N,W]: features of pictures, classes [N] int64: what they show.
    """
    mine, known = (F.normalize(each - known.mean(0)) for each in (features(net, x), known))
    likeness = mine @ known.T
    out = likeness.new_full((len(x), int(classes.max()) + 1), -1.0)
    return out.scatter_reduce(1, classes.expand(len(x), -1), likeness, "amax")
