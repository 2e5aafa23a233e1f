"""Techniques on text models: the published equations written out, call counts, and the laws.

The network is a plain function, see text_house.py; test_parity.py does the same with real ones.
"""

import itertools

import pytest
import torch
from diffusers import DDPMScheduler
from fakes import played
from text_house import PHOTO, House, answer, eps_of, made, recipe, spread_of
from text_house import text_techniques_installed as _installed  # noqa: F401
from tiny_if import scheduler

from diffusion_core import images
from diffusion_core.estimates import Answer, Ask
from diffusion_core.filters import bank, gaussian
from diffusion_core.levels import schedule, strided
from diffusion_core.sampling import Rng, ancestral
from diffusion_core.techniques import plan
from diffusion_core.text_loop import ancestral_as_published, with_jumps
from diffusion_core.text_recipes import TEXT_SCHEMAS, timesteps
from diffusion_core.views import view

pytestmark = pytest.mark.usefixtures("_installed")

# --- every technique ----------------------------------------------------------------------------------

SETTINGS = {
    name: {"enlarge": "yes"} if any(f.name == "enlarge" for f in TEXT_SCHEMAS[name]) else {}
    for name in TEXT_SCHEMAS
}
SETTINGS["text-sdedit"] = {"starts": [1, 3, 5]}
SETTINGS["text-iterative"] = {"start": 2, "enlarge": "yes", "start_2": 1}
SETTINGS["text-steps"] = {"counts": "2, 4"}


@pytest.mark.parametrize("name", TEXT_SCHEMAS)
def test_a_technique_makes_finite_pictures_and_counts_its_steps_through(name):
    steps, pictures = made(name, **SETTINGS[name])
    assert pictures.isfinite().all() and pictures.std() > 0.01
    side = 64 if SETTINGS[name].get("enlarge") or name == "text-enlarge" else 16
    assert pictures.shape[1:] == (3, side, side)
    calls = [step.index for step in steps]
    assert calls == list(range(steps[0].of)) and len({step.of for step in steps}) == 1


@pytest.mark.parametrize("name", TEXT_SCHEMAS)
def test_the_cost_is_counted_without_answers(name):
    """What a process asks does not depend on the answers, so the studio can walk it for nothing."""
    settings = recipe(name, **SETTINGS[name])
    answered, _ = played(plan(settings, House()).process, answer)
    unanswered = list(plan(settings, House()).process)
    assert [[a.rows for a in s.asks] for s in unanswered] == [[a.rows for a in s.asks] for s in answered]


FROM_NOISE = ("text-sample", "text-arithmetic", "text-anagram", "text-hybrid")


@pytest.mark.parametrize("enlarge", ["no", "yes"])
@pytest.mark.parametrize("name", FROM_NOISE)
def test_every_estimate_resolves_the_identity(name, enlarge):
    """Where the network answers x itself, looking and pulling cancel: all techniques are one."""

    def mirror(ask: Ask) -> Answer:
        return Answer(ask.x, torch.zeros_like(ask.x))

    settings = {"enlarge": enlarge, "views": "negate, jigsaw", "maths": "course", "solver": "ddim"}
    pictures = {}
    for each in ("text-sample", name):
        known = {k: v for k, v in settings.items() if k in {f.name for f in TEXT_SCHEMAS[each]}}
        pictures[each] = played(plan(recipe(each, **known), House()).process, mirror)[1]
    torch.testing.assert_close(pictures[name], pictures["text-sample"], rtol=1e-4, atol=1e-4)


def test_pictures_do_not_depend_on_their_neighbours():
    _, three = made("text-sample", count=3, seed=5, enlarge="yes")
    for k in range(3):
        _, alone = made("text-sample", count=1, seed=5 + k, enlarge="yes")
        torch.testing.assert_close(three[k : k + 1], alone, rtol=0, atol=1e-5)


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


@pytest.mark.parametrize("bands", ["low/high", "grey/colour", "moving/still"])
def test_a_hybrid_is_that_of_the_paper(bands):
    same = [lambda x: x] * 2
    expected = published(torch.empty(1, 3, 16, 16), TWO, same, same, same, band=bank(bands))
    _, ours = made("text-hybrid", prompts="\n".join(TWO), bands=bands)
    torch.testing.assert_close(ours, expected, rtol=0, atol=2e-5)


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


# --- what is asked ------------------------------------------------------------------------------------


def asked(technique: str, **values) -> list[str]:
    """The labels of the first step's asks."""
    return [ask.cond.labels[0] for ask in made(technique, **values)[0][0].asks]


