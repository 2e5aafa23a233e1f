"""Models: the catalogue, opening a folder in IF's format, and a sentence for everything that goes wrong."""

import json
import shutil
import threading

import httpx
import pytest
import torch
from huggingface_hub import errors as hub
from safetensors import SafetensorError

from diffusion_core import faults
from diffusion_core.faults import ModelError, explained, sentence
from diffusion_core.models import CATALOGUE, FITS, Library, found, what_fits
from diffusion_core.recipes import SCHEMAS, Recipe
from diffusion_core.studio import Studio
from diffusion_core.techniques import TECHNIQUES
from diffusion_core.text_recipes import TEXT_SCHEMAS
from diffusion_core.text_techniques import TEXT_TECHNIQUES


@pytest.fixture
def copy(tiny_if, tmp_path):
    """A copy of the tiny cascade that a test may damage."""
    shutil.copytree(tiny_if.stage_1.parent, tmp_path / "cascade")
    return tmp_path / "cascade"


@pytest.fixture
def library():
    return Library(device="cpu", dtype=torch.float32)


def change(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_folder_is_a_cascade_or_stage_1_alone(tiny_if):
    both = found(str(tiny_if.stage_1.parent))
    assert both.stages == (str(tiny_if.stage_1), str(tiny_if.stage_2)) and not both.licensed
    assert found(str(tiny_if.stage_1)).stages == (str(tiny_if.stage_1),)


def test_cards_say_what_the_configuration_says(tiny_if, library):
    model = found(str(tiny_if.stage_1.parent))
    first, second = library.card(model, "I"), library.card(model, "II")
    assert (first.shape, second.shape) == ((3, 16, 16), (3, 32, 32))
    assert (first.threshold, second.threshold) == ((0.95, 1.5), (0.95, 1.0))
    assert first.schedule == "if-cosine" and first.spread and first.predicts == "eps"


def test_models_with_one_encoder_share_their_prompts(tiny_if, library):
    cascade, alone = found(str(tiny_if.stage_1.parent)), found(str(tiny_if.stage_1))
    assert library.prompts(cascade) is library.prompts(alone)
    licensed = {id(library.prompts(model)) for model in CATALOGUE.values()}
    assert len(licensed) == 1


def test_registering_reads_no_weights(copy, library, monkeypatch):
    (copy / "stage-1" / "unet" / "diffusion_pytorch_model.safetensors").unlink()
    studio = Studio()
    library.register(studio, found(str(copy)))
    assert studio.card("cascade/II").shape == (3, 32, 32)
    with pytest.raises(ModelError):
        studio.network("cascade/I")
    studio.engine.close()


def test_the_catalogue_is_deepfloyds_and_licensed():
    assert list(CATALOGUE) == ["deepfloyd-m", "deepfloyd-l", "deepfloyd-xl"]
    assert all(model.licensed for model in CATALOGUE.values())
    assert CATALOGUE["deepfloyd-l"].stages == ("DeepFloyd/IF-I-L-v1.0", "DeepFloyd/IF-II-M-v1.0")


def test_more_memory_never_fits_less():
    assert [gigabytes for gigabytes, _ in FITS] == [6, 9, 14, 16, 24]
    assert "built-in" in what_fits(4) and "M + M" in what_fits(6) and "L + M" in what_fits(12)
    assert what_fits(80) == what_fits(24)


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


def test_no_folder_and_no_name_gets_the_catalogue():
    with pytest.raises(ModelError, match="no model 'deepfloyd-s': neither a folder, nor one of deepfloyd-m"):
        found("deepfloyd-s")


def test_a_model_without_stage_2_says_so(tiny_if, library):
    with pytest.raises(ModelError, match="has no stage II"):
        library.card(found(str(tiny_if.stage_1)), "II")


@pytest.mark.parametrize(
    "file, values, complaint",
    [
        (
            "scheduler/scheduler_config.json",
            {"prediction_type": "v_prediction"},
            "prediction_type = 'v_prediction'",
        ),
        (
            "scheduler/scheduler_config.json",
            {"variance_type": "fixed_small"},
            "variance_type = 'fixed_small'",
        ),
        ("scheduler/scheduler_config.json", {"beta_schedule": "sigmoid"}, "betas 'sigmoid'"),
    ],
)
def test_a_scheduler_of_another_kind_is_refused(copy, library, file, values, complaint):
    change(copy / "stage-1" / file, **values)
    with pytest.raises(ModelError, match=complaint):
        library.card(found(str(copy)), "I")


@pytest.mark.parametrize("part", ["unet/diffusion_pytorch_model.safetensors", "unet/config.json"])
def test_a_file_that_was_cut_short_is_called_damaged(copy, library, part):
    path = copy / "stage-1" / part
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelError, match="damaged or was cut short"):
        library.network(found(str(copy)), "I")


