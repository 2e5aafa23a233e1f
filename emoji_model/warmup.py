"""Before diffusion: the text encoder learns what the words look like.

The UNet hears its captions late: to it they are one more noise until the text tells pictures apart.
So the T5, and the pooling through which IF adds a caption to the time embedding, are first trained
contrastively (Radford et al. 2021) against a small convolutional net on the pictures,

    logits_ij = <text_i, picture_j> / tau,   loss = (CE over rows + CE over columns) / 2,

and to draw the 8 x 8 thumbnail of what they name. Five minutes; the net is thrown away.
"""

import time
from collections.abc import Callable
from random import Random

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from emoji_model.captions import PLAIN, Cast
from emoji_model.cascade import Stage, tokens
from emoji_model.scenes import Painter

LENGTH = 24  # tokens: names and keywords are short
WIDTH = 256
THUMBNAIL = 8


def _eye() -> nn.Sequential:
    """[B,3,32,32] -> [B,256]."""
    layers: list[nn.Module] = []
    for before, after in ((3, 48), (48, 96), (96, 192), (192, 256)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.GELU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(256 * 4, WIDTH))


class Pair(nn.Module):
    """The text path of a stage, an eye, and what joins them."""

    def __init__(self, stage: Stage):
        super().__init__()
        self.text, self.pool = stage.text, stage.unet.add_embedding
        width = stage.unet.config.time_embedding_dim
        self.tell, self.eye = nn.Linear(width, WIDTH), _eye()
        self.draw = nn.Linear(width, 3 * THUMBNAIL**2)
        self.scale = nn.Parameter(torch.tensor(2.3))  # log 1/tau

    def forward(self, ids: Tensor, mask: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """The loss, and the share of captions that find their picture."""
        pooled = self.pool(self.text(input_ids=ids, attention_mask=mask).last_hidden_state).float()
        said, seen = F.normalize(self.tell(pooled)), F.normalize(self.eye(x).float())
        logits = said @ seen.T * self.scale.clamp(max=4.6).exp()
        own = torch.arange(len(x), device=x.device)
        apart = (F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2
        thumbnails = F.adaptive_avg_pool2d(x, THUMBNAIL).flatten(1)
        drawn = F.mse_loss(self.draw(pooled), thumbnails)
        return apart + 2 * drawn, (logits.argmax(1) == own).float().mean()


def warm_up(
    stage: Stage,
    tokenizer,
    cast: Cast,
    painter: Painter,
    *,
    batches: int,
    batch: int = 256,
    lr: float = 1e-3,
    seed: int = 0,
    bf16: bool = True,
    report: Callable[[dict], None] = print,
) -> float:
    """Train stage.text and stage.unet.add_embedding in place; the share right in the last hundred batches."""
    device = painter.atlas.device
    torch.manual_seed(seed)
    pair = Pair(stage).to(device)
    optimizer = torch.optim.AdamW(pair.parameters(), lr=lr, weight_decay=0.01)
    plain = Cast(cast.emoji, PLAIN)
    batch = min(batch, len(cast.cast))
    right, started = [], time.perf_counter()
    for step in range(batches):
        rng = Random(f"warm-up {seed} {step}")
        rows = rng.sample(cast.cast, batch)
        x = _jittered(painter.paint([plain.one(row) for row in rows]), seed * 1_000_003 + step)
        ids, mask = tokens(tokenizer, [cast.describe(row, rng) for row in rows], LENGTH)
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1, step / 50) * (1 - step / batches) ** 0.5
        with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
            loss, share = pair(ids.to(device), mask.to(device), F.adaptive_avg_pool2d(x, 32))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(pair.parameters(), 1.0)
        optimizer.step()
        right.append(float(share))
        if step % 50 == 49:
            report(
                {
                    "warm_up": step + 1,
                    "loss": round(float(loss.detach()), 4),
                    "right": round(sum(right[-50:]) / len(right[-50:]), 3),
                    "seconds": round(time.perf_counter() - started, 1),
                }
            )
    return sum(right[-100:]) / len(right[-100:])


def _jittered(x: Tensor, seed: int) -> Tensor:
    """Moved by up to two pixels in 64 and made lighter or darker: the eye is to see things, not pixels."""
    rng = torch.Generator().manual_seed(seed)
    reach = max(1, x.shape[-1] // 32)
    dx, dy = (int(torch.randint(-reach, reach + 1, (), generator=rng)) for _ in range(2))
    gain = 1 + 0.1 * torch.randn(len(x), 1, 1, 1, generator=rng).to(x.device)
    return (x.roll((dy, dx), (2, 3)) * gain).clamp(-1, 1)
