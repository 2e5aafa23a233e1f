"""What the page makes of results of text models: small beside large, tables, and what a caption says."""

import pytest
from fakes import CASCADE
from PIL import ImageChops
from text_house import text_techniques_installed as _installed  # noqa: F401

from diffusion_core.images import convert, grid
from diffusion_core.recipes import Recipe
from tabs import denoise, guidance, text_to_picture
from tabs.components import text_results
from tabs.session import messages

pytestmark = pytest.mark.usefixtures("_installed")


def made(studio, technique, **values):
    *_, result = studio.run(Recipe.of(technique, **{"steps": "30", "steps_2": "5"} | values))
    return result


def test_the_small_picture_of_a_cascade_is_what_stage_one_makes_alone(fake_studio):
    alone = made(fake_studio, "text-sample", count=2)
    assert text_results.small_of(alone) is None
    cascade = made(fake_studio, "text-sample", count=2, enlarge="yes")
    small, side = text_results.small_of(cascade), CASCADE[0].shape[-1]
    assert [picture.size for picture in small] == [(side, side)] * 2
    for one, other in zip(small, text_results.pictures_of(alone)):
        assert max(high for _, high in ImageChops.difference(one, other).getextrema()) <= 1
    html = text_results.laid_out(cascade)
    assert html.count("<img") == 4 and "seed 0, 16 × 16" in html and "seed 1, 32 × 32" in html
    assert text_results.small_and_large(cascade).width > 2 * 32


def test_denoising_is_scored_against_the_picture(fake_studio):
    result = made(fake_studio, "text-denoise", ts=[100, 900], count=2, steps="stride 300")
    scores = denoise.scores(fake_studio, result)
    assert len(scores) == len(result.pictures) == 2 * 4 * 2
    for block in (scores[:8], scores[8:]):
        for column in (block[::2], block[1::2]):  # one best PSNR and one best SSIM in each
            assert sum(word.count("<b>") for word in column) == 2
    noisy = convert.to_tensor(text_results.pictures_of(result)[0])
    assert denoise.decibels(denoise.psnr(noisy, denoise.clean(fake_studio, result)))[:3] in scores[0]
    assert denoise.beside(("a", "b"))(result.recipe) == ["seed 0, a", "seed 0, b", "seed 1, a", "seed 1, b"]


def test_heads_of_tables():
    assert text_to_picture.columns(Recipe.of("text-steps", counts="5, fast27")) == ["5 steps", "fast27"]
    wanted = Recipe.of("text-gamma-sweep", gammas="0, 1, 7.5")
    assert guidance.columns(wanted) == ["gamma 0, no words", "gamma 1, unguided", "gamma 7.5"]
    assert text_results.seeds(wanted) == [""]
    assert text_results.seeds(wanted.changed(count=2, seed=4)) == ["seed 4", "seed 5"]


def test_notices_are_text_not_markup():
    assert "<b>" not in messages.notes(["cut: <b>bold</b>"])


@pytest.mark.parametrize("count, columns, wanted", [(1, 1, 1), (3, 3, 3), (4, 4, 2), (5, 5, 3), (8, 4, 4)])
def test_a_long_row_is_broken_for_a_square_pane(count, columns, wanted):
    assert grid.squarish(count, columns) == wanted
