"""The catalogue: names, folders and ids, what their networks look like, and whose weights they are."""

import json
import shutil
from pathlib import Path

import pytest

from diffusion_core.models import catalog
from diffusion_core.models.catalog import BUILT_IN, CATALOGUE, card_of, card_read, found, is_licensed
from diffusion_core.models.faults import ModelError


@pytest.fixture
def copy(tiny_if, tmp_path):
    """A copy of the tiny cascade that a test may damage."""
    shutil.copytree(tiny_if.stage_1.parent, tmp_path / "cascade")
    return tmp_path / "cascade"


def change(path: Path, **values) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def at_home(tiny_if, folder: Path, *stages: int) -> dict:
    """A catalogue whose built-in model is the tiny cascade, as far as it is there."""
    for place in stages:
        (folder / catalog.BUILT_IN_FOLDERS[place]).symlink_to(tiny_if[place])
    return catalog.catalogue(folder)


def test_the_built_in_model_comes_first_and_every_pair_of_deepfloyds_follows():
    assert next(iter(CATALOGUE)) == BUILT_IN and not CATALOGUE[BUILT_IN].licensed
    licensed = [model for model in CATALOGUE.values() if model.licensed]
    pairs = {tuple(stage[len("DeepFloyd/IF-") : -len("-v1.0")] for stage in m.stages) for m in licensed}
    assert pairs == {(f"I-{first}", f"II-{second}") for first in ("M", "L", "XL") for second in ("M", "L")}
    assert CATALOGUE["deepfloyd-l"].stages == ("DeepFloyd/IF-I-L-v1.0", "DeepFloyd/IF-II-M-v1.0")
    assert CATALOGUE["deepfloyd-xl"].gigabytes == (8.6, 2.4)


def test_the_built_in_model_has_the_stages_that_are_there(tiny_if, tmp_path):
    with pytest.raises(
        ModelError, match=r"built-in text model is not here: .*emoji-64 is missing.*deepfloyd-m"
    ):
        found(BUILT_IN, at_home(tiny_if, tmp_path))
    known = at_home(tiny_if, tmp_path, 0)
    assert found(BUILT_IN, known).stages == (str(tmp_path / "emoji-64"),)
    with pytest.raises(ModelError, match="has no stage II; its pictures stay as large"):
        found(BUILT_IN, known).source("II")
    known = at_home(tiny_if, tmp_path, 1)
    assert found(BUILT_IN, known).stages[1] == str(tmp_path / "emoji-256")
    assert not found(BUILT_IN, known).licensed and card_of(found(BUILT_IN, known), "II").beside


def test_a_folder_is_a_cascade_or_stage_1_alone(tiny_if):
    both = found(str(tiny_if.stage_1.parent))
    assert both.stages == (str(tiny_if.stage_1), str(tiny_if.stage_2)) and not both.licensed
    assert found(str(tiny_if.stage_1)).stages == (str(tiny_if.stage_1),)
    assert found(f"{tiny_if.stage_1} + {tiny_if.stage_2}").stages == both.stages
    assert found(f"{tiny_if.stage_1.parent} + {tiny_if.stage_1.parent}").stages == both.stages
    assert both.gigabytes[0] == (tiny_if.stage_1 / "unet" / catalogue_weights()).stat().st_size / 1e9


def catalogue_weights() -> str:
    return "diffusion_pytorch_model.safetensors"


@pytest.mark.parametrize(
    "missing, complaint",
    [
        ("stage-1/unet/config.json", "unet/config.json is missing"),
        ("stage-2/scheduler/scheduler_config.json", "scheduler_config.json is missing"),
    ],
)
def test_a_folder_that_lacks_something_is_named(copy, missing, complaint):
    (copy / missing).unlink()
    with pytest.raises(ModelError, match=complaint):
        found(str(copy))


@pytest.mark.parametrize("where", ["deepfloyd-s", "", "a" * 300, "~nobody/here", "x\0y", "/no/such", "a + b"])
def test_neither_folder_nor_name_gets_the_catalogue(where):
    with pytest.raises(ModelError, match=r"neither a folder, nor an id .* nor one of built-in, deepfloyd-m"):
        found(where)


def test_cards_say_what_the_configuration_says(tiny_if):
    model = found(str(tiny_if.stage_1.parent))
    first, second = card_of(model, "I"), card_of(model, "II")
    assert (first.shape, second.shape) == ((3, 16, 16), (3, 32, 32))
    assert (first.threshold, second.threshold) == ((0.95, 1.5), (0.95, 1.0))
    assert first.schedule == "if-cosine" and first.spread and first.predicts == "eps"
    assert (first.beside, second.beside) == (False, True)


def test_deepfloyds_cards_are_known_without_the_hub(monkeypatch):
    monkeypatch.setattr("diffusion_core.models.hub.out_of_reach", lambda: pytest.fail("the Hub was asked"))
    first, second = (card_of(CATALOGUE["deepfloyd-xl"], stage) for stage in ("I", "II"))
    assert (first.shape, second.shape) == ((3, 64, 64), (3, 256, 256))
    assert (first.threshold, second.threshold) == ((0.95, 1.5), (0.95, 1.0))


@pytest.mark.parametrize(
    "values, complaint",
    [
        ({"prediction_type": "v_prediction"}, "prediction_type = 'v_prediction'"),
        ({"variance_type": "fixed_small"}, "variance_type = 'fixed_small'"),
        ({"beta_schedule": "sigmoid"}, "betas 'sigmoid'"),
    ],
)
def test_a_scheduler_of_another_kind_is_refused(copy, values, complaint):
    change(copy / "stage-1" / "scheduler" / "scheduler_config.json", **values)
    with pytest.raises(ModelError, match=complaint):
        card_read(found(str(copy)), "I")


def test_the_wrong_stage_is_refused(tiny_if):
    swapped = found(f"{tiny_if.stage_2} + {tiny_if.stage_1}")
    with pytest.raises(ModelError, match="is no stage I of DeepFloyd IF's format: its UNet sees 6 channels"):
        card_of(swapped, "I")


# whose weights


def test_what_is_deepfloyds_is_known_for_deepfloyds(copy, tmp_path):
    assert is_licensed("DeepFloyd/IF-I-M-v1.0") and is_licensed("deepfloyd/if-i-m-v1.0")
    assert not is_licensed("somebody/IF-I-M-v1.0") and not is_licensed(str(copy / "stage-1"))
    for name in ("IF-I-M-v1.0", "models--DeepFloyd--IF-II-L-v1.0/snapshots/0"):
        shutil.copytree(copy / "stage-1", tmp_path / name)
        assert found(str(tmp_path / name)).licensed


@pytest.mark.parametrize("what", ["safety_checker", "watermarker", "width", "name"])
def test_a_copy_of_deepfloyds_in_a_folder_is_licensed_too(copy, what):
    """Renaming a folder takes neither filter nor mark away."""
    unet = copy / "stage-1" / "unet" / "config.json"
    if what == "width":
        change(unet, encoder_hid_dim=4096)
    elif what == "name":
        change(unet, _name_or_path="DeepFloyd/IF-I-M-v1.0")
    else:
        (copy / "stage-1" / what).mkdir()
    assert found(str(copy)).licensed


def test_all_of_deepfloyds_read_prompts_with_one_encoder(tiny_if):
    sources = {model.text_source for model in CATALOGUE.values() if model.licensed}
    assert sources == {catalog.TEXT_HOME}
    assert found(str(tiny_if.stage_1)).text_source == str(tiny_if.stage_1)
