"""Every text technique on real networks: a tiny cascade in IF's format, stage I and again stage II."""

import pytest
import torch
from fakes import drawing
from text_house import both_ways
from text_settings import BOTH_STAGES, settings

from benchmarks import parity
from diffusion_core.images import convert
from diffusion_core.recipes import Recipe
from diffusion_core.techniques.text import TEXT_SCHEMAS

PHOTO = convert.to_uri(drawing(64))


@pytest.fixture(scope="module")
def cascade(tiny_if):
    yield from both_ways(tiny_if.stage_1.parent)


def pictures(cascade, name: str, stage: str, **more) -> torch.Tensor:
    names = {field.name for field in TEXT_SCHEMAS[name]}
    few = {"model": cascade.model.name, "picture": PHOTO, "mask": PHOTO, "steps": "6", "steps_2": "3"}
    values = {k: v for k, v in (few | settings(name, stage) | more).items() if k in names}
    *_, result = cascade.studio.run(Recipe.of(name, **values))
    return result.pictures


@pytest.mark.parametrize("name, stage", BOTH_STAGES)
def test_a_technique_on_real_networks_and_each_seed_for_itself(cascade, name, stage):
    """Finite pictures of the right size; batched = alone in float32."""
    both = pictures(cascade, name, stage, count=2, seed=3)
    side = parity.tiny_if.SIZES[stage == "II"]
    assert both.shape[1:] == (3, side, side) and both.isfinite().all() and both.std() > 0.05
    alone = pictures(cascade, name, stage, seed=4)
    torch.testing.assert_close(both[len(both) // 2 :], alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "name", [n for n in TEXT_SCHEMAS if {"prompt", "prompts"} & {f.name for f in TEXT_SCHEMAS[n]}]
)
def test_the_prompt_is_heard_at_both_stages(cascade, name):
    """The same seed told another prompt is another picture."""
    ways = {}
    for told in ("a photo of a dog", "a lithograph of waterfalls"):
        lines = "\n".join([told, "a rocket ship"])
        ways[told] = pictures(cascade, name, "II", prompt=told, prompts=lines)
    one, other = ways.values()
    assert (one - other).abs().max() > 1e-3
