"""Every text technique at stage I and again at stage II: what it makes, what it asks, and the laws.

The network is a plain function, see text_house.py; test_text_cascade.py does the same with real ones.
"""

import itertools

import pytest
import torch
from fakes import played
from text_house import House, answer, made, recipe
from text_house import text_techniques_installed as _installed  # noqa: F401
from text_settings import BOTH_STAGES, ONLY_STAGE_2, rows_of, settings
from torch.nn.functional import interpolate
from torch.utils._python_dispatch import TorchDispatchMode

from diffusion_core.estimates import Answer, Ask
from diffusion_core.levels import schedule, strided, with_jumps
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.techniques import text
from diffusion_core.techniques.registry import TECHNIQUES, plan
from diffusion_core.techniques.text import TEXT_SCHEMAS
from diffusion_core.techniques.timesteps import timesteps

pytestmark = pytest.mark.usefixtures("_installed")


def planned(name: str, stage: str, **more):
    return plan(recipe(name, **settings(name, stage, **more)), House())


# --- every technique ----------------------------------------------------------------------------------


def test_installing_brings_every_technique_and_may_be_repeated(monkeypatch):
    for table in (SCHEMAS, TECHNIQUES):
        for name in TEXT_SCHEMAS:
            monkeypatch.delitem(table, name)
    for _ in range(2):
        text.install()
        assert set(TEXT_SCHEMAS) <= set(SCHEMAS) & set(TECHNIQUES)
        assert all(TECHNIQUES[name] is text.TEXT_TECHNIQUES[name] for name in TEXT_SCHEMAS)


@pytest.mark.parametrize("name, stage", BOTH_STAGES)
def test_a_technique_makes_finite_pictures_of_the_size_of_its_stage(name, stage):
    made_of = planned(name, stage)
    steps, pictures = played(made_of.process, answer)
    side = 64 if stage == "II" else 16
    assert pictures.shape[1:] == (3, side, side)
    assert pictures.isfinite().all() and pictures.std() > 0.01
    assert len(made_of.captions) in (0, len(pictures)) and 1 <= made_of.columns <= len(pictures)
    assert [step.index for step in steps] == list(range(steps[0].of)) and len(
        {step.of for step in steps}
    ) == 1


@pytest.mark.parametrize("name, stage", BOTH_STAGES)
def test_what_is_asked_can_be_counted_without_answers(name, stage):
    """What a process asks does not depend on the answers, so the studio can walk it for nothing."""
    answered, _ = played(planned(name, stage, count=2).process, answer)
    unanswered = list(planned(name, stage, count=2).process)
    assert [[a.rows for a in s.asks] for s in unanswered] == [[a.rows for a in s.asks] for s in answered]
    assert [s.index for s in unanswered] == [s.index for s in answered]


class Touched(TorchDispatchMode):
    """The bytes of the largest tensor that an operation makes; shapes without pixels have none."""

    most = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        for each in made if isinstance(made, (list, tuple)) else (made,):
            if isinstance(each, torch.Tensor) and not each.is_meta:
                self.most = max(self.most, each.untyped_storage().nbytes())
        return made


ASKING = [name for name in TEXT_SCHEMAS if name not in ("text-noise", "text-blur", ONLY_STAGE_2)]


@pytest.mark.parametrize("name", ASKING)
def test_counting_touches_no_pixels_of_stage_2(name):
    """But for one photo, whatever is counted there is a shape; stage I is a sixteenth."""
    one_large, seeds = 3 * 64 * 64 * torch.float32.itemsize, 8
    steps = planned(name, "II", count=seeds).process
    with Touched() as counted:
        asked = [ask for step in steps for ask in step.asks if ask.network.endswith("/II")]
    assert asked and all(ask.x.is_meta and ask.cond.beside.is_meta for ask in asked)
    assert counted.most < seeds * one_large / 2
    with Touched() as run:
        played(planned(name, "II", count=seeds).process, answer)
    assert run.most >= seeds * one_large


