"""What the training programs share: averaged weights, a resumable state, statistics as JSON lines."""

from diffusion_core.training.averaging import averaged
from diffusion_core.training.state import Progress, generator, recover, save_state
from diffusion_core.training.statistics import Statistics

__all__ = ["Progress", "Statistics", "averaged", "generator", "recover", "save_state"]
