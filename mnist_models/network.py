"""The MNIST UNets behind the house's Network interface, made fast without changing what they say.

- BatchNorm is folded into the convolution before it: W <- W g/s, b <- (b - m) g/s + beta.
- The contracting half sees neither time nor class, so it runs once per picture, not once per row.
- bf16 and channels_last where the CPU computes in bf16 natively.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from diffusion_core.estimates import Card
from diffusion_core.models.network import Network, Rows, best_dtype
from mnist_models import techniques as techniques  # what is made with these networks: there with them
from mnist_models import zoo
from mnist_models.objectives import DDPM_T
from mnist_models.unet import CLASSES, SIZE, UNet

MODELS = zoo.MODELS
PREDICTS = {"denoiser": "x0", "ddpm": "eps", "flow": "velocity"}
SCHEDULES = {"denoiser": "additive", "ddpm": f"ddpm-linear-{DDPM_T}", "flow": "rectified"}


class MnistNetwork(Network):
    """A UNet, folded and cast, that answers rows of asks about 28 x 28 digits in [0, 1]."""

    def __init__(self, card: Card, net: UNet, dtype: torch.dtype | None = None, device: str = "cpu"):
        self.card, self.device = card, torch.device(device)
        self.dtype = dtype or best_dtype(self.device)
        self.net = folded(net.eval()).to(self.device, self.dtype, memory_format=torch.channels_last)

    def forward(self, rows: Rows) -> tuple[Tensor, None]:
        x = rows.x.to(self.device, self.dtype).contiguous(memory_format=torch.channels_last)
        skips = tuple(rows.spread_out(skip) for skip in self.net.encode(x))
        t, c = self._told(rows)
        return self.net.decode(skips, t, c).float().to(rows.x.device), None

    def _told(self, rows: Rows) -> tuple[Tensor | None, Tensor | None]:
        config, t, c = self.net.config, None, None
        if config.time:
            t = rows.t / DDPM_T if self.card.predicts == "eps" else rows.t
            t = t.to(self.device, self.dtype)
        if config.classes:
            c = torch.zeros(len(rows.labels), CLASSES)
            for row, label in enumerate(rows.labels):
                if label is not None:
                    c[row, label] = 1.0
            c = c.to(self.device, self.dtype)
        return t, c


def folded(net: UNet) -> UNet:
    """A copy whose BatchNorms are folded into the convolutions before them; same answers in eval mode."""
    copy = UNet(net.config).eval()
    copy.load_state_dict(net.state_dict())
    for block in list(copy.modules()):
        if isinstance(block, nn.Sequential) and len(block) > 1 and isinstance(block[1], nn.BatchNorm2d):
            transposed = isinstance(block[0], nn.ConvTranspose2d)
            block[0] = fuse_conv_bn_eval(block[0], block[1], transpose=transposed)
            block[1] = nn.Identity()
    return copy.requires_grad_(False)


def card(model: str, snapshot: str) -> Card:
    """The card of a shipped model: name "mnist/MODEL/SNAPSHOT", snapshot "early" or "last"."""
    kind = model.split("-")[0]
    return Card(
        name=f"mnist/{model}/{snapshot}",
        predicts=PREDICTS[kind],
        shape=(1, SIZE, SIZE),
        schedule=SCHEDULES[kind],
        low=0.0,
        high=1.0,
        title=f"{model}, {snapshot} snapshot",
    )


def load(
    model: str, snapshot: str, root: Path = zoo.FOLDER, dtype: torch.dtype | None = None
) -> MnistNetwork:
    """A shipped model, ready to answer. zoo.CheckpointError with a remedy if its files are not."""
    kept = zoo.snapshots(model, root)
    epoch = kept[0] if kept and snapshot == "early" else None
    return MnistNetwork(card(model, snapshot), zoo.load(model, epoch, root), dtype)


def register(studio, root: Path = zoo.FOLDER) -> None:
    """Tell a studio of all shipped models; weights are read when first asked for."""
    for model in MODELS:
        for snapshot in ("early", "last"):
            studio.register(card(model, snapshot), lambda m=model, s=snapshot: load(m, s, root))


def warm(studio) -> None:
    """Load the last snapshots ahead of the first visitor, and learn what a row costs on this machine."""
    for model in MODELS:
        try:
            studio.warm(f"mnist/{model}/last")
        except zoo.CheckpointError as error:
            print(f"{model}: {error}")
