"""What must stay as it is, whatever moves: recipes, links, costs, pictures, endpoints, tabs and controls.

tests/golden/ holds it as JSON. A change that is meant is written down by

    .venv/bin/python -m pytest tests/test_golden.py --write-golden

and then shows in the diff. Nothing here depends on the weights that are shipped: the networks are the tests'
tiny ones, with fixed random weights in float32.
"""

import io
import json
import zlib
from pathlib import Path

import pytest
import torch
from PIL import Image
from text_settings import SETTINGS, settings
from torch.nn import functional as F

import app
from diffusion_core.images import export
from diffusion_core.models.catalog import BUILT_IN_FOLDERS
from diffusion_core.models.loading import Library
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.recipes.recipe import SCHEMAS
from mnist_models import network

GOLDEN = Path(__file__).parent / "golden"
CLOSE = 0.02  # of pixels in [-1, 1]: the last bits of float32 differ from machine to machine
PIXELS = 4  # a side of what is kept of a picture

TEXT = {"steps": "8", "steps_2": "4", "prompt": "a photo of a dog", "negative": "ugly", "seed": 7}
MASK = "example:Mask of the moon"
OTHERS = {
    "forward-noise": {"t": 300, "form": "only added noise", "strip": [100, 900], "seed": 1},
    "mnist-denoise": {"picture": "example:Digit 5", "sigma": 0.8, "seed": 2},
    "mnist-pure-noise": {"count": 3, "snapshot": "early", "seed": 3},
    "mnist-sample": {"model": "ddpm", "gamma": 3, "digits": "27", "steps": 6, "solver": "ddim", "seed": 4},
    "mnist-gamma-sweep": {"gammas": [0, 4], "digits": "38", "steps": 4, "solver": "dpm++ 2m", "seed": 5},
    "mnist-snapshots": {"model": "ddpm", "gamma": 2, "digits": "96", "steps": 5, "seed": 6},
}
"""A quick recipe of each technique, other than the default one; those on text models stand in SETTINGS."""

SHEETS = {"count": 2, "scored_at": [500], "draws": 1}


def other(technique: str, stage: str = "II") -> Recipe:
    """The technique with settings of its own, in few steps; text models at stage I, or at both."""
    if technique in OTHERS:
        return Recipe.of(technique, **OTHERS[technique])
    base = technique.removesuffix("-sheet")
    names = {field.name for field in SCHEMAS[technique]}
    values = TEXT | settings(base, stage, **SHEETS if base != technique else {})
    values |= {"mask": MASK} if base == "text-inpaint" else {}
    values |= {"prompts": "a photo of a dog\n2 * a skull"} if base == "text-anagram" else {}
    values |= {"views": "half_turn, negate"} if base == "text-anagram" else {}
    return Recipe.of(technique, **{name: value for name, value in values.items() if name in names})


def recipes_of(technique: str) -> dict[str, Recipe]:
    return {"default": Recipe.of(technique), "other": other(technique)}


@pytest.fixture(scope="module")
def golden(request):
    """What a golden file holds, by its name; with --write-golden: what a test says it shall hold."""

    def holds(name: str, now):
        path = GOLDEN / f"{name}.json"
        if request.config.getoption("--write-golden"):
            text = json.dumps(now, indent=1, ensure_ascii=False)
            path.write_text(text + "\n", encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))

    return holds


