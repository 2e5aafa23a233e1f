"""From a recipe to a picture: what it costs, what is shown on the way, and what happens when it cannot be."""

import shutil
import threading
import time
from itertools import pairwise

import pytest
import torch
from fakes import FakeNetwork, FakeStudio, drawing, played
from text_house import text_techniques_installed as _installed  # noqa: F401

from benchmarks.mnist import ddpm_loop, flow_loop
from diffusion_core import estimates
from diffusion_core.images import convert, export
from diffusion_core.levels import CLEAN
from diffusion_core.recipes.recipe import SCHEMAS, Recipe, RecipeError
from diffusion_core.samplers import Rng
from diffusion_core.serving.engine import Busy
from diffusion_core.serving.result import Frame, Result, duration
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques.registry import TECHNIQUES
from diffusion_core.techniques.text import TEXT_SCHEMAS
from mnist_models import network, zoo

PHOTO = convert.to_uri(drawing(64))
NEEDED = {"text-inpaint": {"picture": PHOTO, "mask": PHOTO}}
"""What has no default: a mask must be painted."""

OTHERWISE = [
    ("mnist-sample", dict(model="ddpm", digits="42", solver="dpm++ 2m", steps=7)),
    ("mnist-sample", dict(conditioning="time", digits="2x3", steps=3, snapshot="early")),
    ("mnist-sample", dict(gamma=0, digits="123", steps=4)),
    ("mnist-sample", dict(gamma=1, digits="123", steps=4, solver="ddim", model="ddpm")),
    ("mnist-gamma-sweep", dict(gammas=[0, 1, 5], digits="07", steps=5, model="ddpm")),
    ("text-sample", dict(count=2, enlarge="yes", steps="course", steps_2="3")),
    ("text-inpaint", NEEDED["text-inpaint"] | dict(way="repaint", steps="12", jump=3, again=3)),
    ("text-anagram", dict(together="in turns", steps="6", gamma=1)),
]

pytestmark = pytest.mark.usefixtures("_installed")


def result_of(studio: Studio, recipe: Recipe) -> Result:
    *_, result = studio.run(recipe)
    return result


# every technique


def test_every_schema_has_its_technique():
    assert set(TECHNIQUES) == set(SCHEMAS)


@pytest.mark.parametrize(
    "name, values", [*((k, NEEDED.get(k, {})) for k in SCHEMAS | TEXT_SCHEMAS), *OTHERWISE]
)
def test_the_cost_is_what_is_really_asked(name, values, fake_studio):
    recipe = Recipe.of(name, **values)
    cost = fake_studio.cost(recipe)
    result = result_of(fake_studio, recipe)
    assert cost.rows == sum(fake.rows for fake in fake_studio.fakes.values())
    steps, _ = played(
        fake_studio.plan(recipe).process, lambda ask: fake_studio.network(ask.network).answer([ask])[0]
    )
    assert cost.calls == sum(bool(step.asks) for step in steps)
    assert result.pictures.isfinite().all() and result.pictures.dtype == torch.float32
    assert len(result.captions) in (0, len(result.pictures)) and 1 <= result.columns <= len(result.pictures)
    assert result.grid().size >= (16, 16)


def test_a_recipe_that_asks_nothing_is_answered_at_once(fake_studio):
    recipe = Recipe.of("forward-noise", strip=[100, 900])
    now, later = fake_studio.at_once(recipe), result_of(fake_studio, recipe)
    assert torch.equal(now.pictures, later.pictures) and now.captions == later.captions
    assert str(fake_studio.cost(recipe)) == "no network is asked"
    with pytest.raises(ValueError, match="submit it to an engine"):
        fake_studio.at_once(Recipe.of("mnist-sample"))


# on the way


def test_frames_and_film_show_how_it_came_to_be(fake_studio):
    *frames, result = fake_studio.run(Recipe.of("mnist-sample", digits="42", steps=100))
    assert all(isinstance(frame, Frame) and frame.x.shape == (2, 1, 28, 28) for frame in frames)
    shown = [frame.index for frame in frames]
    assert shown == sorted(set(shown)) and shown[-1] == 99 and all(frame.of == 100 for frame in frames)
    assert frames[-1].x0 is not None and frames[-1].eta < 60
    assert all(frame.eta is None for frame in frames if frame.index == 0)

    film = result.film
    assert [kept.index for kept in film[:3]] == [0, 4, 8] and film[-1].index == 100 and len(film) == 25
    assert film[0].x0 is None and film[-1].level == CLEAN
    gaps = {b.index - a.index for a, b in pairwise(film)}
    assert gaps <= {4, 5}
    assert torch.equal(film[-1].x, (result.pictures.clamp(0, 1) * 255).round().to(torch.uint8))
    assert torch.equal(film[-1].x, film[-1].x0)


