"""The code that made this: a few lines of Python that give the same picture as a recipe.

They begin with what the technique says of itself, its equation mostly, and where it is written down.
"""

import inspect
import json

from diffusion_core.recipes import Recipe
from diffusion_core.techniques.registry import TECHNIQUES

HOUSE = "darkroom:studio"  # module:function that builds a studio; a name only: this package knows no model
LONGEST_CODE = 1000  # characters of a recipe that is still shown as code


def code_for(recipe: Recipe, source: str = "", house: str = HOUSE, save: str = "picture.png") -> str:
    """A program that makes the picture of a recipe and saves it.

    source  a file that holds the recipe, JSON or PNG: a recipe that carries a picture is too long to be
            shown, so the program opens this file instead
    house   module:function that builds the studio
    save    the file that the program writes
    """
    module, _, function = house.partition(":")
    build = function if function == "studio" else f"{function} as studio"
    values = "".join(f"\n    {name}={_literal(value)}," for name, value in recipe.values.items())
    if len(values) < LONGEST_CODE or not source:
        needed = "from diffusion_core.recipes import Recipe"
        made = f"Recipe.of(\n    {_literal(recipe.technique)},{values}\n)"
    else:
        needed = "from diffusion_core.cli import recipe_from"
        made = f"recipe_from({_literal(source)})  # the file that carries this recipe"
    return (
        f"{_about(recipe.technique)}\n"
        f"{needed}\nfrom diffusion_core.serving.strips import sheet\nfrom {module} import {build}\n\n"
        f"darkroom = studio()\nrecipe = {made}\n"
        f"*steps, result = darkroom.run(recipe)\nsheet(result).save({_literal(save)})\n"
    )


def _about(technique: str) -> str:
    """The technique's docstring as comments, and where its function stands."""
    function = TECHNIQUES[technique]
    told = (inspect.getdoc(function) or technique).splitlines()
    place = f"Written down in {function.__module__.replace('.', '/')}.py, {function.__name__}."
    return "\n".join(f"# {line}".rstrip() for line in [*told, place])


def _literal(value: object) -> str:
    """A value as Python writes it; texts in double quotes, as this house writes them."""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
