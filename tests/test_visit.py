"""Runs are kept: a visit finds them again by their ids, in any order of leaving, stopping and coming back."""

import errno
import html
import time
from types import SimpleNamespace

import gradio as gr
import pytest
import torch
from fakes import FakeNetwork

from diffusion_core.recipes import Recipe
from diffusion_core.serving import job as job_module
from diffusion_core.serving.engine import Busy
from diffusion_core.serving.job import Jobs
from diffusion_core.serving.result import Cancelled
from tabs import forward_noise, gradio_compat, mnist_sampler
from tabs.session import messages, visit
from tabs.session.visit import Page, Visit

ME = SimpleNamespace(session_hash="session", headers={"referer": "http://here/?a=b#c"})


class Slow(FakeNetwork):
    def forward(self, rows):
        time.sleep(0.02)
        return super().forward(rows)


@pytest.fixture
def slow_studio(fake_studio, monkeypatch):
    monkeypatch.setattr("fakes.FakeNetwork", Slow)
    return fake_studio


def built(studio, tab=mnist_sampler) -> tuple[gr.Blocks, Page]:
    with gr.Blocks() as demo:
        page = visit.opened(studio)
        with gr.Tabs(), gr.Tab("one"):
            tab.build(studio)
        visit.gallery_here(page)
    return demo, page


@pytest.fixture
def bench(slow_studio):
    demo, page = built(slow_studio)
    yield page.benches["mnist-sample"]
    del demo


def values(bench, key="me", **more) -> list:
    """What the page sends on Run."""
    recipe = Recipe.of(bench.technique, **more)
    return [*(recipe[name] for name in bench.controls), key]


def said(bench, changes) -> str:
    return changes.get(bench.status, "") if isinstance(changes.get(bench.status, ""), str) else ""


def until_idle(page, seconds=20):
    end = time.monotonic() + seconds
    while len(page.studio.jobs) and time.monotonic() < end:
        time.sleep(0.01)
    assert not len(page.studio.jobs)


# the page


def test_two_pages_in_one_process_share_nothing(fake_studio):
    first, one = built(fake_studio)
    second, other = built(fake_studio)
    assert one.benches["mnist-sample"] is not other.benches["mnist-sample"]
    assert set(one.benches) == set(other.benches) == {"mnist-sample", "mnist-gamma-sweep"}
    assert one.visit("a") is not other.visit("a")
    assert (one, other) == (vars(first)["darkroom_page"], vars(second)["darkroom_page"])


def test_a_bench_works_on_a_page_without_visits(fake_studio):
    with gr.Blocks() as demo:
        forward_noise.build(fake_studio)
    bench = next(iter(vars(demo)["darkroom_page"].benches.values()))
    *_, last = bench._run(ME, *values(bench)[:-1])
    assert "Done" in said(bench, last) and bench.page.visit(None, "session").latest()
    assert bench.page.visit(None, "another").latest() is None


# running, leaving, coming back


def test_a_run_that_lost_its_page_is_taken_up_and_found_when_it_is_done(bench):
    run = bench._run(ME, *values(bench, steps=100, digits="12"))
    assert "Starting" in said(bench, next(run))
    while "Step" not in said(bench, next(run)):
        pass
    run.close()  # the phone is locked
    mine = bench.page.visit("me")
    job = mine.latest()
    assert job.state == "running" and job.readers == 0
    again = list(bench.shown_again(job, mine, SimpleNamespace(session_hash="new", headers={})))
    assert any("Step" in said(bench, changes) for changes in again)
    assert "Done" in said(bench, again[-1]) and again[-1][bench.run_id] == job.id
    assert job.state == "done" and job.thumbnail.startswith("data:image/jpeg")
    (later,) = bench.shown_again(job, mine, ME)  # another reload: the picture is still there
    assert "Done" in said(bench, later) and later[bench.result].size == again[-1][bench.result].size
    assert bench._scrub(0, job.id)[0] is not None


def test_nobody_finds_a_run_without_its_visit(bench):
    list(bench._run(ME, *values(bench, steps=3)))
    mine = bench.page.visit("me")
    assert mine.latest() and mine.get(mine.latest().id)
    for stranger in ("you", "", None, "x" * 1000, 7):
        theirs = bench.page.visit(stranger, "stranger")
        assert theirs.latest() is None and theirs.get(mine.latest().id) is None


