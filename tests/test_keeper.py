"""Who stays warm and who goes: one model is seated, runs end well first, another takes over if need be."""

import gc
import shutil
import threading
import weakref
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fakes import FakeNetwork
from fakes import drawing as photo
from text_house import text_techniques_installed as _installed  # noqa: F401

from diffusion_core.estimates import Card
from diffusion_core.images import convert
from diffusion_core.models import catalog
from diffusion_core.models.catalog import BUILT_IN, found
from diffusion_core.models.faults import ModelError
from diffusion_core.models.loading import Library
from diffusion_core.recipes import Recipe
from diffusion_core.serving.result import Frame
from diffusion_core.serving.studio import Studio

pytestmark = pytest.mark.usefixtures("_installed")


@pytest.fixture
def home(tiny_if, tmp_path):
    """A folder of checkpoints with the built-in model, and beside it two more cascades, "one" and "two"."""
    for name, stage in zip(catalog.BUILT_IN_FOLDERS, tiny_if):
        (tmp_path / name).symlink_to(stage)
    for name in ("one", "two"):
        shutil.copytree(tiny_if.stage_1.parent, tmp_path / name)
    return tmp_path


@pytest.fixture
def studio(home):
    made = Studio()
    Library(device="cpu", dtype=torch.float32, checkpoints=home).serve(made)
    with closing(made.engine):
        yield made


def sample(model: str | Path, **values) -> Recipe:
    return Recipe.of("text-sample", model=str(model), **{"steps": "2", "prompt": "a dog"} | values)


def finished(studio: Studio, recipe: Recipe):
    *_, result = studio.run(recipe)
    return result


def unet_of(studio: Studio, model: Path, stage: str = "I") -> weakref.ref:
    return weakref.ref(studio.network(f"{model}/{stage}").unet)


def gone(*unets: weakref.ref) -> bool:
    gc.collect()
    return all(unet() is None for unet in unets)


# switching


def test_weights_stay_warm(studio, home):
    finished(studio, sample(home / "one"))
    network = studio.network(f"{home / 'one'}/I")
    finished(studio, sample(home / "one", seed=1))
    assert studio.network(f"{home / 'one'}/I") is network


def test_switching_frees_the_old_model_both_its_stages_and_its_encoder(studio, home):
    finished(studio, sample(home / "one", enlarge="yes", steps_2="2"))
    old = [unet_of(studio, home / "one", stage) for stage in ("I", "II")]
    reader = studio._entries[f"{home / 'one'}/I"].reader
    assert reader._model is not None and not gone(old[0])
    (home / "two" / "stage-1" / "text_encoder" / "extra.json").write_text("{}")  # an encoder of its own
    finished(studio, sample(home / "two"))
    assert gone(*old) and reader._model is None
    assert not gone(unet_of(studio, home / "two"))


def test_the_built_in_model_stays_beside_any_other(studio, home):
    finished(studio, sample(BUILT_IN))
    built_in = weakref.ref(studio.network(f"{BUILT_IN}/I").unet)
    finished(studio, sample(home / "one"))
    one = unet_of(studio, home / "one")
    finished(studio, sample(BUILT_IN))
    assert not gone(built_in) and not gone(one), "and going back to it frees nobody"


def test_a_run_under_way_ends_well_and_then_its_model_goes(studio, home):
    recipe = sample(home / "one", steps="30")
    alone = finished(studio, recipe).pictures
    old = unet_of(studio, home / "one")
    under_way = studio.run(recipe)
    assert isinstance(next(under_way), Frame)
    finished(studio, sample(home / "two"))
    new = unet_of(studio, home / "two")
    assert not gone(old)
    *_, result = under_way
    torch.testing.assert_close(result.pictures, alone, rtol=0, atol=1e-5)
    assert gone(old) and not gone(new)


def test_a_run_that_is_left_gives_its_model_back_too(studio, home):
    under_way = studio.run(sample(home / "one", steps="300"))
    next(under_way)
    old = unet_of(studio, home / "one")
    finished(studio, sample(home / "two"))
    under_way.close()
    studio.jobs.close()
    studio.engine.close()  # its last forward has ended
    assert gone(old)


def test_what_cannot_be_opened_frees_nobody(studio, home):
    finished(studio, sample(home / "one"))
    old = unet_of(studio, home / "one")
    studio.card(f"{home / 'two'}/I")
    (home / "two" / "stage-1" / "scheduler" / "scheduler_config.json").write_text('{"beta_schedule": "odd"}')
    with pytest.raises(ModelError, match="The scheduler of"):
        studio.ready(sample(home / "two"))
    assert not gone(old)


def test_many_visitors_of_two_models_all_get_their_pictures(studio, home):
    """Models come and go under them, and every picture is the one that it is alone."""
    recipes = [sample(home / name, seed=seed, steps="4") for seed in range(3) for name in ("one", "two")]
    alone = [finished(studio, recipe).pictures for recipe in recipes]
    made, wrong = {}, []

    def visit(place: int) -> None:
        try:
            made[place] = finished(studio, recipes[place]).pictures
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=visit, args=(place,)) for place in range(len(recipes))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    for place, picture in enumerate(alone):
        torch.testing.assert_close(made[place], picture, rtol=0, atol=1e-5)
    assert len({name.rpartition("/")[0] for name in studio._warm}) == 1


