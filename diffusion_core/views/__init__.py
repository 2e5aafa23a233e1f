"""Views: signed rearrangements of pixels, for anagrams; and how a picture gets from one view to another."""

from diffusion_core.views.permutation import View
from diffusion_core.views.rearrangements import BASE, VIEWS, view

__all__ = ["BASE", "VIEWS", "View", "view"]
