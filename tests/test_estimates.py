"""Estimates resolve the identity, ask no more than they must, and equal the papers' formulas."""

from dataclasses import replace

import pytest
import torch
from fakes import TINY, FakeNetwork, fake_answer

from diffusion_core.estimates import Card, Condition, Estimate, eps_from, given, guided, mean, x0_from
from diffusion_core.filters import BANKS, bank
from diffusion_core.levels import Level, noised, schedule
from diffusion_core.views import VIEWS, view

CARD = Card("fake", "eps", (3, 64, 64), "if-cosine")
LEVEL = schedule("if-cosine")[500]
NULL, CAT, DOG = (Condition((label,) * 2) for label in (None, 1, 2))
LOW, HIGH = bank("low/high")
TURN, NEGATE = view("quarter_turn_cw"), view("negate")


@pytest.fixture
def x():
    return torch.randn(2, 3, 64, 64, dtype=torch.float64)


def f(x, cond):
    """What the network answers at LEVEL, written short."""
    return fake_answer(given(CARD, cond).asks(x, LEVEL)[0]).prediction


def merged(estimate: Estimate, x):
    return estimate.merged([fake_answer(ask) for ask in estimate.asks(x, LEVEL)])


def hybrid(far: Estimate, near: Estimate) -> Estimate:
    return far.after(LOW) + near.after(HIGH)


# the law


@pytest.mark.parametrize("gamma", [-1.0, 0.0, 1.0, 5.0, 20.0])
def test_guidance_resolves_the_identity(gamma, x):
    assert guided(CARD, CAT, NULL, gamma).defect(x) < 1e-12


@pytest.mark.parametrize("name", VIEWS)
def test_an_anagram_resolves_the_identity(name, x):
    parts = [guided(CARD, CAT, NULL, 7.0).seen(view(each)) for each in ("identity", name)]
    assert mean(parts).defect(x) < 1e-12


@pytest.mark.parametrize("name", BANKS)
def test_a_hybrid_resolves_the_identity(name, x):
    parts = [guided(CARD, cond, NULL, 7.0).after(each) for cond, each in zip((CAT, DOG, NULL), bank(name))]
    whole = sum(parts[1:], parts[0])
    assert whole.defect(x) < 1e-12
    assert mean([whole, whole.seen(TURN)]).defect(x) < 1e-12


@pytest.mark.parametrize(
    "broken",
    [
        given(CARD, CAT).after(LOW) + given(CARD, DOG).after(LOW),
        given(CARD, CAT).seen(TURN) + given(CARD, DOG).seen(NEGATE),
        7.0 * given(CARD, CAT) + -7.0 * given(CARD, NULL),
    ],
    ids=["one filter twice", "a sum for a mean", "guidance without its base"],
)
def test_a_broken_estimate_is_caught(broken, x):
    assert broken.defect(x) > 0.1


# the formulas


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 7.5])
def test_guidance_is_the_usual_formula(gamma, x):
    expected = f(x, NULL) + gamma * (f(x, CAT) - f(x, NULL))
    torch.testing.assert_close(merged(guided(CARD, CAT, NULL, gamma), x), expected, rtol=0, atol=1e-12)


def test_an_anagram_is_the_mean_of_what_is_seen_turned_back(x):
    ours = merged(mean([given(CARD, CAT).seen(TURN), given(CARD, DOG).seen(NEGATE)]), x)
    expected = (f(x.rot90(-1, (-2, -1)), CAT).rot90(1, (-2, -1)) - f(-x, DOG)) / 2
    torch.testing.assert_close(ours, expected, rtol=0, atol=1e-12)


def test_a_hybrid_is_low_of_one_and_high_of_the_other(x):
    ours = merged(hybrid(guided(CARD, CAT, NULL, 7.0), guided(CARD, DOG, NULL, 7.0)), x)
    far, near = (-6 * f(x, NULL) + 7 * f(x, cond) for cond in (CAT, DOG))
    torch.testing.assert_close(ours, LOW(far) + near - LOW(near), rtol=0, atol=1e-11)


def test_what_is_pulled_alike_is_added_first_and_pulled_once(x):
    """Pulling is linear; a guided hybrid filters twice, not four times."""
    pulled = []

    def counted(each):
        def apply(prediction):
            pulled.append(each.name)
            return each(prediction)

        return apply

    parts = [guided(CARD, cond, NULL, 7.0).after(counted(f)) for cond, f in ((CAT, LOW), (DOG, HIGH))]
    expected = merged(hybrid(guided(CARD, CAT, NULL, 7.0), guided(CARD, DOG, NULL, 7.0)), x)
    torch.testing.assert_close(merged(parts[0] + parts[1], x), expected, rtol=0, atol=1e-12)
    assert pulled == ["low", "high"]


def test_weights_that_cancel_leave_the_difference(x):
    """Weights may add up to anything, 0 too."""
    for w in (3.0, 2.0):
        ours = merged(3.0 * given(CARD, CAT) + -w * given(CARD, DOG), x)
        torch.testing.assert_close(ours, 3 * f(x, CAT) - w * f(x, DOG), rtol=0, atol=1e-12)


def test_filters_and_views_work_in_the_order_they_are_written(x):
    """A blur to the side does not commute with a quarter turn."""
    sideways = bank("moving/still")[0]
    turned = f(TURN(x), CAT)
    seen_last = merged(given(CARD, CAT).after(sideways).seen(TURN), x)
    seen_first = merged(given(CARD, CAT).seen(TURN).after(sideways), x)
    torch.testing.assert_close(seen_last, TURN.inverse(sideways(turned)), rtol=0, atol=1e-12)
    torch.testing.assert_close(seen_first, sideways(TURN.inverse(turned)), rtol=0, atol=1e-12)
    assert (seen_last - seen_first).abs().max() > 0.01


