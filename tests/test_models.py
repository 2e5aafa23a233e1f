"""Models: a studio finds them wherever they lie; their weights are read whole, as safetensors, or not."""

import json
import shutil
import threading

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from text_house import text_techniques_installed as _installed  # noqa: F401

from diffusion_core.models.catalog import CATALOGUE, found
from diffusion_core.models.deepfloyd.safety import Previews
from diffusion_core.models.faults import ModelError
from diffusion_core.models.loading import Library
from diffusion_core.recipes import Recipe
from diffusion_core.serving.studio import Studio

WEIGHTS = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def copy(tiny_if, tmp_path):
    """A copy of the tiny cascade that a test may damage."""
    shutil.copytree(tiny_if.stage_1.parent, tmp_path / "cascade")
    return tmp_path / "cascade"


@pytest.fixture
def library():
    return Library(device="cpu", dtype=torch.float32)


@pytest.fixture
def studio():
    made = Studio()
    yield made
    made.engine.close()


# to a studio


def test_registering_reads_no_weights(copy, library, studio):
    (copy / "stage-1" / WEIGHTS).unlink()
    library.register(studio, found(str(copy)))
    assert studio.card("cascade/II").shape == (3, 32, 32)
    with pytest.raises(ModelError, match="is missing"):
        studio.network("cascade/I")


@pytest.mark.usefixtures("_installed")
def test_a_recipe_names_any_folder_and_the_studio_finds_it(copy, library, studio):
    library.serve(studio)
    recipe = Recipe.of("text-sample", model=str(copy), steps="2", enlarge="yes", steps_2="2")
    assert studio.cost(recipe).calls == 4
    *_, result = studio.run(recipe)
    assert result.pictures.shape == (1, 3, 32, 32) and result.recipe == recipe
    assert result.notices == (), "nothing of a licence for a model without one"


def test_a_name_that_is_no_model_gets_a_sentence(library, studio):
    library.serve(studio)
    with pytest.raises(ModelError, match="There is no model 'nobody': neither a folder"):
        studio.card("nobody/I")
    with pytest.raises(Exception, match="The model mnist/nobody is not here"):
        studio.card("mnist/nobody")


def test_a_public_server_opens_its_catalogue_only(copy, studio):
    """A visitor's recipe cannot make it look into its folders, nor fetch what it likes."""
    library = Library(device="cpu", previews=Previews(public=True))
    library.serve(studio)
    for where in (str(copy), "somebody/one", "/etc"):
        assert not library.offer(where).fits and "This server is public" in library.offer(where).word
        with pytest.raises(ModelError, match="This server is public: it opens the models of its catalogue"):
            studio.card(f"{where}/I")
    assert studio.card("deepfloyd-m/I").shape == (3, 64, 64)


def test_models_with_one_encoder_share_their_prompts(tiny_if, library):
    cascade, alone = found(str(tiny_if.stage_1.parent)), found(str(tiny_if.stage_1))
    assert library.prompts(cascade) is library.prompts(alone)
    licensed = [model for model in CATALOGUE.values() if model.licensed]
    assert len({id(library.prompts(model)) for model in licensed}) == 1
    assert len({id(library.guard(model)) for model in licensed}) == 1


@pytest.mark.usefixtures("_installed")
def test_prompts_are_read_on_the_thread_of_the_job_and_not_on_the_engines(tiny_if, library, studio):
    """The engine serves everybody; whoever brings a new prompt waits for the text encoder alone."""
    model, readers = found(str(tiny_if.stage_1)), []
    library.register(studio, model)
    prompts = library.prompts(model)
    load = prompts.load
    prompts.load = lambda: readers.append(threading.current_thread().name) or load()
    recipe = Recipe.of("text-sample", model=model.name, prompt="a skull", negative="snow", steps="2")
    for _ in range(2):
        *_, result = studio.run(recipe)
    assert result.pictures.isfinite().all()
    assert readers == ["job text-sample"]


def test_who_builds_a_network_while_another_is_read_gets_one_with_weights(tiny_if, library):
    """Two visitors open two models, a third trains one: nothing that reading changes may reach the others."""
    wrong, done = set(), threading.Event()

    def build() -> None:
        while not done.is_set():
            layer = torch.nn.Linear(3, 3)
            wrong.update({str(layer.weight.device), str(layer.weight.dtype)} - {"cpu", "torch.float32"})
            wrong.update({"no weights"} if not layer.weight.any() else ())

    builder = threading.Thread(target=build)
    builder.start()
    model = found(str(tiny_if.stage_1.parent))
    for _ in range(3):
        library.network(model, "I"), library.network(model, "II")
        library.prompts(model).load()
    done.set()
    builder.join()
    assert not wrong


# weights


@pytest.mark.parametrize("part", [WEIGHTS, "unet/config.json"])
def test_a_file_that_was_cut_short_is_called_damaged(copy, library, part):
    model, path = found(str(copy)), copy / "stage-1" / part
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelError, match="damaged or was cut short"):
        library.network(model, "I")


def test_weights_that_are_pickles_are_not_read(copy, library):
    path = copy / "stage-1" / WEIGHTS
    torch.save({}, path.with_suffix(".bin"))
    path.unlink()
    with pytest.raises(ModelError, match="only safetensors are read, no pickles"):
        library.network(found(str(copy)), "I")


def test_a_missing_shard_is_named(copy, library):
    folder = copy / "stage-1" / "unet"
    unet = UNet2DConditionModel.from_pretrained(folder)
    (copy / "stage-1" / WEIGHTS).unlink()
    unet.save_pretrained(folder, max_shard_size="200KB")
    shards = sorted(folder.glob("*.safetensors"))
    assert len(shards) > 3 and library.network(found(str(copy)), "I").card.shape == (3, 16, 16)
    shards[1].unlink()
    with pytest.raises(ModelError, match=rf"is missing \({shards[1].name}\)"):
        library.network(found(str(copy)), "I")


def test_weights_that_are_in_no_file_are_noticed(copy, library):
    """diffusers would go on with random ones."""
    path = copy / "stage-1" / WEIGHTS
    weights = load_file(path)
    del weights["conv_in.bias"]
    save_file(weights, path, {"format": "pt"})
    with pytest.raises(ModelError, match=r"1 weights of .* are in none of its files, conv_in\.bias for one"):
        library.network(found(str(copy)), "I")


def test_a_unet_of_another_kind_gets_a_sentence(copy, library):
    unet = copy / "stage-1" / "unet" / "config.json"
    unet.write_text(json.dumps(json.loads(unet.read_text()) | {"out_channels": 3}))
    model = found(str(copy))
    (copy / "stage-1" / WEIGHTS).unlink()
    UNet2DConditionModel.from_config(json.loads(unet.read_text())).save_pretrained(copy / "stage-1" / "unet")
    with pytest.raises(ModelError, match=r"stage-1: This UNet is not of .* out_channels is 3"):
        library.network(model, "I")


def test_files_in_half_precision_are_read_where_only_these_are(copy, library):
    path = copy / "stage-1" / WEIGHTS
    half = {name: weight.half() for name, weight in load_file(path).items()}
    path.unlink()
    save_file(half, path.with_name("diffusion_pytorch_model.fp16.safetensors"), {"format": "pt"})
    network = library.network(found(str(copy)), "I")
    assert network.unet.conv_in.weight.dtype == torch.float32
    assert torch.equal(network.unet.conv_in.weight.half(), half["conv_in.weight"])
