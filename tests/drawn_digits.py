"""Digits for tests that must run without MNIST: Pillow's own font, each digit moved a little."""

import torch
from PIL import Image, ImageDraw, ImageFont


def drawn_digits(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """`count` digits in Pillow's own font, each moved a little: uint8 [N,1,28,28] and labels [N]."""
    rng = torch.Generator().manual_seed(seed)
    font = ImageFont.load_default(size=24)
    labels = torch.randint(10, (count,), generator=rng)
    pictures = torch.zeros(count, 28, 28, dtype=torch.uint8)
    for k, digit in enumerate(labels.tolist()):
        x, y = (14 + torch.randint(-3, 4, (2,), generator=rng)).tolist()
        page = Image.new("L", (28, 28))
        ImageDraw.Draw(page).text((x, y), str(digit), fill=255, font=font, anchor="mm")
        pictures[k] = torch.frombuffer(bytearray(page.tobytes()), dtype=torch.uint8).view(28, 28)
    return pictures[:, None], labels