def test_a_view_within_a_view(x):
    skew = view("skew")
    twice = given(CARD, CAT).seen(skew).seen(TURN)  # somebody turns x, and shows it to one who skews it
    expected = TURN.inverse(skew.inverse(f(skew(TURN(x)), CAT)))
    assert twice.defect(x) < 1e-12
    torch.testing.assert_close(merged(twice, x), expected, rtol=0, atol=1e-12)


# what is asked


def test_equal_questions_are_asked_once_and_about_one_x(x):
    asks = hybrid(guided(CARD, CAT, NULL, 7.0), guided(CARD, DOG, NULL, 7.0)).asks(x, LEVEL)
    assert sorted(str(ask.cond.labels[0]) for ask in asks) == ["1", "2", "None"]
    assert all(ask.x is x and ask.level is LEVEL and ask.network == "fake" for ask in asks)


def test_those_who_look_alike_share_what_they_see(x):
    asks = mean([guided(CARD, cond, NULL, 7.0).seen(v) for cond, v in ((CAT, TURN), (DOG, NEGATE))]).asks(
        x, LEVEL
    )
    assert len(asks) == 4 and len({id(ask.x) for ask in asks}) == 2


@pytest.mark.parametrize("gamma, label", [(0.0, None), (1.0, 1)])
def test_at_gamma_0_and_1_one_question_is_enough(gamma, label, x):
    (ask,) = guided(CARD, CAT, NULL, gamma).asks(x, LEVEL)
    assert ask.cond.labels == (label, label)


def test_conditions_with_other_pictures_beside_them_are_other_questions(x):
    beside = [replace(CAT, beside=torch.full_like(x, value), noise=0.25) for value in (0.0, 1.0)]
    assert len((given(CARD, beside[0]) + given(CARD, beside[1])).asks(x, LEVEL)) == 2
    assert len((given(CARD, beside[0]) + given(CARD, beside[0])).asks(x, LEVEL)) == 1


def test_a_view_turns_the_picture_beside_x_too(x):
    told = replace(CAT, beside=torch.randn_like(x), noise=0.25)
    (ask,) = given(CARD, told).seen(TURN).seen(NEGATE).asks(x, LEVEL)
    assert torch.equal(ask.cond.beside, -told.beside.rot90(-1, (-2, -1)))
    assert ask.cond.labels == CAT.labels and ask.cond.noise == 0.25


@pytest.mark.parametrize(
    "other", [replace(CARD, predicts="velocity"), replace(CARD, shape=(3, 256, 256))], ids=["space", "size"]
)
def test_only_answers_of_one_kind_can_be_added(other):
    with pytest.raises(ValueError, match="same thing, at one size"):
        given(CARD, CAT) + given(other, CAT)


# the learned variance


def test_the_spread_is_that_of_the_conditional_terms_without_their_sign(x):
    network = FakeNetwork(replace(CARD, spread=True))

    def spread(estimate):
        return estimate.spread(network.answer(estimate.asks(x, LEVEL)))

    def s(x):
        return torch.tanh(2 * x)

    card = network.card
    pair = guided(card, CAT, NULL, 7.0)
    torch.testing.assert_close(spread(pair), s(x))
    torch.testing.assert_close(spread(guided(card, CAT, NULL, 0.0)), s(x))
    turned_back = s(TURN(x)).rot90(1, (-2, -1))
    torch.testing.assert_close(spread(mean([pair.seen(TURN), pair.seen(NEGATE)])), (turned_back + s(-x)) / 2)


def test_the_null_of_guidance_has_no_say_in_the_spread(x):
    estimate = guided(replace(CARD, spread=True), CAT, NULL, 7.0)
    asks = estimate.asks(x, LEVEL)
    answers = [
        fake_answer(ask)._replace(spread=torch.full_like(x, 0.0 if ask.cond is NULL else 0.5)) for ask in asks
    ]
    assert torch.equal(estimate.spread(answers), torch.full_like(x, 0.5))


def test_a_network_without_spread_has_none(x):
    assert (
        guided(CARD, CAT, NULL, 7.0).spread(
            [fake_answer(ask) for ask in [*given(CARD, CAT).asks(x, LEVEL)] * 2]
        )
        is None
    )


# prediction spaces


@pytest.mark.parametrize("level", [schedule("if-cosine")[t] for t in (0, 500, 900)] + [Level(0.3, 0.3, 0.7)])
def test_x0_and_eps_come_back_from_every_prediction(level):
    x0, eps = torch.randn(2, 2, 1, 4, 4, dtype=torch.float64)
    x_t = noised(x0, level, eps)
    straight = level.alpha + level.sigma == 1
    predictions = {"eps": eps, "x0": x0} | ({"velocity": x0 - eps} if straight else {})
    for predicts, prediction in predictions.items():
        torch.testing.assert_close(x0_from(prediction, predicts, x_t, level), x0, rtol=0, atol=1e-10)
    torch.testing.assert_close(eps_from(x0, x_t, level), eps, rtol=0, atol=1e-10)


def test_the_ends_have_no_eps_and_no_x0():
    x = torch.randn(1, 1, 4, 4)
    assert torch.equal(eps_from(x, x, Level(1.0, 1.0, 0.0)), torch.zeros_like(x))
    with pytest.raises(ValueError, match="where alpha is 0"):
        x0_from(x, "eps", x, Level(0.0, 0.0, 1.0))
    assert torch.equal(x0_from(x, "velocity", x, Level(0.0, 0.0, 1.0)), 2 * x)


def test_an_answer_too_few_is_noticed(x):
    with pytest.raises(ValueError):
        guided(TINY, CAT, NULL, 7.0).merged([fake_answer(given(TINY, CAT).asks(x, LEVEL)[0])])
