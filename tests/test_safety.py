"""DeepFloyd's filter and mark: what leaves the studio has passed both, and previews show little."""

import pytest
import torch
from diffusers.pipelines.deepfloyd_if import IFSafetyChecker, IFWatermarker
from fakes import FakeStudio
from safetensors.torch import load_file, save_file
from text_house import text_techniques_installed as _installed  # noqa: F401
from transformers import CLIPConfig, CLIPImageProcessor

from diffusion_core.estimates import Card
from diffusion_core.models.deepfloyd import safety
from diffusion_core.models.deepfloyd.safety import (
    NOTICE,
    RESEARCH_ONLY,
    WITHHELD,
    Guard,
    Parts,
    Previews,
    is_public,
)
from diffusion_core.models.faults import ModelError
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.serving.result import Frame


def checker(unsafe: float = -10.0, foreign: float = -10.0) -> IFSafetyChecker:
    """The real class in small, with heads that always answer as they are told."""
    vision = {
        "hidden_size": 16,
        "intermediate_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "image_size": 32,
        "patch_size": 16,
        "projection_dim": 8,
    }
    made = IFSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=8)).eval()
    with torch.no_grad():
        for head, bias in ((made.p_head, unsafe), (made.w_head, foreign)):
            head.weight.zero_()
            head.bias.fill_(bias)
    return made


def extractor() -> CLIPImageProcessor:
    return CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})


def marker() -> IFWatermarker:
    made = IFWatermarker()
    made.watermark_image.fill_(255.0)
    return made


def pictures() -> torch.Tensor:
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_a_harmless_picture_passes_with_the_mark_in_its_corner():
    before = pictures()
    plain = Guard(lambda: Parts(checker(), extractor())).check(before)
    assert plain.withheld == (False, False)
    torch.testing.assert_close(plain.pictures, before, rtol=0, atol=1 / 255)
    marked = Guard(lambda: Parts(checker(), extractor(), marker())).check(before)
    changed = (marked.pictures != plain.pictures).any(1)
    assert changed[:, 32:, 32:].any() and not changed[:, :32].any() and not changed[:, :, :32].any()


@pytest.mark.parametrize("heads", [{"unsafe": 10.0}, {"foreign": 10.0}], ids=str)
def test_what_either_head_objects_to_is_black(heads):
    guard = Guard(lambda: Parts(checker(**heads), extractor()))
    checked = guard.check(pictures())
    assert checked.withheld == (True, True) and (checked.pictures == -1).all()


def test_only_the_picture_in_question_is_withheld():
    class Picky(torch.nn.Linear):
        def forward(self, clip_input, images):
            return images, [bool(each.mean() > 0) for each in clip_input], [False] * len(images)

    before = torch.stack([torch.ones(3, 64, 64), -torch.ones(3, 64, 64)])
    checked = Guard(lambda: Parts(Picky(1, 1), extractor())).check(before)
    assert checked.withheld == (True, False)


def test_previews_are_sixteen_pixels_wide_unless_opened():
    x = pictures()
    shown = Guard(lambda: None).preview(x)
    assert shown.shape == x.shape and torch.equal(
        shown[..., ::4, ::4].repeat_interleave(4, -1).repeat_interleave(4, -2), shown
    )
    assert not torch.allclose(shown, x, atol=0.1)
    assert Guard(lambda: None, previews="open").preview(x) is x and Guard(lambda: None).preview(None) is None
    with pytest.raises(ValueError, match='"low" or "open"'):
        Guard(lambda: None, previews="all")


def test_a_filter_that_cannot_be_loaded_shows_nothing(tmp_path):
    with pytest.raises(ModelError, match="safety filter"):
        Guard(safety.loader(str(tmp_path))).check(pictures())


def saved(folder, **heads) -> None:
    """What lies beside a UNet of DeepFloyd's."""
    checker(**heads).save_pretrained(folder / "safety_checker")
    extractor().save_pretrained(folder / "feature_extractor")
    marker().save_pretrained(folder / "watermarker")


def test_the_loader_reads_what_deepfloyd_saves(tmp_path):
    saved(tmp_path, unsafe=10.0)
    assert Guard(safety.loader(str(tmp_path))).check(pictures()).withheld == (True, True)


@pytest.mark.parametrize("part", ["safety_checker/model", "watermarker/diffusion_pytorch_model"])
def test_a_filter_or_mark_that_is_a_pickle_is_not_read(part, tmp_path):
    saved(tmp_path)
    weights = tmp_path / f"{part}.safetensors"
    torch.save(load_file(weights), weights.with_suffix(".bin"))
    torch.save(load_file(weights), weights.with_name("pytorch_model.bin"))
    weights.unlink()
    with pytest.raises(ModelError, match="only safetensors are read"):
        Guard(safety.loader(str(tmp_path))).ready()


def test_a_filter_with_weights_missing_is_none(tmp_path):
    """transformers would go on with a random head, which lets everything pass."""
    saved(tmp_path, unsafe=10.0)
    weights = tmp_path / "safety_checker" / "model.safetensors"
    state = load_file(weights)
    del state["p_head.weight"]
    save_file(state, weights, {"format": "pt"})
    with pytest.raises(ModelError, match=r"in none of its files, p_head\.weight for one"):
        Guard(safety.loader(str(tmp_path))).ready()


# the setting


SERVED_TO_OTHERS = [
    {"DARKROOM_PUBLIC": "1"},
    {"SPACE_ID": "somebody/darkroom"},
    {"GRADIO_SERVER_NAME": "0.0.0.0"},
    {"GRADIO_SHARE": "True"},
]


