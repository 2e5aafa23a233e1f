"""Ranking: the gain of a prompt is what it should be, and a sheet lies in the order of its worst readings."""

import pytest
import torch
from fakes import CASCADE, FakeStudio, played, with_examples
from text_house import CARDS, PHOTO, eps_of
from text_house import answer as house_answer
from text_house import sheets_installed as _installed  # noqa: F401  the fixture

from diffusion_core import ranking
from diffusion_core.estimates import Answer, Ask
from diffusion_core.filters import frequencies
from diffusion_core.images import convert
from diffusion_core.levels import schedule
from diffusion_core.ranking import Reading, Scored
from diffusion_core.recipes import Recipe, RecipeError
from diffusion_core.samplers import Rng
from diffusion_core.techniques import contact_sheet
from diffusion_core.techniques.cascade import telling
from diffusion_core.views import view

pytestmark = pytest.mark.usefixtures("_installed")
CARD = CARDS["tiny/I"]
TS = [300, 700]
TINY = {"steps": "4", "steps_2": "3"}


@pytest.fixture
def studio():
    studio = with_examples(FakeStudio())
    for card in CASCADE:
        studio.register(card, None)
    yield studio
    studio.engine.close()


def noise(count: int, seed: int = 0) -> torch.Tensor:
    return Rng(range(seed, seed + count)).normal(CARD.shape).clamp(-1, 1)


def gains(pictures, readings, ts=TS, draws=1, answer=house_answer):
    return played(ranking.gains(pictures, CARD, readings, ts, telling(len(pictures)), draws), answer)


def knowing(known: dict[str, torch.Tensor]):
    """The exact denoiser of a few pictures, each with its words: it knows the noise if it is told the right
    ones, and without words it takes the likeliest picture (Gaussian posterior over all)."""

    def answer(ask: Ask) -> Answer:
        rows = []
        for x, label in zip(ask.x, ask.cond.labels):
            every = torch.stack(list(known.values())) if label not in known else known[label][None]
            off = (x - ask.level.alpha * every).square().sum((1, 2, 3)) / (2 * ask.level.sigma**2)
            x0 = (torch.softmax(-off, 0)[:, None, None, None] * every).sum(0)
            rows.append((x - ask.level.alpha * x0) / ask.level.sigma)
        return Answer(torch.stack(rows))

    return answer


# --- the gain -------------------------------------------------------------------------------------------


def test_the_gain_is_its_equation():
    pictures, turned = noise(2), view("half_turn", base=16)
    high = frequencies(2.0)[1]
    readings = [Reading("as it is", "a dog"), Reading("turned", "a campfire", look=turned, part=high)]
    _, table = gains(pictures, readings, draws=2)
    rng, wanted = Rng([ranking.NOISE]), torch.zeros(2, 2, 2)
    for t in TS:
        level, draws = schedule("if-cosine")[t], [rng.normal(CARD.shape) for _ in range(2)]

        def error(x0, part, label, level=level, draws=draws):
            return sum(
                part(eps - eps_of(level.alpha * x0 + level.sigma * eps, level.t, label)).square().mean()
                for eps in draws
            )

        for b, x0 in enumerate(pictures):
            for i, (seen, part) in enumerate(((x0, lambda e: e), (turned(x0), high))):
                for j, prompt in enumerate(("a dog", "a campfire")):
                    share = 1 - error(seen, part, prompt) / error(seen, part, "")
                    wanted[b, i, j] += share / len(TS)
    torch.testing.assert_close(table, wanted, rtol=1e-4, atol=1e-5)


def test_the_right_words_gain_and_the_wrong_ones_lose():
    """With a denoiser that knows both pictures: the anagram is A, and upside down it is B."""
    turned = view("half_turn", base=16)
    a = noise(1)[0]
    known = {"a": a, "b": turned(a), "c": noise(1, seed=9)[0]}
    readings = [Reading("as it is", "a"), Reading("turned", "b", look=turned), Reading("as it is", "c")]
    _, table = gains(a[None], readings, ts=[990], answer=knowing(known))
    assert table[0, 0, 0] > 0.99 and table[0, 1, 1] > 0.99  # told all, it errs no more
    assert table[0, 0, 1] < 0 and table[0, 0, 2] < 0 and table[0, 2, 2] < 0  # misled


