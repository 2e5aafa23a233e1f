"""Three ways back from noise, side by side: each is what its own technique makes."""

import pytest
import torch
from text_house import made
from text_house import text_techniques_installed as _installed  # noqa: F401

from diffusion_core.techniques import denoise

pytestmark = pytest.mark.usefixtures("_installed")
TS = [250, 750]


def rows(**values) -> torch.Tensor:
    """What text-denoise makes: [row, t, C, H, W]."""
    return made("text-denoise", ts=TS, **values)[1].unflatten(0, (4, len(TS)))


def test_rows_are_the_techniques_alone():
    noisy, blurred, one, _ = rows(sigma=1.5, prompt="a fox", seed=4)
    told = {"ts": TS, "seed": 4}
    torch.testing.assert_close(torch.cat([noisy, blurred]), made("text-blur", sigma=1.5, **told)[1])
    torch.testing.assert_close(torch.cat([noisy, one]), made("text-one-step", prompt="a fox", **told)[1])


@pytest.mark.parametrize("gamma", [1.0, 7.0])
def test_the_iterative_row_walks_down_from_t(gamma):
    """As text-iterative does from its start number 0, along a list that begins at t."""
    last = rows(steps="900, 600, 200, 100", gamma=gamma, seed=4)[3]
    for picture, steps in zip(last, ("250, 200, 100, 0", "750, 600, 200, 100, 0")):
        _, alone = made("text-iterative", start=0, steps=steps, gamma=gamma, seed=4)
        torch.testing.assert_close(picture, alone[0], rtol=0, atol=1e-5)


def test_stage_two_enlarges_what_stage_one_made():
    small, large = rows(), rows(enlarge="yes")
    assert small.shape[-1] == 16 and large.shape[-1] == 64
    told = {"ts": TS, "enlarge": "yes"}
    torch.testing.assert_close(large[:3:2].flatten(0, 1), made("text-one-step", **told)[1])


def test_a_walk_begins_at_t_and_ends_at_0():
    assert denoise._from(250, "stride 100") == [250, 200, 100, 0]
    assert denoise._from(300, "stride 100") == [300, 200, 100, 0]
    assert denoise._from(5, "10") == [5, 0]
    assert denoise._from(400, "990, 500") == [400, 0]
