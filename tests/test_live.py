"""Training in the app: digits drawn by formula, a loss that falls, one visitor at a time, and refusals."""

import threading
import time

import pytest
import torch

from diffusion_core.recipes import RecipeError
from diffusion_core.serving.engine import Busy
from diffusion_core.serving.result import Cancelled
from mnist_models import data, live, synthetic
from mnist_models.live import Settings
from mnist_models.workshop import Workshop

SMALL = {"width": 4, "steps": 20, "batch": 8}
OBJECTIVES = ("flow", "ddpm", "denoiser")


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """Fewer digits and quicker drawings than people get."""
    monkeypatch.setattr(live, "DRAWN_DIGITS", 200)
    monkeypatch.setattr(live, "ROWS", 3)
    monkeypatch.setattr(live, "SAMPLING_STEPS", {"flow": 3, "ddpm": 3})
    live.digits.cache_clear()
    yield
    live.digits.cache_clear()


# digits drawn by formula


def test_drawn_digits_look_like_mnist_and_repeat():
    images, labels = synthetic.digits(40, seed=3)
    again, _ = synthetic.digits(40, seed=3)
    more, more_labels = synthetic.digits(70, seed=3)
    assert images.shape == (40, 1, 28, 28) and images.dtype == torch.uint8 and labels.dtype == torch.int64
    assert torch.equal(images, again)
    assert torch.equal(more[:40], images) and torch.equal(more_labels[:40], labels)
    assert not torch.equal(images, synthetic.digits(40, seed=4)[0])
    assert 0.08 < data.as_pictures(images).mean() < 0.2  # MNIST: 0.13
    assert images[:, :, 0].max() == 0 or images[:, :, 0].float().mean() < 2  # dark at the border
    assert all(sorted(labels[k : k + 10].tolist()) == list(range(10)) for k in range(0, 40, 10))


def test_drawn_digits_can_be_told_apart():
    images, labels = synthetic.digits(500, seed=0)
    means = torch.stack([data.as_pictures(images[labels == digit]).mean(0) for digit in range(10)])
    fresh, truth = synthetic.digits(300, seed=1)
    far = (data.as_pictures(fresh)[:, None] - means).square().flatten(2).sum(-1)
    assert (far.argmin(1) == truth).float().mean() > 0.85  # chance: 0.1


def test_a_set_of_no_digits_is_refused():
    with pytest.raises(ValueError, match="at least 1 digit, not 0"):
        synthetic.digits(0)


# the run


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_loss_falls_and_the_model_draws_on_the_way(objective):
    settings = Settings.of(objective=objective, width=4, steps=40, batch=8)
    run = list(live.training(settings))
    last = run[-1]
    assert [progress.step for progress in run] == list(range(41)) and last.of == 40
    assert sum(last.losses[-10:]) < 0.8 * sum(last.losses[:10])
    assert [drawing.step for drawing in last.drawings] == [0, 10, 20, 40]
    assert all(drawing.pictures.shape == (10, 1, 28, 28) for drawing in last.drawings)
    assert all(drawing.pictures.isfinite().all() for drawing in last.drawings)
    assert run[20].to_go > 0 and last.to_go == 0


def test_a_run_repeats():
    one, other = (list(live.training(Settings.of(seed=7, **SMALL)))[-1] for _ in range(2))
    assert one.losses == other.losses
    assert torch.equal(one.drawings[-1].pictures, other.drawings[-1].pictures)


@pytest.mark.parametrize(("told", "classes"), [("t and the digit", True), ("t", False)])
def test_what_the_model_is_told(told, classes):
    preset = Settings.of(objective="ddpm", told=told).preset
    assert (preset.time, preset.classes, preset.modulation) == (True, classes, "add")
    assert not Settings.of(objective="denoiser", told=told).preset.time