def test_loading_is_no_part_of_the_time_to_go():
    """A model that is read for seconds must not make every step look slow."""

    class Steady(FakeNetwork):
        def forward(self, rows):
            time.sleep(0.02)
            return super().forward(rows)

    def load():
        time.sleep(1.5)
        return Steady(card)

    studio, card = Studio(), network.card("flow-class", "last")
    studio.register(card, load)
    seen = [(time.perf_counter(), e) for e in studio.run(Recipe.of("mnist-sample", steps=20, digits="1"))]
    studio.engine.close()
    frames = [(now - seen[0][0], frame) for now, frame in seen[:-1] if frame.index]
    for walked, frame in frames:
        assert frame.eta < (walked + 0.5) / frame.index * (20 - frame.index)
    assert len(frames) > 2 and seen[-1][1].seconds > 1.5


def test_a_short_run_keeps_every_step(fake_studio):
    film = result_of(fake_studio, Recipe.of("mnist-sample", steps=3)).film
    assert [kept.index for kept in film] == [0, 1, 2, 3]


def test_closing_the_generator_stops_the_run():
    class Slow(FakeNetwork):
        def forward(self, rows):
            time.sleep(0.01)
            return super().forward(rows)

    studio = Studio()
    card = network.card("flow-class", "last")
    studio.register(card, lambda: Slow(card))
    frames = studio.run(Recipe.of("mnist-sample", steps=300))
    next(frames)
    frames.close()
    deadline = time.monotonic() + 5
    while studio.engine.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert studio.engine.running == 0 and len(studio.network(card.name).asked) < 100
    studio.engine.close()


def test_a_full_house_says_so():
    studio = FakeStudio(runs_at_most=0)
    network.register(studio)
    with pytest.raises(Busy, match="Try again in a moment"):
        result_of(studio, Recipe.of("mnist-sample"))
    studio.engine.close()


# what it costs


def test_seconds_are_told_once_a_network_has_worked(fake_studio):
    recipe = Recipe.of("mnist-sample", digits="0-9", steps=50)
    before = fake_studio.cost(recipe)
    assert before.seconds is None and str(before) == "50 steps, 1,000 network evaluations"
    result_of(fake_studio, recipe.changed(steps=2))
    fake_studio.engine.row_seconds["mnist/flow-class/last"] = 0.0123
    after = fake_studio.cost(recipe)
    assert after.seconds == pytest.approx(12.3) and str(after).endswith("evaluations, about 12 s")
    assert str(fake_studio.cost(Recipe.of("mnist-sample", steps=1, digits="1", gamma=1))).startswith(
        "1 step, 1 "
    )


def test_counting_computes_nothing(fake_studio, monkeypatch):
    """The largest recipe there is, 300 steps of a hundred digits: its cost stands beside Run as one types."""
    monkeypatch.setattr(estimates, "x0_from", lambda *_: pytest.fail("computed"))
    cost = fake_studio.cost(Recipe.of("mnist-sample", model="ddpm", digits="10x10", steps=300))
    assert (cost.calls, cost.rows) == (300, 60_000)
    assert not any(fake.asked for fake in fake_studio.fakes.values())


