"""The weights in checkpoints/: stock diffusers makes the same pictures of them, and damage gets a sentence.

How equal can two ways of computing the same be? Rounding grows with every step, and where x_t is mostly
noise x0^ = (x_t - sigma eps^) / alpha multiplies it: 2e-5 after 3 steps of stage I from t = 666, but 1e-2
after 3 from t = 999, where alpha is 5e-5. Stage II comes to 1e-3. So its measure is diffusers itself: the
same pipeline with the UNet's tensors laid out in another order in memory, which rounds otherwise.
"""

import shutil
from pathlib import Path

import pytest
import torch
from text_house import both_ways

from benchmarks import parity
from diffusion_core.images import convert
from diffusion_core.models.catalog import BUILT_IN, BUILT_IN_FOLDERS, CHECKPOINTS, found
from diffusion_core.models.faults import ModelError
from diffusion_core.models.loading import Library
from diffusion_core.recipes import Recipe
from diffusion_core.serving.studio import Studio

LEVEL = 2 / 255  # what the eye could see of a difference at most: a level of 8 bits


@pytest.fixture(scope="module")
def both():
    yield from both_ways(BUILT_IN)


def apart(one: torch.Tensor, other: torch.Tensor) -> float:
    assert one.shape == other.shape and one.isfinite().all() and one.std() > 0.1
    return float((one - other).abs().max())


@pytest.mark.parametrize("prompt", ["a dog", "an oil painting of a red heart"])
def test_stage_1_draws_what_diffusers_draws(both, prompt):
    theirs = both.theirs("IFPipeline", prompt=prompt, num_inference_steps=3, guidance_scale=4.0)
    ours = both.ours("text-sample", prompt=prompt, steps="3", gamma=4.0)
    assert apart(theirs, ours) < 2e-4
    another = both.ours("text-sample", prompt="a fish", steps="3", gamma=4.0)
    assert apart(theirs, another) > 0.1


def test_stage_2_enlarges_as_diffusers_enlarges(both):
    """Steps at t = 500 and t = 0. Ours is as near as diffusers is to itself, and far below what one sees."""

    def theirs() -> torch.Tensor:
        return both.theirs(
            "IFSuperResolutionPipeline",
            prompt="a dog",
            image=parity.at(64, parity.photo()),
            num_inference_steps=2,
            guidance_scale=4.0,
            noise_level=250,
        )

    settings = {"picture": convert.to_uri(parity.photo()), "steps_2": "2", "gamma_2": 4.0}
    ours = both.ours("text-enlarge", prompt="a dog", noise_level=250, **settings)
    expected = theirs()
    both.pipeline("IFSuperResolutionPipeline").unet.to(memory_format=torch.channels_last)
    assert apart(expected, ours) < max(2e-4, 5 * apart(expected, theirs())) < LEVEL
    assert apart(expected, both.ours("text-enlarge", prompt="a dog", noise_level=200, **settings)) > LEVEL


def test_both_load_half_precision_files_into_single(both):
    stages = [("I", "IFPipeline"), ("II", "IFSuperResolutionPipeline")]
    for stage, name in stages:
        network = both.studio.network(both.model.card_name(stage))
        assert network.unet.dtype == both.pipeline(name).unet.dtype == torch.float32
        assert both.pipeline(name).text_encoder.dtype == torch.float32


# damage


@pytest.fixture
def copy(tmp_path):
    """The shipped folders in links, of which a test may replace some."""

    def linked(source: str, place: str) -> None:
        Path(place).symlink_to(Path(source).resolve())

    for name in BUILT_IN_FOLDERS:
        shutil.copytree(CHECKPOINTS / name, tmp_path / name, copy_function=linked)
    return tmp_path


def cut(path: Path) -> None:
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole[: len(whole) // 2])


@pytest.mark.parametrize("damage, word", [(Path.unlink, "is missing"), (cut, "damaged or was cut short")])
@pytest.mark.parametrize("stage, folder", zip(("I", "II"), BUILT_IN_FOLDERS))
def test_a_shard_that_is_missing_or_cut_short_gets_a_sentence(copy, stage, folder, damage, word):
    library = Library(device="cpu", dtype=torch.float32, checkpoints=copy)
    assert library.network(found(BUILT_IN, library.known), stage).card.name == f"{BUILT_IN}/{stage}"
    shards = sorted((copy / folder / "unet").glob("*.safetensors"))
    damage(shards[1])
    with pytest.raises(ModelError, match=word) as caught:
        library.network(found(BUILT_IN, library.known), stage)
    assert folder in str(caught.value) and str(caught.value).endswith(".")


@pytest.mark.usefixtures("both")
@pytest.mark.parametrize("damage, word", [(Path.unlink, "is missing"), (cut, "damaged or was cut short")])
def test_a_reader_of_prompts_that_is_damaged_gets_a_sentence(copy, damage, word):
    """The built-in model is what others fall back on: it has none to fall back on itself."""
    studio = Studio()
    Library(device="cpu", checkpoints=copy).serve(studio)
    damage(copy / BUILT_IN_FOLDERS[0] / "text_encoder" / "model.safetensors")
    with pytest.raises(ModelError, match=word):
        list(studio.run(Recipe.of("text-sample", model=BUILT_IN, steps="2")))
    studio.engine.close()