@pytest.mark.parametrize("name, stage", BOTH_STAGES)
def test_pictures_do_not_depend_on_their_neighbours(name, stage):
    """Batched = alone, and each seed has its own rows."""
    _, three = made(name, **settings(name, stage, count=3, seed=5))
    for k, rows in enumerate(three.split(len(three) // 3)):
        _, alone = made(name, **settings(name, stage, count=1, seed=5 + k))
        torch.testing.assert_close(rows, alone, rtol=0, atol=1e-5)
    first, second, _ = three.split(len(three) // 3)
    assert (first - second).abs().max() > 0.1


@pytest.mark.parametrize("name, stage", BOTH_STAGES)
def test_captions_and_columns_lay_a_row_per_seed(name, stage):
    one, three = planned(name, stage, seed=7), planned(name, stage, seed=7, count=3)
    seeds = [f"seed {seed}" for seed in (7, 8, 9)]
    if not one.captions:
        assert three.captions == tuple(seeds) and three.columns == 3
        return
    assert three.columns == one.columns == len(one.captions) // rows_of(name)
    assert three.captions == tuple(f"{seed}, {caption}" for seed in seeds for caption in one.captions)


@pytest.mark.parametrize("name, stage", BOTH_STAGES)
def test_what_is_shown_on_the_way_fills_the_sheet(name, stage):
    """Every step shows as many pictures as fill whole rows of the sheet, and an x0^ as large as x."""
    made_of = planned(name, stage, count=2)
    for step in played(made_of.process, answer)[0]:
        assert len(step.x) % made_of.columns == 0
        assert step.x0 is None or step.x0.shape == step.x.shape


FROM_NOISE = ("text-sample", "text-arithmetic", "text-anagram", "text-hybrid")


@pytest.mark.parametrize("enlarge", ["no", "yes"])
@pytest.mark.parametrize("name", FROM_NOISE)
def test_every_estimate_resolves_the_identity(name, enlarge):
    """Where the network answers x itself, looking and pulling cancel: all techniques are one."""

    def mirror(ask: Ask) -> Answer:
        return Answer(ask.x, torch.zeros_like(ask.x))

    values = {"enlarge": enlarge, "views": "negate, jigsaw", "maths": "course", "solver": "ddim"}
    pictures = {}
    for each in ("text-sample", name):
        known = {k: v for k, v in values.items() if k in {f.name for f in TEXT_SCHEMAS[each]}}
        pictures[each] = played(plan(recipe(each, **known), House()).process, mirror)[1]
    torch.testing.assert_close(pictures[name], pictures["text-sample"], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("solver", ["ancestral", "ddim", "dpm++ 2m"])
@pytest.mark.parametrize("maths", ["diffusers", "course"])
@pytest.mark.parametrize("name", ["text-sample", "text-inpaint", "text-anagram"])
def test_every_solver_and_preset_works_with_every_kind_of_walk(name, maths, solver):
    _, pictures = made(name, **settings(name, "II", maths=maths, solver=solver, eta=0.5))
    assert pictures.isfinite().all() and pictures.std() > 0.01


# --- what is asked ------------------------------------------------------------------------------------


def asked(technique: str, **values) -> list[str]:
    """The labels of the first step's asks."""
    return [ask.cond.labels[0] for ask in made(technique, **values)[0][0].asks]


def test_the_null_is_asked_once_where_terms_coincide():
    assert asked("text-hybrid", prompts="a skull\nwaterfalls") == ["", "a skull", "waterfalls"]
    assert asked("text-arithmetic", prompts="a dog\nsnow\n-1 * people") == ["", "a dog", "snow", "people"]
    same = made("text-hybrid", prompts="a skull\nA  Skull", bands="grey/colour", enlarge="yes")[0]
    assert {tuple(ask.cond.labels[0] for ask in step.asks) for step in same} == {("", "a skull")}


def test_gamma_decides_what_is_asked():
    assert asked("text-sample", prompt="a dog", gamma=7, negative="Ugly") == ["ugly", "a dog"]
    assert asked("text-sample", prompt="a dog", gamma=1) == ["a dog"]
    assert asked("text-sample", prompt="a dog", gamma=0) == [""]


@pytest.mark.parametrize("name", ["text-sdedit", "text-iterative", "text-sample"])
def test_without_a_prompt_the_null_alone_is_asked(name):
    """Both prompts empty: (1 - gamma) eps(null) + gamma eps(null) = eps(null), one ask."""
    steps, _ = made(name, **settings(name, "II", prompt=""))
    plain, _ = made(name, **settings(name, "II", prompt="", gamma=1, gamma_2=1))
    for step, without_guidance in zip(steps, plain):
        assert {label for ask in step.asks for label in ask.cond.labels} == {""}
        assert len(step.asks) == len(without_guidance.asks)


def test_stage_2_sees_small_picture_and_x_through_the_same_view():
    steps, _ = made("text-anagram", prompts="a\nb", views="identity, vertical_flip", enlarge="yes")
    plain, _, flipped, _ = steps[-1].asks
    assert torch.equal(flipped.x, plain.x.flip(-2)) and flipped.cond.noise == 250
    assert torch.equal(flipped.cond.beside, plain.cond.beside.flip(-2))


def test_stage_2_goes_on_with_the_noise_of_its_seed():
    """After the noise of stage I: first its own x_T, then that on the small picture, as noisy as said."""
    values = dict(solver="ddim", seed=4)  # draws nothing on the way
    small = made("text-sample", **values)[1]
    steps, _ = made("text-sample", **values, enlarge="yes", noise_level=600)
    large = next(step for step in steps if step.x.shape[-1] == 64)
    generator = torch.Generator().manual_seed(4)
    _, x, eps = (torch.randn(3, side, side, generator=generator)[None] for side in (16, 64, 64))
    up = interpolate(small, (64, 64), mode="bilinear", align_corners=True)
    level = schedule("if-cosine")[600]
    assert torch.equal(large.x, x)
    torch.testing.assert_close(large.asks[0].cond.beside, level.alpha * up + level.sigma * eps)


@pytest.mark.parametrize("stage", ["I", "II"])
def test_another_solver_is_another_picture(stage):
    ways = [
        {"solver": "ancestral"},
        {"solver": "dpm++ 2m"},
        *({"solver": "ddim", "eta": eta} for eta in (0, 1)),
    ]
    pictures = [made("text-sample", **settings("text-sample", stage, **way))[1] for way in ways]
    for one, other in itertools.combinations(pictures, 2):
        assert (one - other).abs().max() > 0.01


@pytest.mark.parametrize("name", [n for n in TEXT_SCHEMAS if n not in ("text-noise", "text-blur")])
def test_stage_2_is_told_what_stage_1_made(name):
    """The small picture lies beside x, as noisy as the recipe says, and the prompts are told again."""
    steps, _ = made(name, **settings(name, "II", noise_level=123))
    large = [ask for step in steps for ask in step.asks if ask.network == "tiny/II"]
    assert large and all(ask.cond.noise == 123 and ask.cond.beside.shape == ask.x.shape for ask in large)
    if name != ONLY_STAGE_2:
        assert any(ask.network == "tiny/I" for step in steps for ask in step.asks)
        small = [ask.cond.labels[0] for step in steps for ask in step.asks if ask.network == "tiny/I"]
        assert set(small) == {ask.cond.labels[0] for ask in large}


@pytest.mark.parametrize(
    "steps, length, again, calls", [(33, 1, 2, 65), (33, 10, 10, 303), (250, 10, 10, 2410)]
)
def test_repaint_asks_as_often_as_published(steps, length, again, calls):
    path = with_jumps(strided(schedule("if-cosine"), timesteps(str(steps))), length, again)
    assert sum(here.noisier_than(there) for here, there in itertools.pairwise(path)) == calls


@pytest.mark.parametrize(
    "values, calls",
    [
        ({"way": "re-noised"}, (33, 12)),
        ({"way": "repaint", "jump": 1, "again": 2, "again_2": 1}, (65, 12)),
        ({"way": "repaint", "jump": 1, "again": 1, "again_2": 2}, (33, 23)),
        ({"way": "repaint", "jump": 3, "again": 2, "again_2": 3}, (63, 30)),
    ],
)
def test_repaint_jumps_at_both_stages(values, calls):
    steps, _ = made("text-inpaint", steps="33", steps_2="12", enlarge="yes", **values)
    small = sum(step.asks[0].network == "tiny/I" for step in steps)
    assert (small, len(steps) - small) == calls