def test_the_null_is_asked_once_where_terms_coincide():
    assert asked("text-hybrid", prompts="a skull\nwaterfalls") == ["", "a skull", "waterfalls"]
    assert asked("text-arithmetic", prompts="a dog\nsnow\n-1 * people") == ["", "a dog", "snow", "people"]


def test_gamma_decides_what_is_asked():
    assert asked("text-sample", prompt="a dog", gamma=7, negative="Ugly") == ["ugly", "a dog"]
    assert asked("text-sample", prompt="a dog", gamma=1) == ["a dog"]
    assert asked("text-sample", prompt="a dog", gamma=0) == [""]


def test_stage_2_sees_small_picture_and_x_through_the_same_view():
    steps, _ = made("text-anagram", prompts="a\nb", views="identity, vertical_flip", enlarge="yes")
    plain, _, flipped, _ = steps[-1].asks
    assert torch.equal(flipped.x, plain.x.flip(-2)) and flipped.cond.noise == 250
    assert torch.equal(flipped.cond.beside, plain.cond.beside.flip(-2))


@pytest.mark.parametrize(
    "steps, length, again, calls", [(33, 1, 2, 65), (33, 10, 10, 303), (250, 10, 10, 2410)]
)
def test_repaint_asks_as_often_as_published(steps, length, again, calls):
    path = with_jumps(strided(schedule("if-cosine"), timesteps(str(steps))), length, again)
    assert sum(here.noisier_than(there) for here, there in itertools.pairwise(path)) == calls


def test_repaint_is_the_renoised_way_with_jumps():
    steps, _ = made("text-inpaint", way="repaint", steps="33", jump=1, again=2)
    assert len(steps) == 65
    steps, _ = made("text-inpaint", way="re-noised", steps="33")
    assert len(steps) == 33


# --- what is kept of a photo --------------------------------------------------------------------------


@pytest.mark.parametrize("enlarge", ["no", "yes"])
@pytest.mark.parametrize("way", ["re-noised", "kept clean", "repaint"])
def test_inpainting_keeps_the_known_part_to_the_last_bit(way, enlarge):
    _, ours = made("text-inpaint", way=way, enlarge=enlarge, seed=2)
    side = ours.shape[-1]
    photo = images.to_tensor(images.squared(PHOTO, side))[None]
    assert torch.equal(ours[..., : side // 2], photo[..., : side // 2])
    assert (ours[..., side // 2 :] - photo[..., side // 2 :]).abs().mean() > 0.05


def test_ways_of_inpainting_differ_in_what_the_network_sees():
    clean, renoised = (made("text-inpaint", way=way)[0] for way in ("kept clean", "re-noised"))
    photo = images.to_tensor(images.squared(PHOTO, 16))[None][..., :8]
    for before, after in itertools.pairwise(renoised):
        known = before.x[..., :8]
        assert (known - before.level.alpha * photo).std() == pytest.approx(before.level.sigma, rel=0.25)
        assert not torch.equal(known, after.x[..., :8])
    assert all(torch.equal(step.x[..., :8], photo) for step in clean)


def test_a_hybrid_from_a_photo_has_its_coarse_part_and_a_fine_part_of_its_own():
    low = gaussian(sigma=8.0)
    photo = images.to_tensor(images.squared(PHOTO, 16))[None]
    _, ours = made("text-hybrid-photo", sigma=8)
    _, free = made("text-sample")
    assert low(ours - photo).std() < 0.3 * low(free - photo).std()
    assert (ours - photo).std() > 3 * low(ours - photo).std()


def test_sdedit_keeps_more_of_the_photo_the_later_it_starts():
    _, ours = made("text-sdedit", steps="100", starts=[0, 50, 90, 98], maths="course")
    photo = images.to_tensor(images.squared(PHOTO, 16))
    distances = [float((picture - photo).abs().mean()) for picture in ours]
    assert distances == sorted(distances, reverse=True) and distances[-1] < 0.2


def test_one_step_denoising_is_the_equation():
    _, ours = made("text-one-step", ts=[250, 750], prompt="a dog")
    for k, t in enumerate((250, 750)):
        level, x = schedule("if-cosine")[t], ours[k]
        eps = eps_of(x, t, "a dog")
        torch.testing.assert_close(ours[2 + k], (x - level.sigma * eps) / level.alpha, rtol=0, atol=1e-5)
        noise = (x - level.alpha * images.to_tensor(images.squared(PHOTO, 16))) / level.sigma
        assert noise.std() == pytest.approx(1.0, abs=0.1)
