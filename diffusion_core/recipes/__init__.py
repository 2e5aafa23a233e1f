"""Recipes: what a picture is made from, as plain data. The standard library alone."""

from diffusion_core.recipes.errors import RecipeError
from diffusion_core.recipes.recipe import Recipe

__all__ = ["Recipe", "RecipeError"]
