"""What the command line does with a recipe: run it, tell its cost, explain it. See __main__.py."""

import contextlib
import importlib
import json
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from diffusion_core.images import convert, export
from diffusion_core.loop import Process, Step
from diffusion_core.models.faults import ModelError
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.serving.engine import Busy, OutOfMemory
from diffusion_core.serving.result import Frame, Result, duration
from diffusion_core.serving.strips import film_strip, movie, sheet
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.explain import code_for

LARGEST_FILE = 64_000_000  # bytes; a recipe with a large picture in it has a few million
PROGRESS_SECONDS = 0.1  # between two updates of the line


class Trouble(Exception):
    """Something about files or arguments that a person can mend; str(error) is the sentence."""


FRIENDLY = (Trouble, RecipeError, ModelError, Busy, OutOfMemory)
"""What carries a sentence for a person. Anything else is a fault of ours, and shows its traceback."""


def obey(args: Namespace) -> int:
    """Do one command. 0 if all went well, 2 after a sentence on what did not."""
    try:
        house = built(args.house)  # first: it may bring techniques, without which a recipe is not understood
        with contextlib.closing(house.engine):
            recipe = recipe_from(args.recipe)
            if args.command == "run":
                run(house, recipe, args.out)
            elif args.command == "cost":
                cost(house, recipe, args.json)
            else:
                print(code_for(recipe, "" if args.recipe == "-" else args.recipe, args.house), end="")
                with contextlib.suppress(*FRIENDLY):  # whatever is missing here, the code can be told
                    tell(house.notices(recipe))
    except FRIENDLY as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def built(house: str) -> Studio:
    """The studio that "module:function" builds. Trouble if there is no such function."""
    module, _, function = house.partition(":")
    if not function.isidentifier() or not all(part.isidentifier() for part in module.split(".")):
        raise Trouble(f"--house {house}: give a module and a function, like darkroom:studio.")
    try:
        build = getattr(importlib.import_module(module), function, None)
    except ImportError as error:
        raise Trouble(f"--house {house}: {error}. Are you in Darkroom's folder?") from None
    if not callable(build):
        raise Trouble(f"--house {house}: {module} has no function {function}.")
    return build()


def recipe_from(source: str) -> Recipe:
    """The recipe in a file, JSON or a PNG that carries one; "-" is standard input. Trouble, RecipeError."""
    name = "standard input" if source == "-" else source
    try:
        with contextlib.nullcontext(sys.stdin.buffer) if source == "-" else open(source, "rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except (OSError, ValueError) as error:  # ValueError: a name with a zero byte in it
        raise Trouble(f"{name} cannot be read: {_reason(error)}.") from None
    if len(data) > LARGEST_FILE:
        raise Trouble(f"{name} is too large to be a recipe.")
    try:
        return Recipe.from_json(data.decode(json.detect_encoding(data)))
    except UnicodeDecodeError:  # no text, so a picture
        pass
    except RecipeError as error:
        raise RecipeError(f"{name}: {error}") from None
    try:
        return export.recipe_in(convert.opened(data))
    except RecipeError as error:
        raise RecipeError(f"{name}: {error}") from None


def run(house: Studio, recipe: Recipe, out: Path) -> None:
    """Make the picture; write picture.png, strip.png and movie.gif; print a summary as a line of JSON."""
    _check_folder(out)  # before the work, not after it
    result = _watched(house, recipe)
    tell(result.notices)
    recipe = result.recipe  # another model may have made it
    files = {
        "picture.png": export.with_recipe(sheet(result), recipe),
        "strip.png": export.with_recipe(film_strip(result), recipe),
        "movie.gif": export.animated(movie(result)),
    }
    try:
        for name, data in files.items():
            (out / name).write_bytes(data)
    except OSError as error:
        raise Trouble(f"{out} cannot be written to: {_reason(error)}.") from None
    cost = house.cost(recipe)
    summary = {
        "technique": recipe.technique,
        **{name.split(".")[0]: str(out / name) for name in files},
        "pictures": len(result.pictures),
        "steps": cost.calls,
        "evaluations": cost.rows,
        "seconds": round(result.seconds, 3),
        "notices": list(result.notices),
    }
    print(json.dumps(summary))


def tell(notices: Sequence[str]) -> None:
    """Sentences for people, a line each: a licence, what was cut off a prompt, who took over."""
    for each in notices:
        print(each, file=sys.stderr)


def cost(house: Studio, recipe: Recipe, as_json: bool = False) -> None:
    """Print what a run would take. Its networks are tried, since only they know how fast they are here."""
    try:
        learn(house, recipe)
    except FRIENDLY as error:
        house.cost(recipe)  # if even the steps cannot be counted, that is the sentence to show
        print(error, file=sys.stderr)
    told, notices = house.cost(recipe), house.notices(recipe)
    tell(notices)
    if as_json:
        counted = {"steps": told.calls, "evaluations": told.rows, "seconds": told.seconds}
        print(json.dumps(counted | {"notices": list(notices)}))
    else:
        print(f"{told}{', seconds unknown' if told.seconds is None else ''}")


def learn(house: Studio, recipe: Recipe) -> None:
    """Load the networks that a recipe asks, and time the first step on which each of them is asked."""
    house.ready(recipe)
    tried: set[str] = set()
    for step in house.plan(recipe).process:
        asked = {ask.network for ask in step.asks}
        if asked <= tried:
            continue
        house.engine.submit(_alone(step)).result()
        for name in asked:  # the first forward also pays for what is set up once: forget it
            house.engine.row_seconds.pop(name, None)
        house.engine.submit(_alone(step)).result()
        tried |= asked


def _alone(step: Step) -> Process:
    """A process that asks what one step asks, about grey pictures where it was only counted, and ends."""
    grey: dict[int, Tensor] = {}

    def pixels(x: Tensor | None) -> Tensor | None:
        return grey.setdefault(id(x), torch.zeros(x.shape)) if x is not None and x.is_meta else x

    asks = [
        replace(ask, x=pixels(ask.x), cond=replace(ask.cond, beside=pixels(ask.cond.beside)))
        for ask in step.asks
    ]
    yield step._replace(x=pixels(step.x), x0=None, asks=asks)
    return pixels(step.x)


def _watched(house: Studio, recipe: Recipe) -> Result:
    """Run a recipe, with its progress on one line of standard error."""
    shown, last = 0, 0.0

    def show(text: str, end: str = "") -> None:
        nonlocal shown
        print(f"\r{text.ljust(shown)}", end=end, file=sys.stderr, flush=True)
        shown = len(text)

    show("Loading ...")
    events = house.run(recipe, owner="command line")
    try:
        for event in events:
            if isinstance(event, Result):
                show(f"Done in {duration(event.seconds)}.", end="\n")
                return event
            if time.monotonic() - last >= PROGRESS_SECONDS:
                last = time.monotonic()
                show(_progress(event))
    except FRIENDLY:
        show("", end="\r")  # the sentence takes the place of the progress
        raise
    finally:
        events.close()  # stops the run, if it is not over
    raise AssertionError("a run ends with a Result")


def _progress(frame: Frame) -> str:
    left = "" if frame.eta is None else f", {duration(frame.eta)} to go"
    return f"Step {frame.index + 1} of {frame.of}{left}"


def _check_folder(out: Path) -> None:
    """Make the folder, and see that a file can be made in it. Trouble if not."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except (OSError, ValueError) as error:
        raise Trouble(f"{out} cannot be written to: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    """Why a file cannot be used, in the system's own words: "No such file or directory"."""
    return getattr(error, "strerror", None) or str(error)
