"""DeepFloyd's filter and mark: what leaves the studio has passed both, and previews show little."""

import pytest
import torch
from diffusers.pipelines.deepfloyd_if import IFSafetyChecker, IFWatermarker
from fakes import FakeStudio
from transformers import CLIPConfig, CLIPImageProcessor

from diffusion_core import safety
from diffusion_core.estimates import Card
from diffusion_core.faults import ModelError
from diffusion_core.recipes import SCHEMAS, Recipe
from diffusion_core.safety import WITHHELD, Guard, Parts
from diffusion_core.techniques import TECHNIQUES
from diffusion_core.text_recipes import TEXT_SCHEMAS
from diffusion_core.text_techniques import TEXT_TECHNIQUES


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


def test_the_loader_reads_what_deepfloyd_saves(tmp_path):
    checker(unsafe=10.0).save_pretrained(tmp_path / "safety_checker")
    extractor().save_pretrained(tmp_path / "feature_extractor")
    marker().save_pretrained(tmp_path / "watermarker")
    assert Guard(safety.loader(str(tmp_path))).check(pictures()).withheld == (True, True)


def test_what_a_guarded_network_made_is_checked_before_anyone_sees_it(monkeypatch):
    card = Card("licensed/I", "eps", (3, 64, 64), "if-cosine", spread=True, threshold=(0.95, 1.5))
    monkeypatch.setitem(SCHEMAS, "text-sample", TEXT_SCHEMAS["text-sample"])
    monkeypatch.setitem(TECHNIQUES, "text-sample", TEXT_TECHNIQUES["text-sample"])
    studio = FakeStudio()
    studio.register(card, None)
    recipe = Recipe.of("text-sample", model="licensed", prompt="1", negative="2", steps="4", count=2)
    *_, free = studio.run(recipe)
    studio.guard(card.name, Guard(lambda: Parts(checker(unsafe=10.0), extractor())))
    *frames, result = studio.run(recipe)
    studio.engine.close()
    assert free.pictures.std() > 0.1 and free.captions == ("seed 0", "seed 1")
    assert (result.pictures == -1).all() and result.captions == (WITHHELD, WITHHELD)
    shown = [x for frame in frames for x in (frame.x, frame.x0) if x is not None]
    shown += [x for kept in result.film for x in (kept.x, kept.x0) if x is not None]
    for x in shown:
        squares = x.unflatten(-1, (16, 4)).unflatten(-3, (16, 4))
        assert (squares == squares[..., :1, :, :1]).all(), "a preview that shows more than 16 x 16 pixels"