@pytest.mark.parametrize(
    "seconds, text",
    [(0.2, "under 1 s"), (1, "1 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (75, "1 min 15 s")],
)
def test_durations_are_said_plainly(seconds, text):
    assert duration(seconds) == text


# the picture


@pytest.mark.parametrize("model", ["flow", "ddpm"])
def test_a_recipe_gives_the_same_picture_however_it_travelled(model, tiny_studio):
    recipe = Recipe.of("mnist-sample", model=model, digits="731", steps=4, seed=9)
    first = result_of(tiny_studio, recipe)
    png = export.with_recipe(first.grid(), recipe)
    travelled = [
        Recipe.from_json(recipe.to_json()),
        Recipe.from_link(recipe.to_link()),
        export.recipe_in(convert.opened(png)),
    ]
    for again in travelled:
        assert torch.equal(result_of(tiny_studio, again).pictures, first.pictures)
    other = result_of(tiny_studio, recipe.changed(seed=10)).pictures
    assert not torch.allclose(other, first.pictures, atol=0.01)


@pytest.mark.parametrize("model, loop", [("flow", flow_loop), ("ddpm", ddpm_loop)])
def test_the_picture_is_that_of_the_textbook_loop(model, loop, tiny_root):
    """The course's loop over the network as it was trained: norms not folded, nothing shared, float32."""
    studio, name = Studio(), f"{model}-class"
    studio.register(network.card(name, "last"), lambda: network.load(name, "last", tiny_root, torch.float32))
    ours = result_of(studio, Recipe.of("mnist-sample", model=model, digits="5071", steps=12, gamma=3, seed=4))
    studio.engine.close()
    rng = Rng(range(4, 8))
    theirs = loop(zoo.load(name, root=tiny_root), [5, 0, 7, 1], 12, 3.0, lambda: rng.normal((1, 28, 28)))
    torch.testing.assert_close(ours.pictures, theirs, rtol=1e-4, atol=1e-5 * float(theirs.abs().max()))


def test_settings_reach_the_network(tiny_studio):
    """What should change the picture does; what should not, does not."""

    def pictures(**values):
        return result_of(
            tiny_studio, Recipe.of("mnist-sample", **{"steps": 3, "digits": "1"} | values)
        ).pictures

    assert torch.equal(pictures(gamma=0), pictures(gamma=0, digits="7"))
    assert not torch.equal(pictures(gamma=5), pictures(gamma=5, digits="7"))
    assert torch.equal(pictures(conditioning="time"), pictures(conditioning="time", digits="7", gamma=9))
    changed = [
        dict(gamma=2),
        dict(snapshot="early"),
        dict(model="ddpm"),
        dict(conditioning="time"),
        dict(steps=4),
    ]
    changed += [dict(model="ddpm", solver="ddim"), dict(solver="dpm++ 2m")]
    made = [pictures(), *(pictures(**values) for values in changed)]
    assert all(not torch.equal(a, b) for k, a in enumerate(made) for b in made[:k])


def test_a_sweep_is_its_runs_side_by_side(tiny_studio):
    values = dict(digits="36", steps=4, seed=2)
    sweep = result_of(tiny_studio, Recipe.of("mnist-gamma-sweep", gammas=[0, 1, 4], **values))
    assert sweep.columns == 2 and sweep.captions[3] == "6, gamma = 1"
    for row, gamma in enumerate((0, 1, 4)):
        alone = result_of(tiny_studio, Recipe.of("mnist-sample", gamma=gamma, **values)).pictures
        torch.testing.assert_close(sweep.pictures[2 * row : 2 * row + 2], alone, rtol=0, atol=0.1)  # bf16


# when it cannot be


def test_missing_and_broken_weights_get_a_sentence_while_others_run(tiny_root, tmp_path):
    root = tmp_path / "mnist"
    shutil.copytree(tiny_root, root)
    shutil.rmtree(root / "ddpm-class")
    (broken,) = (root / "flow-time").glob("epoch-10.safetensors")
    whole = broken.read_bytes()
    broken.write_bytes(whole[: len(whole) // 2])
    studio = Studio()
    network.register(studio, root)

    def run(**values):
        return result_of(studio, Recipe.of("mnist-sample", digits="1", steps=2, **values)).pictures

    for values, words in (
        (dict(model="ddpm"), r"ddpm-class.*is missing.*python -m mnist_models\.train ddpm-class"),
        (dict(conditioning="time"), r"flow-time.*is damaged.*python -m mnist_models\.train flow-time"),
    ):
        with pytest.raises(zoo.CheckpointError, match=words):
            run(**values)
        assert studio.cost(Recipe.of("mnist-sample", **values)).calls == 50
        assert run().shape == (1, 1, 28, 28)
    broken.write_bytes(whole)  # mended: no restart is needed
    assert run(conditioning="time").shape == (1, 1, 28, 28)
    studio.engine.close()


def test_an_unknown_example_or_model_is_named(fake_studio):
    with pytest.raises(RecipeError, match=r"no example called 'Rockets'; there are .*Rocket"):
        result_of(fake_studio, Recipe.of("forward-noise", picture="example:Rockets"))
    with pytest.raises(RecipeError, match=r"mnist/flow-class/last is not here. Its weights may be missing"):
        Studio(fake_studio.engine).cost(Recipe.of("mnist-sample"))


def test_a_network_is_loaded_once_however_many_want_it():
    loads, card = [], estimates.Card("slow", "eps", (1, 4, 4), "ddpm-linear")

    def load():
        loads.append(threading.get_ident())
        time.sleep(0.05)
        return FakeNetwork(card)

    studio = Studio()
    studio.register(card, load)
    found = []
    threads = [threading.Thread(target=lambda: found.append(studio.network("slow"))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1 and len(set(map(id, found))) == 1
    studio.engine.close()
