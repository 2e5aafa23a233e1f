"""What fits: memory is measured, and asked before a model is loaded.

A UNet stays whole on the GPU, or lies in the machine's own memory and visits the GPU layer by layer
(offload.py): slower, but possible. The text encoder comes before the UNets and goes again, so it may take
what is free then: whole, in 8 bits, or spread over GPU and machine.

The rules below are FITS, the table for people, in numbers; a test walks it. They are set so that they agree
with the peaks that users report for DeepFloyd IF: 16 GB for XL + L, 9 for L + L, 7 for L + M and M + M.
"""

from pathlib import Path
from typing import Literal, NamedTuple

import torch

Way = Literal["whole", "offloaded", "cpu"]
TextWay = Literal["half", "8 bits", "spread", "cpu", "cpu half"]

WORKING = {"I": 1.5, "II": 4.0}  # gigabytes that a guided pair of pictures takes beside the weights
SMALL = 6.0  # a small network works in at most so many times its weights
LAYER = 0.3  # gigabytes of the largest layer that visits the GPU
T5_XXL = 11.0  # gigabytes of DeepFloyd's text encoder in half precision
IN_8_BITS = 8.0 / 11.0  # of that
TEXT_WORKING = 0.4


class Memory(NamedTuple):
    """Free gigabytes: of the GPU, None without one; and of the machine itself."""

    gpu: float | None
    ram: float

    def __str__(self) -> str:
        ram = f"{self.ram:.1f} GB of memory are free"
        return ram if self.gpu is None else f"{self.gpu:.1f} GB of GPU memory and {ram}"


def measured(device: torch.device | str) -> Memory:
    """What is free now. What torch holds in reserve counts as free."""
    device, gpu = torch.device(device), None
    if device.type == "cuda":
        held = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        gpu = (torch.cuda.mem_get_info(device)[0] + held) / 1e9
    return Memory(gpu, _ram() / 1e9)


def _ram(groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes free for this process: of the machine, or of the container that it is in."""
    import psutil  # comes with accelerate

    free = psutil.virtual_memory().available
    for most, used in (
        ("memory.max", "memory.current"),
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
    ):
        try:
            limit, taken = int((groups / most).read_text()), int((groups / used).read_text())
        except (OSError, ValueError):  # no such group, or "max": no limit
            continue
        free = min(free, limit - taken + _reclaimable(groups / most))
    return max(0, free)


def _reclaimable(limit: Path) -> int:
    """Bytes of files that the container keeps in memory as long as nobody needs it."""
    try:
        lines = (limit.parent / "memory.stat").read_text().split("\n")
        return sum(int(line.split()[1]) for line in lines if line.startswith("inactive_file "))
    except (OSError, ValueError, IndexError):
        return 0


# --- the rules ------------------------------------------------------------------------------------------


def working(weights: float, stage: str) -> float:
    """Gigabytes beside the weights of a UNet at work."""
    return min(WORKING[stage], SMALL * weights)


def needed(weights: float, stage: str) -> float:
    """Gigabytes that a UNet takes at work, whole."""
    return weights + working(weights, stage)


def way_of(weights: float, stage: str, memory: Memory) -> Way | None:
    """How a UNet of so many gigabytes can be held, or None if it cannot.

    Layer by layer takes half the working memory at least: the engine gives a guided pair one by one.
    """
    if memory.gpu is None:
        return "cpu" if memory.ram >= needed(weights, stage) else None
    if memory.gpu >= needed(weights, stage):
        return "whole"
    least = working(weights, stage) / 2 + min(LAYER, weights)
    return "offloaded" if memory.gpu >= least and memory.ram >= weights else None


def text_way_of(half: float, memory: Memory, eight_bits: bool) -> TextWay | None:
    """How a text encoder of so many gigabytes in half precision is loaded, the exact ways first; None if
    it cannot be. eight_bits: is bitsandbytes there?"""
    need = half + TEXT_WORKING
    if memory.gpu is not None:
        if memory.gpu >= need:
            return "half"
        if eight_bits and memory.gpu >= IN_8_BITS * half + TEXT_WORKING:
            return "8 bits"
        if memory.gpu + memory.ram >= need + TEXT_WORKING:
            return "spread"
        return None
    if memory.ram >= 2 * half + TEXT_WORKING:
        return "cpu"
    return "cpu half" if memory.ram >= need else None


# --- the table ------------------------------------------------------------------------------------------


class Fit(NamedTuple):
    """With so many gigabytes of GPU memory this model runs so: its text encoder and its two stages."""

    gigabytes: int
    model: str
    text: TextWay
    ways: tuple[Way, Way]
    title: str

    def __str__(self) -> str:
        text = {
            "spread": "prompts read by GPU and machine together",
            "8 bits": "prompts read in 8 bits where bitsandbytes is installed",
            "half": "prompts read in half precision",
        }[self.text]
        stages = "both stages on the GPU" if self.ways[1] == "whole" else "stage II layer by layer"
        return f"{self.title}, {stages}; {text}"


FITS = (
    Fit(6, "deepfloyd-m", "spread", ("whole", "offloaded"), "DeepFloyd IF M + M"),
    Fit(9, "deepfloyd-l", "8 bits", ("whole", "whole"), "DeepFloyd IF L + M"),
    Fit(14, "deepfloyd-xl", "half", ("whole", "offloaded"), "DeepFloyd IF XL + L"),
    Fit(16, "deepfloyd-xl", "half", ("whole", "whole"), "DeepFloyd IF XL + L"),
    Fit(24, "deepfloyd-xl", "half", ("whole", "whole"), "DeepFloyd IF XL + L, with room for many visitors"),
)
"""Gigabytes of GPU memory, and what runs in them, +- 1 GB."""

DRIVER = 0.5  # gigabytes of a GPU that its driver takes


def what_fits(gigabytes: float) -> str:
    """The line of FITS for this much GPU memory, as a sentence."""
    lines = [str(fit) for fit in FITS if gigabytes >= fit.gigabytes - DRIVER]
    return f"{lines[-1]}." if lines else "The built-in model; DeepFloyd IF needs 6 GB of GPU memory or more."