def test_the_networks_own_card_is_the_last_word(fake_studio):
    """A card may be known before the weights are; what their configuration says counts."""
    card = Card("x/I", "eps", (3, 8, 8), "if-cosine")
    Studio.register(fake_studio, card, lambda: FakeNetwork(replace(card, shape=(3, 4, 4))))
    assert fake_studio.card("x/I").shape == (3, 8, 8)
    fake_studio.network("x/I")
    assert fake_studio.card("x/I").shape == (3, 4, 4)


def test_prompts_are_read_while_the_memory_is_still_free(studio, home):
    """A text encoder may be larger than all the rest: it comes first, and the old model has gone by then."""
    finished(studio, sample(home / "one"))
    old, events = unet_of(studio, home / "one"), []
    (home / "two" / "stage-1" / "text_encoder" / "extra.json").write_text("{}")  # an encoder of its own
    studio.card(f"{home / 'two'}/I")
    entry = studio._entries[f"{home / 'two'}/I"]
    read, load = entry.reader.load, entry.load
    entry.reader.load = lambda: events.append(f"text, old {'gone' if gone(old) else 'there'}") or read()
    studio._entries[f"{home / 'two'}/I"] = entry._replace(load=lambda: events.append("unet") or load())
    finished(studio, sample(home / "two"))
    assert events == ["text, old gone", "unet"]


# when a model cannot be opened


def test_the_built_in_model_takes_over_and_says_so(studio, home):
    next((home / "one" / "stage-1" / "unet").glob("*.safetensors")).unlink()
    *frames, result = studio.run(sample(home / "one"))
    assert result.recipe == sample(BUILT_IN), "the picture's own recipe names who made it"
    assert torch.equal(result.pictures, finished(studio, sample(BUILT_IN)).pictures)
    (notice,) = result.notices
    assert "is missing" in notice and notice.endswith("This picture is made by the built-in model instead.")
    assert frames and all(frame.notices == result.notices for frame in frames)
    assert finished(studio, sample(BUILT_IN)).notices == ()


def test_it_takes_over_for_a_model_that_nobody_knows(studio):
    result = finished(studio, sample("nobody"))
    assert result.recipe["model"] == BUILT_IN and "There is no model 'nobody'" in result.notices[0]


def test_if_the_built_in_model_is_not_there_either_both_are_named(studio, home):
    (home / "emoji-64").unlink()
    with pytest.raises(ModelError, match=r"no model 'nobody'.*Nor can .*emoji-64 is missing"):
        finished(studio, sample("nobody"))
    with pytest.raises(ModelError, match=r"^The built-in text model is not here"):
        finished(studio, sample(BUILT_IN))


def test_if_it_lacks_a_stage_that_is_said(studio, home):
    (home / "emoji-256").unlink()
    with pytest.raises(ModelError, match=r"Nor can the built-in model take its place: .*has no stage II"):
        finished(studio, sample("nobody", enlarge="yes"))


def test_nobody_takes_over_for_a_digit_model(tiny_studio, home):
    """Its recipe names a model too, but not one of these."""
    Library(device="cpu", checkpoints=home).serve(tiny_studio)
    tiny_studio._entries["mnist/flow-class/last"] = tiny_studio._entries["mnist/flow-class/last"]._replace(
        load=lambda: (_ for _ in ()).throw(ModelError("the digits are gone"))
    )
    with pytest.raises(ModelError, match=r"^the digits are gone$"):
        finished(tiny_studio, Recipe.of("mnist-sample", steps=2))


def test_what_a_visitor_asks_wrongly_is_not_taken_over(studio, home):
    mask = convert.to_uri(photo(32))
    recipe = Recipe.of("text-inpaint", model=str(home / "one"), picture="example:Nobody", mask=mask)
    with pytest.raises(Exception, match="There is no example called 'Nobody'"):
        finished(studio, recipe)


# what is said of a prompt


def test_what_was_cut_off_a_prompt_reaches_every_frame(studio, home):
    long = "a photo of a dog " * 30 + "and at last a skull"
    recipe = sample(home / "one", prompt=long, negative="🐶")
    assert studio.notices(recipe) == (), "nobody has read it yet, and nothing is loaded to find out"
    *frames, result = studio.run(recipe)
    assert any("longer than 77 tokens" in line and "dog" in line for line in result.notices)
    assert any("knows nothing of" in line for line in result.notices) and len(result.notices) == 2
    assert all(frame.notices == result.notices for frame in frames)
    assert set(studio.notices(recipe)) == set(result.notices)
    other = sample(home / "one", prompt=f"now {long}")
    assert "longer than 77 tokens" in studio.notices(other)[0], "its encoder is there: it need not be read"


def test_a_recipe_without_prompts_has_no_notices(fake_studio):
    assert fake_studio.notices(Recipe.of("mnist-sample")) == ()
    assert finished(fake_studio, Recipe.of("mnist-sample", steps=1)).notices == ()


# ahead of the first visitor


@pytest.mark.parametrize("stage", ["I", "II"])
def test_any_stage_can_be_warmed_and_its_seconds_are_known(stage, studio, home):
    studio.warm(f"{BUILT_IN}/{stage}", rows=2)
    assert studio.engine.row_seconds[f"{BUILT_IN}/{stage}"] > 0 and f"{BUILT_IN}/{stage}" in studio._warm
    assert found(BUILT_IN, studio.library.known).card_name(stage) in studio._warm