def test_weights_that_are_pickles_are_not_read(copy, library):
    path = copy / "stage-1" / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save({}, path.with_suffix(".bin"))
    path.unlink()
    with pytest.raises(ModelError):
        library.network(found(str(copy)), "I")


def test_too_little_gpu_memory_is_noticed_before_a_byte_is_read(library, monkeypatch):
    library.device = torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(7e9), int(8e9)))
    with pytest.raises(ModelError, match=r"needs about 10.8 GB of GPU memory, and 7.0 GB are free.*M \+ M"):
        library._ask_for_memory(CATALOGUE["deepfloyd-xl"], "I")
    library._ask_for_memory(CATALOGUE["deepfloyd-m"], "I")


def response(status: int) -> httpx.Response:
    return httpx.Response(status, request=httpx.Request("GET", "https://huggingface.co/x"))


WRONG = [
    (hub.GatedRepoError("gated", response=response(403)), "Accept its licence at"),
    (hub.HfHubHTTPError("no", response=response(401)), "needs a Hugging Face token"),
    (hub.RepositoryNotFoundError("no", response=response(404)), "Check the spelling"),
    (hub.LocalEntryNotFoundError("offline"), "cannot be reached"),
    (hub.OfflineModeIsEnabled("offline"), "cannot be reached"),
    (httpx.ConnectError("no route"), "cannot be reached"),
    (ConnectionError("no route"), "cannot be reached"),
    (torch.OutOfMemoryError("CUDA out of memory"), "not enough memory"),
    (MemoryError(), "not enough memory"),
    (SafetensorError("header too small"), "damaged or was cut short"),
    (OSError(28, "No space left on device"), "disk is full"),
    (ImportError("No module named 'bitsandbytes'"), "library that is missing"),
    (RuntimeError("something new"), "RuntimeError: something new"),
]


@pytest.mark.parametrize("error, complaint", WRONG, ids=lambda value: type(value).__name__)
def test_what_goes_wrong_gets_a_sentence_that_says_what_to_do(error, complaint):
    told = sentence(error, "DeepFloyd/IF-I-M-v1.0")
    assert complaint in told and "\n" not in told


def test_a_wrapped_error_is_told_by_what_it_wraps():
    def fail():
        try:
            raise hub.GatedRepoError("gated", response=response(403))
        except hub.GatedRepoError as error:
            raise OSError("There was a problem") from error

    with pytest.raises(ModelError, match="hf auth login"), explained("DeepFloyd/IF-I-M-v1.0"):
        fail()


def test_a_model_error_passes_as_it_is():
    with pytest.raises(ModelError, match=r"^mine$"), explained("x"):
        raise ModelError("mine")
    assert issubclass(faults.ModelError, RuntimeError)


def test_prompts_are_read_on_the_visitors_thread_and_not_on_the_engines(tiny_if, library, monkeypatch):
    """The engine serves everybody; whoever brings a new prompt waits for the text encoder alone."""
    monkeypatch.setitem(SCHEMAS, "text-sample", TEXT_SCHEMAS["text-sample"])
    monkeypatch.setitem(TECHNIQUES, "text-sample", TEXT_TECHNIQUES["text-sample"])
    model, studio, readers = found(str(tiny_if.stage_1)), Studio(), []
    library.register(studio, model)
    prompts = library.prompts(model)
    load = prompts.load
    prompts.load = lambda: readers.append(threading.current_thread().name) or load()
    recipe = Recipe.of("text-sample", model=model.name, prompt="a skull", negative="snow", steps="2")
    for _ in range(2):
        *_, result = studio.run(recipe)
    studio.engine.close()
    assert result.pictures.isfinite().all()
    assert readers == [threading.current_thread().name]
