"""The API: an endpoint per technique, on the same recipes as the page, for gradio_client and curl.

client.predict({"digits": "2026"}, api_name="/mnist_sample")  ->  PNG (with its recipe), recipe, seconds
client.predict({"digits": "2026"}, "mnist-sample", api_name="/cost")
"""

from typing import Any

import gradio as gr

from diffusion_core import images
from diffusion_core.recipes import SCHEMAS, Recipe
from diffusion_core.strips import sheet
from diffusion_core.studio import Studio
from tabs import widgets


def publish(studio: Studio) -> None:
    """Name an endpoint per technique, and /cost. Call it inside the Blocks."""

    def settings_of(settings: Any) -> dict:
        if not isinstance(settings, dict):
            raise widgets.RecipeError(
                'Give the settings as an object, like {"seed": 3}; {} takes every default.'
            )
        return settings

    def endpoint(technique: str):
        def run(settings: dict, request: gr.Request) -> tuple[str, dict, float]:
            try:
                recipe = Recipe.of(technique, **settings_of(settings))
                *_, result = studio.run(recipe, owner=request.session_hash or "api")
            except Exception as error:
                raise gr.Error(widgets.sentence(error), print_exception=False) from None
            png = images.with_recipe(sheet(result), recipe)
            return widgets.file_of(png, f"darkroom-{technique}.png"), recipe.to_dict(), result.seconds

        return run

    def cost(settings: dict, technique: str) -> dict:
        try:
            cost = studio.cost(Recipe.of(technique, **settings_of(settings)))
        except Exception as error:
            raise gr.Error(widgets.sentence(error), print_exception=False) from None
        return {"steps": cost.calls, "evaluations": cost.rows, "seconds": cost.seconds}

    for technique in SCHEMAS:
        gr.api(
            endpoint(technique),
            api_name=technique.replace("-", "_"),
            api_description=f"{technique}: settings as an object; see diffusion_core/recipes.py",
        )
    gr.api(cost, api_name="cost", api_description="What running a recipe takes, before running it")
