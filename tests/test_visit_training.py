"""The runs of the tab Training: trainings are jobs like others, snapshots a technique like others."""

import torch
from test_visit import ME, Slow, built, said

from diffusion_core.recipes import Recipe
from tabs import training


def test_a_training_is_a_run_like_others(fake_studio):
    demo, page = built(fake_studio, training)
    bench = page.benches["mnist-training"]
    recipe = bench.recipe_of(width=4, steps=3000, batch=4)
    run = bench._run(ME, *(recipe[name] for name in bench.controls), "me")
    assert "Starting" in said(bench, next(run)) and "the noise" in next(run)[bench.drawings]
    while "to go" not in said(bench, next(run)):
        pass
    run.close()  # a reload
    mine = page.visit("me")
    assert "under way: mnist training, drawn by formula, seed 0" in mine.gallery()
    again = bench.shown_again(mine.latest(), mine, ME)
    while "to go" not in said(bench, next(again)):
        pass
    bench._stop(ME, "me")
    assert "Stopped. The settings are as they were" in said(bench, list(again)[-1])
    assert bench.updates(recipe)[bench.controls["width"]] == 4
    del demo


def test_a_training_ends_with_its_curve_its_drawings_and_its_pace(fake_studio):
    demo, page = built(fake_studio, training)
    bench, mine = page.benches["mnist-training"], page.visit("me")
    settings = {**bench.recipe_of(width=4, steps=20, batch=4).values}
    *_, last = bench._run(ME, *(settings[name] for name in bench.controls), "me")
    assert "Done: 20 steps" in said(bench, last) and last[bench.drawings].count("<img") > 4
    assert len(last[bench.plot]) == 40 and "20 steps of 4 digits, 80 in all, " in last[bench.cost]
    (later,) = bench.shown_again(mine.latest(), mine, ME)
    assert later[bench.drawings] == last[bench.drawings]
    settings["steps"] = 7
    *_, wrong = bench._run(ME, *(settings[name] for name in bench.controls), "me")
    assert "Steps: 7 is out of range" in said(bench, wrong)
    del demo


def test_snapshots_are_a_technique_and_show_both_as_they_come(fake_studio, monkeypatch):
    monkeypatch.setattr("fakes.FakeNetwork", Slow)
    demo, page = built(fake_studio, training)
    bench = page.benches["mnist-snapshots"]
    recipe = bench.recipe_of(steps=60)
    changes = list(bench._run(ME, *(recipe[name] for name in bench.controls), "me"))
    shown = [each[bench.pictures] for each in changes if bench.pictures in each]
    assert len(shown) > 1 and all(each.count("<img") == 2 for each in shown)
    assert "image/jpeg" in shown[0] and "image/png" in shown[-1] and "early: flow-class" in shown[-1]
    assert "Done" in said(bench, changes[-1])
    result = page.visit("me").latest().result
    one = fake_studio.start(Recipe.of("mnist-sample", steps=60, snapshot="early"), "me").wait()
    assert len(result.pictures) == 20 and result.captions[10] == "0, last"
    torch.testing.assert_close(result.pictures[:10], one.pictures, rtol=0, atol=1e-5)
    del demo