def test_a_page_that_is_gone_leaves_no_work_behind(bench):
    run = bench._run(ME, *values(bench, steps=300))
    next(run)
    mine = bench.page.visit("me")
    assert mine.latest().grace == 120
    mine.latest().grace = 0.2
    run.close()
    until_idle(bench.page)
    assert mine.latest().state == "cancelled"
    (changes,) = bench.shown_again(mine.latest(), mine, ME)
    assert "Stopped" in said(bench, changes)
    end = time.monotonic() + 10
    while bench.studio.engine.running and time.monotonic() < end:
        time.sleep(0.01)
    assert bench.studio.engine.running == 0


def test_stop_works_on_a_run_that_was_taken_up(bench):
    run = bench._run(ME, *values(bench, steps=300))
    next(run)
    run.close()
    mine = bench.page.visit("me")
    again = bench.shown_again(mine.latest(), mine, ME)
    next(again)
    assert bench._stop(SimpleNamespace(session_hash="new"), "me") == gr.skip()
    assert "Stopped. The settings are as they were" in said(bench, list(again)[-1])
    until_idle(bench.page)
    assert "Nothing is running" in bench._stop(ME, "me")


def test_another_run_of_the_same_kind_makes_the_first_stop_and_keeps_the_page(bench):
    first = bench._run(ME, *values(bench, steps=300, seed=1))
    next(first)
    second = bench._run(ME, *values(bench, steps=3, seed=2))
    last = list(second)[-1]
    assert "Seed 2" in said(bench, last)
    assert all("Stopped" not in said(bench, changes) for changes in first)  # it says nothing more
    mine = bench.page.visit("me")
    until_idle(bench.page)
    assert mine.gallery().count("<li>") == 1 and "seed 2" in mine.gallery()


# the gallery


def test_the_gallery_shows_what_is_under_way_and_what_is_done(bench):
    mine = bench.page.visit("me")
    assert mine.gallery() == visit.EMPTY
    settings = [value if value != "2026" else "20<b>26" for value in values(bench, digits="2026")]
    changes = list(bench._run(ME, *settings))
    assert "not a number I can draw" in said(bench, changes[-1]) and mine.gallery() == visit.EMPTY
    changes = list(bench._run(ME, *values(bench, steps=30, digits="2026", seed=5)))
    assert "under way: mnist sample, 2026, seed 5" in changes[0][bench.page.gallery]
    assert "under way" not in changes[-1][bench.page.gallery]
    assert 'title="mnist sample, 2026, seed 5"' in changes[-1][bench.page.gallery]
    list(bench._run(ME, *values(bench, steps=3, digits="7")))
    gallery = mine.gallery()
    assert gallery.index("7, seed 0") < gallery.index("2026, seed 5")  # the newest first


def test_a_visit_remembers_so_many_runs(bench, monkeypatch):
    monkeypatch.setattr(visit, "SHOWN", 3)
    for seed in range(5):
        list(bench._run(ME, *values(bench, steps=1, digits="1", seed=seed)))
    mine = bench.page.visit("me")
    assert [mine.get(key).recipe["seed"] for key in mine.ids] == [2, 3, 4]


def test_a_result_that_later_ones_took_the_room_of_can_be_made_again(slow_studio):
    """Its small picture and its settings stay."""
    slow_studio.jobs = Jobs(room=55_000)
    demo, page = built(slow_studio)
    bench = page.benches["mnist-sample"]
    for seed in range(3):
        list(bench._run(ME, *values(bench, steps=1, digits="12", seed=seed)))
    mine = page.visit("me")
    first = mine.get(mine.ids[0])
    assert first.result is None and mine.latest().result is not None
    assert mine.gallery().count("<img") == 3
    (changes,) = bench.shown_again(first, mine, ME)
    assert "no longer kept here. Press Run to make it again" in said(bench, changes)
    assert bench.updates(first.recipe)[bench.controls["seed"]] == 0
    assert "no longer kept here" in bench._scrub(0, first.id)[-1]
    assert "no longer kept here" in bench._scrub(0, "nobody")[-1]
    del demo