@pytest.mark.parametrize("environment", SERVED_TO_OTHERS, ids=lambda each: next(iter(each)))
def test_a_public_server_does_not_open_previews(environment):
    assert is_public(environment)
    previews = Previews.of(environment | {"DARKROOM_PREVIEWS": "open"})
    assert previews.public and previews.shown == "low"
    with pytest.raises(RecipeError, match="This server is public"):
        previews.choose("open")
    assert previews.shown == "low" and Guard(lambda: None, previews).previews == "low"


def test_a_local_user_may_open_previews_and_close_them_again():
    assert Previews.of({}).shown == "low" and not is_public({"GRADIO_SERVER_NAME": "127.0.0.1"})
    assert not is_public({"SPACE_ID": "x", "DARKROOM_PUBLIC": "0"}), "said plainly, it counts"
    assert Previews.of({"DARKROOM_PREVIEWS": "open"}).shown == "open"
    assert Previews.of({"DARKROOM_PREVIEWS": "whatever"}).shown == "low"
    previews, x = Previews(), pictures()
    guard = Guard(lambda: None, previews)
    assert not torch.equal(guard.preview(x), x)
    previews.choose("open")
    assert guard.preview(x) is x
    previews.choose("low")
    assert not torch.equal(guard.preview(x), x)


def test_a_server_that_becomes_public_closes_previews():
    previews = Previews("open")
    previews.public = True
    assert previews.shown == "low"


# in a house


def guarded(monkeypatch, **heads) -> tuple[FakeStudio, Card]:
    """A house with a network of 64 x 64 pixels that asks for a filter."""
    card = Card("licensed/I", "eps", (3, 64, 64), "if-cosine", spread=True, threshold=(0.95, 1.5))
    studio = FakeStudio()
    studio.register(card, None)
    studio.guard(card.name, Guard(lambda: Parts(checker(**heads), extractor(), marker())))
    return studio, card


def sample(**values) -> Recipe:
    return Recipe.of("text-sample", **{"model": "licensed", "prompt": "1", "negative": "2"} | values)


@pytest.mark.usefixtures("_installed")
def test_every_final_picture_carries_the_mark_and_every_frame_the_licence(monkeypatch):
    studio, _ = guarded(monkeypatch)
    recipe = sample(steps="3", count=3)
    assert studio.notices(recipe) == (RESEARCH_ONLY, NOTICE), "before anything runs"
    *frames, result = studio.run(recipe)
    studio._guards.clear()
    *_, plain = studio.run(recipe)
    studio.engine.close()
    marked = (result.pictures - plain.pictures).abs().amax(1) > 0.02
    assert marked[:, 32:, 32:].flatten(1).any(1).all() and not marked[:, :32].any()
    assert result.notices == (RESEARCH_ONLY, NOTICE) and all(
        frame.notices == result.notices for frame in frames
    )
    assert plain.notices == ()


@pytest.mark.usefixtures("_installed")
def test_a_filter_that_cannot_be_had_is_told_before_the_run(monkeypatch, tmp_path):
    studio, card = guarded(monkeypatch)
    studio.guard(card.name, Guard(safety.loader(str(tmp_path))))
    with pytest.raises(ModelError, match="safety filter"):
        next(studio.run(sample(steps="3")))
    assert not studio.fakes[card.name].asked
    studio.engine.close()


@pytest.mark.usefixtures("_installed")
def test_what_a_guarded_network_made_is_checked_before_anyone_sees_it(monkeypatch):
    studio, _ = guarded(monkeypatch, unsafe=10.0)
    *frames, result = studio.run(sample(steps="4", count=2))
    studio._guards.clear()
    *_, free = studio.run(sample(steps="4", count=2))
    studio.engine.close()
    assert free.pictures.std() > 0.1 and free.captions == ("seed 0", "seed 1")
    inside = result.pictures[..., :32, :32]  # the mark is white, in the other corner
    assert (inside == -1).all() and result.captions == (WITHHELD, WITHHELD)
    assert frames and all(isinstance(frame, Frame) for frame in frames)
    shown = [x for frame in frames for x in (frame.x, frame.x0) if x is not None]
    shown += [x for kept in result.film[:-1] for x in (kept.x, kept.x0) if x is not None]
    for x in shown:
        squares = x.unflatten(-1, (16, 4)).unflatten(-3, (16, 4))
        assert (squares == squares[..., :1, :, :1]).all(), "a preview that shows more than 16 x 16 pixels"
    assert (result.film[-1].x[..., :32, :32] == 0).all()


@pytest.mark.usefixtures("_installed")
@pytest.mark.parametrize("previews", ["low", "open"])
def test_strip_and_movie_end_with_the_picture_that_was_checked(previews, monkeypatch):
    studio, card = guarded(monkeypatch)
    studio.guard(card.name, Guard(lambda: Parts(checker(), extractor(), marker()), previews))
    *_, result = studio.run(sample(steps="4"))
    studio.engine.close()
    end = ((result.pictures + 1) * 127.5).round().to(torch.uint8)
    assert torch.equal(result.film[-1].x, end) and torch.equal(result.film[-1].x0, end)


@pytest.mark.usefixtures("_installed")
def test_what_is_withheld_is_in_no_strip_either_whatever_previews_are(monkeypatch):
    class Picky(torch.nn.Linear):
        def forward(self, clip_input, images):
            return images, [place == 1 for place in range(len(images))], [False] * len(images)

    studio, card = guarded(monkeypatch)
    studio.guard(card.name, Guard(lambda: Parts(Picky(1, 1), extractor()), "open"))
    *_, result = studio.run(sample(steps="4", count=3))
    studio.engine.close()
    assert result.captions == ("seed 0", WITHHELD, "seed 2")
    for kept in result.film:
        for x in (kept.x, kept.x0):
            assert x is None or (not x[1].any() and x[0].any() and x[2].any())