def test_a_run_ends_when_its_time_is_up(monkeypatch):
    monkeypatch.setattr(live, "SECONDS_AT_MOST", 0.0)
    last = list(live.training(Settings.of(**SMALL)))[-1]
    assert last.step == 1 and last.drawings[-1].step == 1


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"steps": 0}, "Steps: 0 is out of range; give a whole number from 20 to 3000"),
        ({"steps": "many"}, "Steps: give a whole number from 20 to 3000, not 'many'"),
        ({"batch": 1e9}, "Batch: 1000000000.0 is out of range"),
        ({"width": 7.5}, "Width: give a whole number"),
        ({"lr": float("nan")}, "Step size: give a number"),
        ({"lr": 3}, "Step size: 3 is out of range"),
        ({"objective": "gan"}, "It learns: choose one of flow, ddpm, denoiser, not 'gan'"),
        ({"digits": None}, "Digits: choose one of"),
        ({"seed": -1}, "Seed: -1 is out of range"),
        ({"depth": 3}, "Training here has no setting 'depth'"),
    ],
)
def test_bad_settings_are_told_in_a_sentence(values, sentence):
    with pytest.raises(RecipeError) as error:
        Settings.of(**values)
    assert str(error.value).startswith(sentence)


def test_mnist_is_offered_only_where_it_is(monkeypatch, tmp_path):
    monkeypatch.delenv("MNIST_DIR", raising=False)
    with pytest.raises(RecipeError, match="MNIST files are not on this machine"):
        Settings.of(digits="MNIST")
    for name in data.SHA256:
        (tmp_path / name).write_bytes(b"not a digit")
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    with pytest.raises(RecipeError, match="is not the MNIST file"):
        next(live.training(Settings.of(digits="MNIST", **SMALL)))


# one visitor at a time


@pytest.fixture
def workshop(fake_studio):
    """Of a studio; workshop.start(...) begins a training with these settings."""
    made = Workshop()
    made.serve(fake_studio)
    made.start = lambda **settings: fake_studio.start(Settings.of(**settings).recipe, "me")
    return made


LONG = {"width": 4, "steps": 3000, "batch": 4}


def test_the_second_visitor_hears_so_and_cancelling_makes_room(workshop):
    first = workshop.start(**LONG)
    news = first.watch()
    while next(news).step < live.SLOW_STEPS:
        pass
    second = workshop.start(**LONG)
    with pytest.raises(Busy, match=r"there is room for 1 at a time. Try again in about \d"):
        second.wait()
    first.cancel()
    with pytest.raises(Cancelled):
        first.wait()
    assert workshop.running == 0 and (first.state, second.state) == ("cancelled", "failed")
    third = workshop.start(**LONG)
    assert next(third.watch()).of == 3000
    third.cancel()
    with pytest.raises(Cancelled):
        third.wait()
    assert workshop.running == 0


def test_a_whole_run_gives_its_place_back_and_tells_its_pace(workshop):
    settings = Settings.of(**SMALL)
    assert "how long that takes shows once it runs" in workshop.cost(settings)
    job = workshop.start(**SMALL)
    trained = job.wait()
    assert trained.progress.step == 20 and len(trained.progress.losses) == 20
    assert job.thumbnail.startswith("data:image/jpeg") and trained.nbytes > 4 * 10 * 28 * 28 * 4
    assert workshop.running == 0
    assert "20 steps of 8 digits, 160 in all, " in workshop.cost(settings)


def test_a_run_that_fails_gives_its_place_back(workshop, monkeypatch):
    def fails(name):
        raise RecipeError("The digits are gone.")

    monkeypatch.setattr(live, "digits", fails)
    with pytest.raises(RecipeError, match="The digits are gone"):
        workshop.start(**SMALL).wait()
    assert workshop.running == 0
    monkeypatch.undo()


def test_a_run_that_nobody_reads_ends_by_itself(workshop):
    abandoned = workshop.start(**LONG)
    abandoned.grace = 0.2
    until = time.monotonic() + 30
    while not abandoned.ended and time.monotonic() < until:
        time.sleep(0.05)
    assert abandoned.state == "cancelled" and workshop.running == 0


def test_training_leaves_the_threads_of_others_alone(workshop):
    usual = torch.get_num_threads()
    workshop.start(**SMALL).wait()
    counts = []
    fresh = threading.Thread(target=lambda: counts.append(torch.get_num_threads()))
    fresh.start()
    fresh.join()
    assert counts == [usual] and torch.get_num_threads() == usual
