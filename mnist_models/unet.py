"""The UNet of CS180 project 5B, block for block, for 28 x 28 digits.

    x [B,1,28,28] -> ConvBlock D (28) -> DownBlock D (14) -> DownBlock 2D (7) -> Flatten (1)
      Unflatten 2D (7)      * + skip 2D -> UpBlock D (14)   * + skip D -> UpBlock D (28)
      + skip D -> ConvBlock D -> Conv 1

The stars are where time t and class c enter. With additive modulation (the DDPM pages)

    h <- c1 h + t1        h <- c2 h + t2

and with multiplicative modulation (the flow-matching pages)

    h <- t1 c1 h          h <- t2 c2 h

where t1, c1 are [B,2D] and t2, c2 are [B,D], each made by an FCBlock; without class, c = 1.
The contracting half never sees t or c, so `forward` is `decode(encode(x), t, c)`, and two asks
about one x (guidance asks with and without the class) can share `encode`.

Source: https://cal-cs180.github.io/fa24/hw/proj5/partb.html
"""

from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

CLASSES = 10
SIZE = 28


@dataclass(frozen=True)
class UNetConfig:
    """width: D, the number of channels at full resolution. modulation: "add" or "multiply"."""

    width: int = 64
    time: bool = False
    classes: bool = False
    modulation: str = "add"

    def as_dict(self) -> dict:
        return asdict(self)


class Conv(nn.Sequential):
    def __init__(self, cin: int, cout: int):
        super().__init__(nn.Conv2d(cin, cout, 3, 1, 1), nn.BatchNorm2d(cout), nn.GELU())


class DownConv(nn.Sequential):
    def __init__(self, cin: int, cout: int):
        super().__init__(nn.Conv2d(cin, cout, 3, 2, 1), nn.BatchNorm2d(cout), nn.GELU())


class UpConv(nn.Sequential):
    def __init__(self, cin: int, cout: int):
        super().__init__(nn.ConvTranspose2d(cin, cout, 4, 2, 1), nn.BatchNorm2d(cout), nn.GELU())


class Flatten(nn.Sequential):
    def __init__(self):
        super().__init__(nn.AvgPool2d(7), nn.GELU())


class Unflatten(nn.Sequential):
    def __init__(self, channels: int):
        super().__init__(nn.ConvTranspose2d(channels, channels, 7, 7, 0), nn.BatchNorm2d(channels), nn.GELU())


class ConvBlock(nn.Sequential):
    def __init__(self, cin: int, cout: int):
        super().__init__(Conv(cin, cout), Conv(cout, cout))


class DownBlock(nn.Sequential):
    def __init__(self, cin: int, cout: int):
        super().__init__(DownConv(cin, cout), ConvBlock(cout, cout))


class UpBlock(nn.Sequential):
    def __init__(self, cin: int, cout: int):
        super().__init__(UpConv(cin, cout), ConvBlock(cout, cout))


class FCBlock(nn.Sequential):
    def __init__(self, cin: int, cout: int):
        super().__init__(nn.Linear(cin, cout), nn.GELU(), nn.Linear(cout, cout))


class UNet(nn.Module):
    """x [B,1,28,28], t [B] in [0,1], c [B,10] one-hot or zero -> prediction [B,1,28,28].

    What is predicted (x0, eps or velocity) is the objective's business, see objectives.py.
    """

    def __init__(self, config: UNetConfig = UNetConfig()):
        super().__init__()
        if config.modulation not in ("add", "multiply"):
            raise ValueError(f'modulation is "add" or "multiply", not {config.modulation!r}')
        if config.classes and not config.time:
            raise ValueError("a UNet with classes needs time too")
        self.config, D = config, config.width
        self.init = ConvBlock(1, D)
        self.down1 = DownBlock(D, D)
        self.down2 = DownBlock(D, 2 * D)
        self.flatten = Flatten()
        self.unflatten = Unflatten(2 * D)
        self.up1 = UpBlock(4 * D, D)
        self.up2 = UpBlock(2 * D, D)
        self.last = ConvBlock(2 * D, D)
        self.out = nn.Conv2d(D, 1, 3, 1, 1)
        if config.time:
            self.time1, self.time2 = FCBlock(1, 2 * D), FCBlock(1, D)
        if config.classes:
            self.class1, self.class2 = FCBlock(CLASSES, 2 * D), FCBlock(CLASSES, D)

    def encode(self, x: Tensor) -> tuple[Tensor, ...]:
        """x [B,1,28,28] -> skips [B,D,28,28], [B,D,14,14], [B,2D,7,7] and the bottleneck [B,2D,1,1]."""
        x28 = self.init(x)
        x14 = self.down1(x28)
        x7 = self.down2(x14)
        return x28, x14, x7, self.flatten(x7)

    def decode(self, skips: tuple[Tensor, ...], t: Tensor | None, c: Tensor | None) -> Tensor:
        x28, x14, x7, bottleneck = skips
        h = self._modulate(self.unflatten(bottleneck), 1, t, c)
        h = self.up1(torch.cat([h, x7], dim=1))
        h = self._modulate(h, 2, t, c)
        h = self.up2(torch.cat([h, x14], dim=1))
        return self.out(self.last(torch.cat([h, x28], dim=1)))

    def forward(self, x: Tensor, t: Tensor | None = None, c: Tensor | None = None) -> Tensor:
        return self.decode(self.encode(x), t, c)

    def _modulate(self, h: Tensor, place: int, t: Tensor | None, c: Tensor | None) -> Tensor:
        if self.config.classes:
            h = getattr(self, f"class{place}")(c)[..., None, None] * h
        if self.config.time:
            shift_or_scale = getattr(self, f"time{place}")(t[:, None])[..., None, None]
            h = h + shift_or_scale if self.config.modulation == "add" else h * shift_or_scale
        return h
