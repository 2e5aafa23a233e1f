"""Techniques on text models against the published equations, written out by hand."""

import pytest
import torch
from diffusers import DDPMScheduler
from text_house import eps_of, made, spread_of
from text_house import text_techniques_installed as _installed  # noqa: F401
from tiny_if import scheduler

from diffusion_core.filters import bank
from diffusion_core.levels import schedule
from diffusion_core.samplers import Rng, ancestral, ancestral_as_published, climb, dpmpp_2m
from diffusion_core.techniques.cascade import solver_of
from diffusion_core.views import view

pytestmark = pytest.mark.usefixtures("_installed")

# --- the published equations, written out -------------------------------------------------------------


def published(x, prompts, looks, undo, undo_spread, band=None, gamma=7.0, in_turns=False, steps=8, seed=0):
    """Visual Anagrams' and Factorized Diffusion's loop on diffusers' scheduler: look, guide, undo, reduce.

    looks, undo, undo_spread: a function per prompt; band: a filter per prompt whose results are summed,
    else the mean is taken, or one after the other.
    """
    ddpm: DDPMScheduler = scheduler(1.5)
    ddpm.set_timesteps(steps)
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(x.shape, generator=generator)
    for i, t in enumerate(ddpm.timesteps.tolist()):
        eps, spreads = [], []
        for prompt, look, back, back_spread in zip(prompts, looks, undo, undo_spread):
            seen = look(x)
            null, told = eps_of(seen[0], t, "")[None], eps_of(seen[0], t, prompt)[None]
            eps.append(back(null + gamma * (told - null)))
            spreads.append(back_spread(spread_of(seen[0], prompt)[None]))
        if in_turns:
            merged, spread = eps[i % len(eps)], spreads[i % len(eps)]
        elif band is None:
            merged, spread = sum(eps) / len(eps), sum(spreads) / len(spreads)
        else:
            merged, spread = sum(f(e) for f, e in zip(band, eps)), sum(spreads) / len(spreads)
        x = ddpm.step(torch.cat([merged, spread], 1), t, x, generator=generator).prev_sample
    return x


TWO = ["an old man", "people around a campfire"]


@pytest.mark.parametrize("way, in_turns", [("averaged", False), ("in turns", True)])
@pytest.mark.parametrize("name", ["half_turn", "quarter_turn_cw", "negate", "jigsaw", "pixel_permutation"])
def test_an_anagram_is_that_of_the_paper(name, way, in_turns):
    turned = view(name, 0, 16)
    expected = published(
        torch.empty(1, 3, 16, 16),
        TWO,
        looks=[lambda x: x, turned],
        undo=[lambda x: x, turned.inverse],
        undo_spread=[lambda x: x, turned.inverse_unsigned],
        in_turns=in_turns,
    )
    _, ours = made("text-anagram", prompts="\n".join(TWO), views=f"identity, {name}", together=way)
    torch.testing.assert_close(ours, expected, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    "bands, sigma",
    [
        ("low/high", 2.0),
        ("low/high", 5.0),
        ("low/medium/high", 3.0),
        ("grey/colour", 2.0),
        ("moving/still", 2.0),
    ],
)
def test_a_hybrid_is_that_of_the_paper(bands, sigma):
    filters = bank(bands, sigma)
    prompts, same = [*TWO, "a campfire"][: len(filters)], [lambda x: x] * len(filters)
    expected = published(torch.empty(1, 3, 16, 16), prompts, same, same, same, band=filters)
    _, ours = made("text-hybrid", prompts="\n".join(prompts), bands=bands, sigma=sigma)
    torch.testing.assert_close(ours, expected, rtol=0, atol=2e-5)


def test_where_a_hybrid_parts_its_frequencies_matters():
    low, high = (made("text-hybrid", prompts="\n".join(TWO), sigma=sigma)[1] for sigma in (2.0, 5.0))
    assert (low - high).abs().max() > 0.05


