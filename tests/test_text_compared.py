"""Comparisons on the same seeds: each column is the picture of a plain recipe, at both stages; their film."""

import pytest
import torch
from fakes import CASCADE, FakeStudio, with_examples
from text_house import made, recipe
from text_house import text_techniques_installed as _installed  # noqa: F401
from text_settings import settings

from diffusion_core.filters import as_large
from diffusion_core.levels import schedule, strided
from diffusion_core.loop import Step, ask_once
from diffusion_core.processes import cascade, row_per_seed
from diffusion_core.samplers import dynamic
from diffusion_core.serving import strips
from diffusion_core.techniques.cascade import asked_at

pytestmark = pytest.mark.usefixtures("_installed")

STAGES = pytest.mark.parametrize("enlarge", ["no", "yes"])


def grid(name: str, columns: int, **values) -> torch.Tensor:
    """The pictures of a comparison, [rows, columns, 3, H, W]."""
    return made(name, **values)[1].unflatten(0, (-1, columns))


def same(a: torch.Tensor, b: torch.Tensor) -> None:
    torch.testing.assert_close(a, b, rtol=0, atol=1e-5)


@STAGES
def test_a_column_of_the_gamma_sweep_is_that_gamma_on_the_same_seeds(enlarge):
    """gamma x seed; at stage II no column is guided more than it was at stage I."""
    gammas = [0, 1, 3, 7]
    table = grid("text-gamma-sweep", 4, gammas=gammas, count=2, seed=3, enlarge=enlarge, prompt="a dog")
    for column, gamma in enumerate(gammas):
        values = dict(gamma=gamma, gamma_2=min(gamma, 4), count=2, seed=3, enlarge=enlarge, prompt="a dog")
        same(table[:, column], made("text-sample", **values)[1])


@STAGES
def test_gamma_0_knows_nothing_of_the_prompt(enlarge):
    """Truly unconditional, at both stages; every other column changes with the prompt."""
    one, other = (
        grid("text-gamma-sweep", 3, gammas=[0, 1, 7], enlarge=enlarge, prompt=p)
        for p in ("a dog", "a big cat")
    )
    differences = (one - other).abs().amax((0, 2, 3, 4))
    assert differences[0] == 0 and differences[1:].min() > 0.01


@STAGES
def test_a_column_of_the_step_comparison_is_that_number_of_steps_on_the_same_seeds(enlarge):
    lists = ["5", "10", "20", "40", "100", "stride 250", "fast27"]
    table = grid("text-steps", 7, counts=", ".join(lists), count=2, seed=3, enlarge=enlarge)
    for column, steps in enumerate(lists):
        same(table[:, column], made("text-sample", steps=steps, count=2, seed=3, enlarge=enlarge)[1])


@STAGES
@pytest.mark.parametrize("prompt", ["a rocket", ""])
def test_a_column_of_sdedit_is_the_iterative_denoiser_from_that_start(prompt, enlarge):
    starts, values = (
        [1, 3, 5, 7, 10, 20],
        {"steps": "course", "prompt": prompt, "enlarge": enlarge, "count": 2},
    )
    table = grid("text-sdedit", 6, starts=starts, start_2=1, **values)
    for column, start in enumerate(starts):
        same(table[:, column], made("text-iterative", start=start, start_2=1, **values)[1])


def test_a_value_may_come_twice():
    table = grid("text-gamma-sweep", 3, gammas=[2, 2, 5])
    same(table[:, 0], table[:, 1])


def test_rows_are_seeds_while_it_runs_and_at_the_end():
    """K values of B seeds arrive value by value, and are shown seed by seed."""
    x = torch.arange(6.0).view(6, 1, 1, 1)

    def process():
        yield Step(0, 1, schedule("if-cosine")[0], x, 10 * x, [])
        return x

    turned = row_per_seed(process(), 2)
    step = next(turned)
    assert step.x.flatten().tolist() == [0, 2, 4, 1, 3, 5] and torch.equal(step.x0, 10 * step.x)
    with pytest.raises(StopIteration) as end:
        turned.send([])
    assert torch.equal(end.value.value, step.x)


def test_stage_2_shows_the_small_picture_until_it_has_an_estimate_of_its_own():
    steps, _ = made("text-sample", enlarge="yes", count=2)
    first, second = (step for step in steps if step.x.shape[-1] == 64 and step.index in (8, 9))
    small = made("text-sample", count=2)[1]
    assert torch.equal(first.x0, as_large(small, 64)) and not torch.equal(second.x0, first.x0)
    assert steps[0].x0 is None  # of stage I nothing is known


def test_a_cascade_that_is_given_up_closes_what_runs():
    closed = []

    def process():
        try:
            while True:
                yield Step(0, 1, schedule("if-cosine")[0], torch.zeros(1, 3, 4, 4), None, [])
        finally:
            closed.append(True)

    run = row_per_seed(cascade(process(), 1, ask_once, 1), 1)
    next(run)
    run.close()
    assert closed == [True]


def test_a_network_is_asked_at_every_level_but_climbs():
    levels = schedule("if-cosine")
    path = [*strided(levels, [900, 600])[:2], levels[900], *strided(levels, [600, 300])]
    assert [level.t for level in asked_at(path)] == [900, 900, 600, 300] and asked_at([]) == []


def test_pixels_are_repeated_to_fit_the_larger_stage():
    x = torch.arange(4.0).view(1, 1, 2, 2)
    assert as_large(x, 4)[0, 0].tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 3, 3], [2, 2, 3, 3]]
    assert as_large(x, 2) is not None and torch.equal(as_large(x, 2), x)


# --- the film of a run with both stages -------------------------------------------------------------------


@pytest.fixture
def studio():
    studio = with_examples(FakeStudio())
    for card in CASCADE:
        studio.register(card, None)
    yield studio
    studio.engine.close()


@pytest.mark.parametrize("name", ["text-sample", "text-iterative", "text-gamma-sweep", "text-one-step"])
def test_film_strip_and_movie_hold_both_stages(studio, name):
    values = settings(name, "II", model="built-in", picture="example:Rocket")
    known = {k: v for k, v in values.items() if k in recipe(name).values}
    *_, result = studio.run(recipe(name, **known))
    sides = {kept.x.shape[-1] for kept in result.film}
    assert sides == {16, 32} and result.pictures.shape[-1] == 32
    frames = strips.movie(result)
    assert len(frames) == len(result.film) and len({frame.size for frame in frames}) == 1
    assert min(strips.film_strip(result).size) > 60


def test_the_threshold_takes_a_sheet_of_large_pictures():
    """90 pictures of 256 pixels are more than 2**24 numbers, the most that torch.quantile takes in one line;
    s is a picture's own in any case."""
    x0 = torch.randn(90, 3, 256, 256) * torch.linspace(0.5, 3, 90).view(-1, 1, 1, 1)
    ours = dynamic(0.95, 1.5)(x0)
    for k in (0, 40, 89):
        s = torch.quantile(x0[k].abs().flatten(), 0.95).clamp(1, 1.5)
        torch.testing.assert_close(ours[k], x0[k].clamp(-s, s) / s)
