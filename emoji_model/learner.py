"""A UNet in training: `loss = learner.step(x0, text, rng)`.

Three UNets of the same names take part, so that nothing is converted twice:

    unet      float32: what the optimizer moves
    working   bf16: goes forward and back; written anew from `unet` once a step. Compiled where a C++
              compiler or a GPU is there, with the parts of speed.py on a CPU
    ema       float32: the average of `unet`, brought up to date every few steps; stock diffusers

The text comes as embeddings [B,77,D] from outside: whoever trains a T5 besides takes the loss apart himself.
All state comes and goes as plain tensors, for safetensors. Works on a CPU and on one GPU.
"""

from __future__ import annotations

import copy
import shutil
from collections.abc import Mapping
from contextlib import suppress

import torch
from diffusers import UNet2DConditionModel
from diffusers.utils import logging
from torch import Tensor, nn

from emoji_model.objective import Objective
from emoji_model.speed import quick

BETAS = (0.9, 0.99)


class Learner:
    """unet       of cascade.py, float32, taken over; where it lies, there it learns
    objective  its loss, on the same device
    lr         the largest step size; `rate` sets the share of it
    shares     of lr by the beginning of a parameter's name, {"add_embedding": 0.1}; 1 for all others
    ema        decay of the averaged weights per step, `ema_every` steps taken together
    clip       largest norm of the gradient
    dtype      bf16 or float32: what `working` computes in
    compiled   None: if it can be
    muon       torch.optim.Muon for weights of convolutions and matrices, AdamW for the rest
    """

    def __init__(
        self,
        unet: UNet2DConditionModel,
        objective: Objective,
        *,
        lr: float = 4e-4,
        shares: Mapping[str, float] | None = None,
        ema: float = 0.9995,
        ema_every: int = 8,
        clip: float = 1.0,
        dtype: torch.dtype = torch.bfloat16,
        compiled: bool | None = None,
        muon: bool = False,
    ):
        self.objective, self.lr, self.decay, self.ema_every, self.clip = objective, lr, ema, ema_every, clip
        self.dtype, self.steps = dtype, 0
        self.unet = unet.train().to(torch.float32, memory_format=torch.channels_last)
        self.device = unet.device
        self.ema = copy.deepcopy(unet).eval().requires_grad_(False)
        self.working = _working(unet, dtype)
        if compiled is None:
            compiled = can_compile(self.device)
        self._forward = torch.compile(self.working, dynamic=False) if compiled else self.working
        self.weights = dict(unet.named_parameters())
        for weight in self.weights.values():
            weight.grad = torch.zeros_like(weight)
        self._optimizers = _optimizers(self.weights, lr, shares or {}, muon)
        self.errors: Tensor | None = None

    def step(self, x0: Tensor, text: Tensor, rng: torch.Generator, late: float = 0.4) -> Tensor:
        """Learn from pictures x0 [B,3,H,W] in -1..1 and text [B,77,D]; late: see Objective.times.

        Returns the loss []; `errors` [B] are then the squared errors of epsilon, picture by picture.
        """
        t = self.objective.times(len(x0), rng, late)
        eps = torch.randn(x0.shape, generator=rng, device=x0.device)
        return self.learn(self.objective.noised(x0, t, eps), t, text, eps)

    def learn(
        self, x: Tensor, t: Tensor, text: Tensor, eps: Tensor, noise_level: Tensor | None = None
    ) -> Tensor:
        """The same from x [B,3 or 6,H,W], t [B] and the noise eps [B,3,H,W] that is in it."""
        x = x.to(self.dtype, memory_format=torch.channels_last)
        out = self._forward(x, t, text.to(self.dtype), class_labels=noise_level, return_dict=False)[0]
        loss, self.errors = self.objective.loss(eps, *out.float().chunk(2, dim=1), t)
        loss.backward()
        self._move()
        return loss.detach()

    def rate(self, share: float) -> None:
        """From now on learn with `share` of the largest step size."""
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                group["lr"] = self.lr * group["share"] * share

    @torch.no_grad()
    def _move(self) -> None:
        """Gradients of `working` -> a step of `unet` -> `working`, and now and then `ema`."""
        weights, working = list(self.weights.values()), list(self.working.parameters())
        torch._foreach_copy_([weight.grad for weight in weights], [each.grad for each in working])
        nn.utils.clip_grad_norm_(weights, self.clip, foreach=True)
        for optimizer in self._optimizers:
            optimizer.step()
        torch._foreach_copy_(working, weights)
        for each in working:
            each.grad = None
        self.steps += 1
        if self.steps % self.ema_every == 0:
            n = self.steps
            keep = min(self.decay, (1 + n) / (10 + n)) ** self.ema_every
            torch._foreach_lerp_(list(self.ema.parameters()), weights, 1 - keep)

    def state_dict(self) -> dict[str, Tensor]:
        """All that a run needs to go on: weights, averages, moments and the number of steps, on the CPU."""
        state = {"steps": torch.tensor(self.steps)}
        state |= {f"unet.{name}": weight for name, weight in self.weights.items()}
        state |= {f"ema.{name}": weight for name, weight in self.ema.named_parameters()}
        for optimizer, name, weight in self._kept():
            state |= {f"{key}.{name}": value for key, value in optimizer.state[weight].items()}
        return {
            name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, value in state.items()
        }

    @torch.no_grad()
    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """What `state_dict` gave, into a learner that was made in the same way."""
        self.steps = int(state["steps"])
        averages = dict(self.ema.named_parameters())
        for name, weight in self.weights.items():
            weight.copy_(state[f"unet.{name}"])
            averages[name].copy_(state[f"ema.{name}"])
        torch._foreach_copy_(list(self.working.parameters()), list(self.weights.values()))
        for optimizer, name, weight in self._kept():
            optimizer.state[weight] = {
                key: _like(state[f"{key}.{name}"], weight)
                for key in ("step", "exp_avg", "exp_avg_sq", "momentum_buffer")
                if f"{key}.{name}" in state
            }

    def _kept(self):
        """(optimizer, name, the tensor that its state is kept by)."""
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                yield from ((optimizer, *pair) for pair in zip(group["names"], group["params"]))


