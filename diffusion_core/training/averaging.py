"""Averaged weights."""

import torch
from torch.optim.swa_utils import AveragedModel


def averaged(model: torch.nn.Module, decay: float) -> AveragedModel:
    """The exponential moving average (EMA) of weights and batch statistics, with a warm-up:

    w_ema <- w_ema + (1 - d_n) (w - w_ema),   d_n = min(decay, (1 + n) / (10 + n)).
    """

    @torch.no_grad()
    def lerp(averages, currents, n) -> None:
        keep = min(decay, (1 + float(n)) / (10 + float(n)))
        for average, current in zip(averages, currents):
            if average.is_floating_point():
                average.lerp_(current.to(average.dtype), 1 - keep)
            else:
                average.copy_(current)

    return AveragedModel(model, multi_avg_fn=lerp, use_buffers=True)