def test_a_band_is_scored_by_its_own_part_of_the_noise():
    """The far prompt is judged by coarse noise only: what its error is in the fine part does not matter."""
    low, high = frequencies(8.0)
    readings = [Reading("far", "far", part=low), Reading("near", "near", part=high)]

    squares = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1  # the finest detail, and no shape
    wrong = {"far": squares, "near": torch.ones(16, 16), "": 0.3 * torch.ones(16, 16) + 0.3 * squares}

    def answer(ask: Ask) -> Answer:
        eps = (ask.x - ask.level.alpha * pictures) / ask.level.sigma
        return Answer(eps + wrong[ask.cond.labels[0]])

    pictures = noise(3)
    steps, table = gains(pictures, readings, answer=answer)
    assert table.diagonal(dim1=1, dim2=2).min() > 0.95
    assert table[:, 0, 1].max() < -5 and table[:, 1, 0].max() < -5
    assert [len(step.asks) for step in steps] == [3, 3]  # one look: each prompt once, and none


def test_nothing_is_asked_twice_and_nothing_depends_on_neighbours():
    pictures, turned = noise(3), view("half_turn", base=16)
    readings = [Reading("one", "a dog"), Reading("two", "A  dog", look=turned), Reading("three", "a cat")]
    steps, table = gains(pictures, readings, draws=2)
    assert len(steps) == 4 and {step.of for step in steps} == {4}
    assert [[(a.rows, a.cond.labels[0]) for a in step.asks] for step in steps] == [
        [(3, "a dog"), (3, "a cat"), (3, "")] * 2
    ] * 4
    for k in range(3):
        torch.testing.assert_close(gains(pictures[k : k + 1], readings, draws=2)[1][0], table[k])
    asked = ranking.gains(pictures, CARD, readings, TS, telling(len(pictures)), 2)
    assert [len(step.asks) for step in asked] == [6] * 4  # unanswered


def test_large_pictures_are_scored_as_small_ones():
    small, readings = noise(1), [Reading("one", "a dog")]
    large = small.repeat_interleave(4, -1).repeat_interleave(4, -2)
    steps, table = gains(large, readings)
    torch.testing.assert_close(table, gains(small, readings)[1])
    assert steps[0].x.shape == steps[0].x0.shape == large.shape


# --- the sheets -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("enlarge", ["no", "yes"])
@pytest.mark.parametrize("name", contact_sheet.SHEETS)
def test_a_sheet_is_the_technique_for_many_seeds_in_the_order_of_the_scores(name, enlarge, studio):
    recipe = Recipe.of(name, count=5, seed=3, enlarge=enlarge, **TINY)
    cost, (*frames, result) = studio.cost(recipe), studio.run(recipe)
    assert cost.rows == sum(fake.rows for fake in studio.fakes.values())
    assert cost.calls == frames[-1].of == (4 + 3 * (enlarge == "yes")) + 3
    captions = result.captions
    assert all(isinstance(caption, Scored) for caption in captions)
    assert sorted(caption.seed for caption in captions) == [3, 4, 5, 6, 7]
    scores = [caption.score for caption in captions]
    assert scores == sorted(scores, reverse=True)
    assert all(
        c.score == min(c.readings) == min(c.gains[k][k] for k in range(len(c.gains))) for c in captions
    )
    best = contact_sheet.alone(recipe, seed=captions[0].seed, count=1)
    *_, alone = studio.run(best)
    assert best.technique == name.removesuffix("-sheet")
    torch.testing.assert_close(result.pictures[:1], alone.pictures, rtol=0, atol=1e-4)


def test_captions_say_rank_seed_and_the_worst_reading():
    scored = Scored.of(2, 17, torch.tensor([[0.05, -0.1], [0.0, 0.031]]))
    assert scored == "2. seed 17, +3.1%" and scored.seed == 17
    assert scored.readings == pytest.approx((0.05, 0.031)) and scored.score == pytest.approx(0.031)


def test_a_sheet_survives_json_and_link_and_says_what_is_wrong():
    for name in contact_sheet.SHEETS:
        recipe = (
            Recipe.of(name, scored_at=[100, 900], draws=4, picture=convert.to_uri(PHOTO))
            if ("photo" in name)
            else Recipe.of(name, scored_at=[100, 900], draws=4)
        )
        assert recipe == Recipe.from_json(recipe.to_json()) == Recipe.from_link(recipe.to_link())
    with pytest.raises(RecipeError, match="Scored at t: 0 is out of range"):
        Recipe.of("text-anagram-sheet", scored_at=[0])


@pytest.mark.parametrize(
    "name, values",
    [
        ("text-anagram-sheet", {"prompts": "a dog", "views": "identity, half_turn"}),
        ("text-hybrid-sheet", {"prompts": "a dog"}),
    ],
)
def test_too_few_prompts_get_a_sentence_before_anything_runs(name, values, studio):
    with pytest.raises(RecipeError, match="need as many prompts"):
        studio.cost(Recipe.of(name, **values))