def can_compile(device: torch.device) -> bool:
    """Is there what torch.compile needs: on a CPU a C++ compiler, on a GPU Triton."""
    if device.type == "cpu":
        return shutil.which("g++") is not None or shutil.which("clang++") is not None
    with suppress(ImportError):
        import triton  # noqa: F401

        return True
    return False


def _working(unet: UNet2DConditionModel, dtype: torch.dtype) -> UNet2DConditionModel:
    """A copy that goes forward and back, in `dtype`."""
    copied = copy.deepcopy(unet)
    if unet.device.type == "cpu":
        quick(copied)
    before = logging.get_verbosity()
    logging.set_verbosity_error()  # it warns of casts even where nothing must stay float32
    copied.to(dtype, memory_format=torch.channels_last)
    logging.set_verbosity(before)
    return copied


def _optimizers(
    weights: dict[str, Tensor], lr: float, shares: Mapping[str, float], muon: bool
) -> list[torch.optim.Optimizer]:
    """AdamW, and before it Muon for what has rows and columns; parameter groups know their names."""
    kinds: dict[tuple[bool, float], list[str]] = {}
    for name, weight in weights.items():
        share = next((share for start, share in shares.items() if name.startswith(start)), 1.0)
        kinds.setdefault((muon and weight.ndim > 1, share), []).append(name)
    made = []
    for flat in sorted({flat for flat, _ in kinds}, reverse=True):
        groups = [
            {
                "params": [_flat(weights[name]) if flat else weights[name] for name in names],
                "names": names,
                "lr": lr * share,
                "share": share,
            }
            for (kind, share), names in kinds.items()
            if kind == flat
        ]
        if flat:
            made.append(torch.optim.Muon(groups, weight_decay=0.0, adjust_lr_fn="match_rms_adamw"))
        else:
            made.append(torch.optim.AdamW(groups, betas=BETAS, weight_decay=0.0, fused=True))
    return made


def _flat(weight: nn.Parameter) -> Tensor:
    """A weight and its gradient as a matrix [out, in], in the same memory."""

    def matrix(x: Tensor) -> Tensor:
        return x.detach().permute(0, 2, 3, 1).flatten(1) if x.ndim == 4 else x.detach()

    flat = matrix(weight).requires_grad_()
    flat.grad = matrix(weight.grad)
    if flat.data_ptr() != weight.data_ptr():
        raise ValueError("Weights of convolutions must lie channels last.")
    return flat


def _like(value: Tensor, weight: Tensor) -> Tensor:
    """A copy of an optimizer's tensor where its weight lies, in its memory format."""
    if value.shape != weight.shape:
        return value.to(weight.device, copy=True)
    return torch.empty_like(weight, requires_grad=False).copy_(value)