def test_visits_are_forgotten_oldest_first(monkeypatch):
    monkeypatch.setattr(visit, "VISITS", 2)
    page = Page(SimpleNamespace(jobs=Jobs()))
    one = page.visit("one")
    page.visit("two")
    assert page.visit("one") is one  # looked at again
    page.visit("three")
    assert page.visit("one") is one and isinstance(page.visit("two"), Visit)


# what goes wrong


def test_a_full_disk_loses_the_downloads_and_nothing_else(bench, monkeypatch):
    def full(*args, **more):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(gradio_compat.tempfile, "mkdtemp", full)
    last = list(bench._run(ME, *values(bench, steps=3, digits="1")))[-1]
    assert "Done" in said(bench, last) and "disk is full: there is nothing to download" in said(bench, last)
    assert last[bench.result].size[0] > 20 and last[bench.x_t] is not None
    assert last[bench.png]["interactive"] is False and last[bench.link].startswith("http://here/?recipe=")
    with pytest.raises(gradio_compat.DiskFull):
        gradio_compat.file_of(b"", "picture.png")

    def forbidden(*args, **more):
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(gradio_compat.tempfile, "mkdtemp", forbidden)
    with pytest.raises(PermissionError):  # a fault of ours, not of the disk
        gradio_compat.file_of(b"", "picture.png")


def test_live_pictures_need_no_room_on_the_disk(bench, monkeypatch):
    monkeypatch.setattr("gradio.processing_utils.save_pil_to_cache", None)
    for pane in (bench.x_t, bench.x0, bench.result, bench.strip):
        shown = pane.postprocess(torch_picture())
        assert "data:image/" in shown and f'alt="{html.escape(pane.said)}"' in shown and "--height" in shown
        assert "<img" not in pane.postprocess(None)


def torch_picture():
    from diffusion_core.images import convert

    return convert.to_picture(torch.rand(3, 8, 8), 0, 1)


def test_who_waits_hears_the_place_in_line(bench, monkeypatch):
    engine = bench.studio.engine
    engine.served_at_most = 1
    others = [bench._run(ME, *values(bench, key=f"other {k}", steps=300)) for k in range(2)]
    for each in others:
        next(each)
    time.sleep(0.2)
    run = bench._run(ME, *values(bench, steps=2))
    heard = [said(bench, next(run)) for _ in range(3)]
    assert any("Number 2 in line" in each for each in heard), heard
    for k in range(2):
        bench._stop(ME, f"other {k}")
    assert "Done" in said(bench, list(run)[-1])


def test_a_full_house_says_so_and_keeps_the_settings(bench):
    bench.studio.engine.runs_at_most = 0
    changes = list(bench._run(ME, *values(bench)))
    assert "pictures are being made right now. Try again in a moment" in said(bench, changes[-1])
    assert set(changes[-1]) <= {bench.status, bench.stop_button, bench.page.gallery}


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (Busy("Many are here."), "Many are here."),
        (Cancelled(), messages.STOPPED),
        (gr.Error("Your seconds are used up."), "Your seconds are used up."),
        (ZeroDivisionError("x"), messages.OUR_FAULT),
    ],
)
def test_what_is_said_of_an_end(error, sentence, capfd):
    assert messages.word_on(error) == sentence
    assert sentence.split(",")[0].replace("'", "&#x27;") in messages.ended_by(error)
    assert ("ZeroDivisionError" in capfd.readouterr().err) == (sentence is messages.OUR_FAULT)


def test_a_fault_of_ours_is_logged_and_told_as_ours(bench, monkeypatch, capfd):
    monkeypatch.setattr(bench.studio, "plan", lambda recipe: 1 / 0)
    last = list(bench._run(ME, *values(bench)))[-1]
    assert "the fault is ours" in said(bench, last) and "ZeroDivisionError" in capfd.readouterr().err


def test_missing_weights_are_named(tiny_root, tmp_path):
    from diffusion_core.serving.studio import Studio
    from mnist_models import network

    studio = Studio()
    network.register(studio, tmp_path)
    demo, page = built(studio)
    bench = page.benches["mnist-sample"]
    last = list(bench._run(ME, *values(bench)))[-1]
    assert "flow-class" in said(bench, last) and 'class="wrong"' in said(bench, last)
    studio.engine.close()
    del demo


def test_a_run_of_a_page_goes_on_for_two_minutes():
    assert job_module.GRACE == 120