def test_an_anagram_weighs_its_views():
    """eps = sum_v w_v view_v^-1(eps_v), checked on the first step's x0^."""
    turned = view("vertical_flip", 0, 16)
    steps, _ = made(
        "text-anagram", prompts="3 * a\nbb", views="identity, vertical_flip", gamma=1, maths="course"
    )
    x, level = steps[0].x[0], steps[0].level
    eps = 0.75 * eps_of(x, level.t, "a") + 0.25 * turned.inverse(eps_of(turned(x), level.t, "bb"))
    torch.testing.assert_close(steps[1].x0[0], (x - level.sigma * eps) / level.alpha, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("count", [3, 4, 6])
def test_an_anagram_may_have_many_views(count):
    names = ["identity", "half_turn", "negate", "skew", "inner_circle", "square_hinge"][:count]
    prompts = ["a", "bb", "ccc", "dddd", "eeeee", "ffffff"][:count]
    turned = [view(name, 0, 16) for name in names]
    expected = published(
        torch.empty(1, 3, 16, 16),
        prompts,
        looks=turned,
        undo=[v.inverse for v in turned],
        undo_spread=[v.inverse_unsigned for v in turned],
    )
    _, ours = made("text-anagram", prompts="\n".join(prompts), views=", ".join(names))
    torch.testing.assert_close(ours, expected, rtol=0, atol=5e-5)


@pytest.mark.parametrize("name", ["jigsaw", "negate", "pixel_permutation"])
def test_an_anagram_at_stage_2_is_the_same_equation_told_the_small_picture(name):
    """The last step at 64 pixels, without threshold: x0^ = (x - sigma eps) / alpha is the picture."""
    values = {"prompts": "\n".join(TWO), "views": f"identity, {name}", "enlarge": "yes", "maths": "course"}
    steps, ours = made("text-anagram", **values)
    x, level, beside = steps[-1].x[0], steps[-1].level, steps[-1].asks[0].cond.beside[0]
    eps = 0
    for prompt, v in zip(TWO, (view("identity"), view(name, 0, 16))):
        null, told = (eps_of(v(x), level.t, p, v(beside)) for p in ("", prompt))
        eps = eps + v.inverse(null + 4 * (told - null)) / 2
    torch.testing.assert_close(ours[0], (x - level.sigma * eps) / level.alpha, rtol=0, atol=1e-4)


@pytest.mark.parametrize("bands", ["low/high", "grey/colour", "moving/still"])
def test_a_hybrid_at_stage_2_is_the_same_equation_told_the_small_picture(bands):
    values = {"prompts": "\n".join(TWO), "bands": bands, "enlarge": "yes", "maths": "course"}
    steps, ours = made("text-hybrid", **values)
    x, level, beside = steps[-1].x[0], steps[-1].level, steps[-1].asks[0].cond.beside[0]
    null, *told = (eps_of(x, level.t, p, beside) for p in ("", *TWO))
    eps = sum(band((null + 4 * (each - null))[None])[0] for band, each in zip(bank(bands), told))
    torch.testing.assert_close(ours[0], (x - level.sigma * eps) / level.alpha, rtol=0, atol=1e-4)


def test_arithmetic_is_composable_diffusion():
    """eps = eps(null) + gamma sum_k w_k (eps(p_k) - eps(null)); checked on the first step's x0^."""
    steps, _ = made("text-arithmetic", prompts="a dog\n0.5 * snow\n-0.25 * people", gamma=4, maths="course")
    x, level = steps[0].x[0], steps[0].level
    null = eps_of(x, level.t, "")
    parts = [(1.0, "a dog"), (0.5, "snow"), (-0.25, "people")]
    eps = null + 4 * sum(w * (eps_of(x, level.t, p) - null) for w, p in parts)
    torch.testing.assert_close(steps[1].x0[0], (x - level.sigma * eps) / level.alpha, rtol=1e-4, atol=1e-3)


def test_one_prompt_of_weight_1_is_plain_guidance():
    _, plain = made("text-sample", prompt="a dog")
    _, summed = made("text-arithmetic", prompts="a dog")
    torch.testing.assert_close(summed, plain, rtol=0, atol=1e-5)


def test_exact_coefficients_and_published_ones_differ_only_by_rounding():
    levels, rng = schedule("if-cosine"), Rng([0])
    x, x0, v = (rng.normal((3, 8, 8)) for _ in range(3))
    for here, there in ((900, 800), (500, 470), (30, 20)):
        exact = ancestral(x, x0, levels[here], levels[there], v, Rng([1]))
        rounded = ancestral_as_published(x, x0, levels[here], levels[there], v, Rng([1]))
        torch.testing.assert_close(rounded, exact, rtol=0, atol=2e-4)


def test_a_solver_with_a_memory_begins_anew_where_repaint_has_climbed():
    """What DPM++ 2M remembers belongs to another level; its next step is that of a fresh solver."""
    a, b, c = (schedule("if-cosine")[t] for t in (800, 600, 400))
    x, x0, rng = *(Rng([k]).normal((3, 8, 8)) for k in (0, 1)), Rng([2])
    solver, plain = solver_of("dpm++ 2m"), dpmpp_2m()
    for here, there in ((a, b), (b, c)):
        x, expected = solver(x, x0, here, there, None, rng), plain(x, x0, here, there, None, rng)
        torch.testing.assert_close(x, expected)
        x0 = 0.5 * x0
    x = climb(x, c, b, rng)
    torch.testing.assert_close(solver(x, x0, b, c, None, rng), dpmpp_2m()(x, x0, b, c, None, rng))
    assert (plain(x, x0, b, c, None, rng) - dpmpp_2m()(x, x0, b, c, None, rng)).abs().max() > 0.01
