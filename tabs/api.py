"""The API: an endpoint per technique, on the same recipes as the page, for gradio_client, curl and MCP.

client.predict({"digits": "2026"}, api_name="/mnist_sample") -> PNG with its recipe, recipe, seconds, notices
client.predict({"digits": "2026"}, "mnist-sample", api_name="/cost") -> steps, evaluations, seconds, notices

docs/api.md has an example of each. Where the package `mcp` is installed (`pip install "gradio[mcp]"`), each
is a tool of a Model Context Protocol server too.
"""

import importlib.util
from collections.abc import Callable
from typing import Any

import gradio as gr

from diffusion_core import recipes
from diffusion_core.images import export
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.recipes.schema import Choice, Field, Number, Numbers, Picture
from diffusion_core.serving.strips import sheet
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.registry import TECHNIQUES
from tabs import gradio_compat
from tabs.session import messages

AN_OBJECT = 'Give the settings as an object, like {"seed": 3}; {} takes every default.'


def publish(studio: Studio) -> None:
    """Name an endpoint per technique, and /cost. Call it inside the Blocks, when all techniques are there."""
    for technique in SCHEMAS:
        about = description(technique)
        gr.api(_endpoint(studio, technique, about), api_name=name_of(technique), api_description=about)

    def cost(settings: dict, technique: str) -> dict:
        recipe = _told(lambda: _recipe(technique, settings))
        cost, notices = _told(lambda: (studio.cost(recipe), studio.notices(recipe)))
        counted = {"steps": cost.calls, "evaluations": cost.rows, "seconds": cost.seconds}
        return counted | {"notices": list(notices)}

    about = (
        "What running a recipe takes: steps, network evaluations, and seconds on this server (or null); and "
        "notices, what is known already of what a person should know."
    )
    cost.__doc__ = (
        f"{about}\n\nArgs:\n    settings: as for the technique\n    technique: {', '.join(SCHEMAS)}"
    )
    gr.api(cost, api_name="cost", api_description=about)


def speaks_mcp() -> bool:
    """Is the extra there that makes Gradio an MCP server?"""
    return importlib.util.find_spec("mcp") is not None


def name_of(technique: str) -> str:
    return technique.replace("-", "_")


def description(technique: str) -> str:
    """What a technique does, and its settings with their bounds and defaults."""
    does = (TECHNIQUES[technique].__doc__ or technique).strip().split("\n\n")[0]
    settings = "; ".join(f"{field.name}: {_bounds(field)}" for field in SCHEMAS[technique])
    return f"{' '.join(does.split()).rstrip('.:')}. Settings, all optional: {settings}."


def _bounds(field: Field) -> str:
    default = f"default {field.default!r}"
    if isinstance(field, Number | Numbers):
        many = "numbers" if isinstance(field, Numbers) else "whole number" if field.whole else "number"
        return f"{many} from {field.low:g} to {field.high:g}, {default}"
    if isinstance(field, Choice):
        return f"one of {', '.join(field.choices)}, {default}"
    if isinstance(field, Picture):
        return f'"example:NAME" or a PNG as a data URI, {default}'
    return f"{field.label.lower()}, {default}"


def _recipe(technique: str, settings: Any) -> Recipe:
    if not isinstance(settings, dict):
        raise recipes.RecipeError(AN_OBJECT)
    return Recipe.of(technique, **settings)


def _told(ask: Callable[[], Any]) -> Any:
    """What `ask` answers; what a person can mend comes as a sentence, without a traceback."""
    try:
        return ask()
    except Exception as error:
        raise gr.Error(messages.sentence(error), print_exception=False) from None


def _endpoint(studio: Studio, technique: str, about: str) -> Callable:
    def run(settings: dict, request: gr.Request) -> tuple[str, dict, float, list[str]]:
        recipe = _told(lambda: _recipe(technique, settings))
        result = _told(studio.start(recipe, request.session_hash or "api", keep=False).wait)
        png = export.with_recipe(sheet(result), result.recipe)
        file = _told(lambda: gradio_compat.file_of(png, f"darkroom-{technique}.png"))
        return file, result.recipe.to_dict(), result.seconds, list(result.notices)

    run.__name__ = name_of(technique)
    run.__doc__ = f"{about}\n\nArgs:\n    settings: an object with any of these settings"
    return run