@pytest.fixture(scope="module")
def house(tiny_root, tiny_if, tmp_path_factory):
    """The whole house on tiny networks, in float32."""
    home = tmp_path_factory.mktemp("house")
    for name, stage in zip(BUILT_IN_FOLDERS, tiny_if):
        (home / name).symlink_to(stage)
    (home / "mnist").symlink_to(tiny_root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(network, "best_dtype", lambda device="cpu": torch.float32)
        made = app.studio(home / "mnist", Library(device="cpu", dtype=torch.float32, checkpoints=home))
        yield made
        made.engine.close()


@pytest.fixture(scope="module")
def page(house):
    return app.build(house)


# --- recipes --------------------------------------------------------------------------------------------


def kept(recipe: Recipe) -> dict:
    png = Image.open(io.BytesIO(export.with_recipe(Image.new("RGB", (8, 8)), recipe)))
    return {"json": recipe.to_json(), "link": recipe.to_link(), "png": dict(png.info)}


def test_recipes_are_the_same_as_text_in_a_png_and_as_links(house, golden):
    assert len(SCHEMAS) == 24 and {*OTHERS, *SETTINGS} <= set(SCHEMAS)
    now = {name: {which: kept(r) for which, r in recipes_of(name).items()} for name in SCHEMAS}
    same = golden("recipes", {"zlib": zlib.ZLIB_RUNTIME_VERSION, "recipes": now})
    for name, recipes in same["recipes"].items():
        for which, before in recipes.items():
            made = now[name][which]
            assert (made["json"], made["png"]) == (before["json"], before["png"]), name
            if same["zlib"] == zlib.ZLIB_RUNTIME_VERSION:  # another one may pack otherwise
                assert made["link"] == before["link"], name
            assert Recipe.from_link(before["link"]).to_json() == before["json"]
            assert Recipe.from_json(before["json"]).to_json() == before["json"]
    assert list(same["recipes"]) == list(now)


def costs(house, recipe: Recipe) -> list:
    try:
        cost = house.cost(recipe)
    except RecipeError:
        return ["refused"]
    return [
        cost.calls,
        cost.rows,
        {name: sorted(map(str, said)) for name, said in house.told(recipe).items()},
    ]


def test_recipes_cost_the_same(house, golden):
    now = {name: {which: costs(house, r) for which, r in recipes_of(name).items()} for name in SCHEMAS}
    assert now == golden("costs", now)


# --- pictures -------------------------------------------------------------------------------------------


def digest(pictures: torch.Tensor) -> list[str]:
    """Each picture [C,H,W] as the means of 4 x 4 fields per channel, rounded, as a line of text."""
    means = F.adaptive_avg_pool2d(pictures.float(), PIXELS).flatten(1)
    return [" ".join(f"{round(value, 3) + 0.0:g}" for value in each.tolist()) for each in means]


@pytest.fixture(scope="module")
def pictures(house):
    """A finished run of every technique; those on text models at stage I, and once more at both stages."""
    made = {}
    for name in OTHERS:
        made[name] = _picture(house, other(name))
    for name in set(SCHEMAS) - set(OTHERS):
        for stage in ("I", "II"):
            made[f"{name} {stage}"] = _picture(house, other(name, stage))
    return dict(sorted(made.items()))


def _picture(house, recipe: Recipe) -> dict:
    *_, result = house.run(recipe)
    return {
        "shape": list(result.pictures.shape),
        "shown": [result.low, result.high, result.columns],
        "captions": list(result.captions),
        "film": [kept.index for kept in result.film],
        "pixels": digest(result.pictures),
    }


def test_pictures_are_the_same(pictures, golden):
    same = golden("pictures", pictures)
    assert list(same) == list(pictures)
    for name, before in same.items():
        now = pictures[name]
        assert {**now, "pixels": 0} == {**before, "pixels": 0}, name
        for one, two in zip(now["pixels"], before["pixels"], strict=True):
            assert torch.allclose(_numbers(one), _numbers(two), rtol=0, atol=CLOSE), name


def _numbers(line: str) -> torch.Tensor:
    return torch.tensor([float(each) for each in line.split()])


# --- the page -------------------------------------------------------------------------------------------

KEPT_OF_PARAMETERS = ("parameter_name", "label", "type", "python_type", "parameter_has_default")


def test_endpoints_take_and_give_the_same(page, golden):
    named = page.get_api_info()["named_endpoints"]
    now = {
        name: {
            "parameters": [
                {key: each[key] for key in KEPT_OF_PARAMETERS} | {"default": each.get("parameter_default")}
                for each in info["parameters"]
            ],
            "returns": [
                {key: each[key] for key in ("label", "type", "python_type")} for each in info["returns"]
            ],
        }
        for name, info in named.items()
    }
    assert len(now) == 25  # and /cost
    assert now == golden("endpoints", now)


def test_tabs_and_their_controls_are_the_same(page, golden):
    config = page.get_config_file()
    parts = {each["id"]: each for each in config["components"]}

    def labels(node: dict) -> list[str]:
        part = parts.get(node["id"], {"type": "", "props": {}})
        name = part["props"].get("label") or (part["props"].get("value") if part["type"] == "button" else "")
        own = [f"{part['type']}: {name}"] if name else []
        return own + [line for child in node.get("children", ()) for line in labels(child)]

    def outermost(node: dict) -> list[dict]:
        if parts.get(node["id"], {}).get("type") == "tabs":
            return [node]
        return [each for child in node.get("children", ()) for each in outermost(child)]

    (tabs,) = outermost(config["layout"])[:1]
    now = {parts[tab["id"]]["props"]["label"]: labels(tab)[1:] for tab in tabs["children"]}
    assert len(now) == 12
    assert now == golden("tabs", now)
