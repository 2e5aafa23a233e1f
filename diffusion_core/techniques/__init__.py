"""Techniques: from a recipe to a process, a file each."""

from diffusion_core.techniques import (
    forward_noise as forward_noise,  # the one that needs no model: always there
)
