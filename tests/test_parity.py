"""Our pictures are diffusers' own: every case of benchmarks/parity.py within 1e-5, and by no accident."""

import pytest
import torch
from text_house import both_ways

from benchmarks import parity


@pytest.fixture(scope="module")
def both(tiny_if):
    yield from both_ways(tiny_if.stage_1.parent)


@pytest.mark.parametrize("case", parity.CASES, ids=lambda case: f"{case.pipeline}: {case.name}")
def test_equal_to_diffusers(both, case):
    assert case.difference(both) <= 1e-5


def test_every_pipeline_has_a_case():
    assert set(parity.worst(dict.fromkeys(parity.CASES, 0.0))) == {case.pipeline for case in parity.CASES}


@pytest.mark.parametrize(
    "changed",
    [
        {"prompt": "a lithograph of a skull"},
        {"gamma": 3.0},
        {"seed": 4},
        {"steps": "9"},
        {"maths": "course"},
        {"negative": parity.NEGATIVE},
        {"solver": "ddim"},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_another_setting_is_another_picture(both, changed):
    """If a setting were ignored, equality would prove nothing about it."""
    theirs = both.theirs("IFPipeline", num_inference_steps=10)
    ours = both.ours("text-sample", **({"steps": "10"} | changed))
    assert float((theirs - ours).abs().max()) > 1e-3


def test_gamma_0_is_unconditional_here_and_conditional_in_diffusers(both):
    """diffusers skips guidance up to 1; the formula (1 - gamma) eps(null) + gamma eps(prompt) does not."""
    unconditional = both.theirs("IFPipeline", prompt="", num_inference_steps=10, guidance_scale=1.0)
    assert torch.allclose(unconditional, both.ours("text-sample", steps="10", gamma=0.0), rtol=0, atol=1e-5)
    conditional = both.theirs("IFPipeline", num_inference_steps=10, guidance_scale=0.0)
    assert float((conditional - unconditional).abs().max()) > 1e-3
