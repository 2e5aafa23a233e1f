"""Training learns, stops and goes on as if never stopped, and says what it did. On digits drawn here."""

import dataclasses
import json
from itertools import pairwise

import pytest
import torch
from drawn_digits import drawn_digits

from mnist_models import data, train, zoo
from mnist_models.objectives import DDPM_T, OBJECTIVES, one_hot

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def digits():
    return {"train": drawn_digits(160, seed=0), "test": drawn_digits(40, seed=1)}


def small(name: str, **changes) -> train.Preset:
    """A preset of the course at a width of 8, two epochs of five steps."""
    changes = {"width": 8, "batch": 32, "epochs": 2, "snapshots": (1, 2)} | changes
    return dataclasses.replace(train.PRESETS[name], **changes)


def arguments(name: str, folder, digits, *more: str):
    args = train.options([
        name, "--cpu", "--float32", "--out", str(folder / "out"), "--runs", str(folder / "runs"),
        "--report", "3", *more,
    ])  # fmt: skip
    args.load = digits.__getitem__
    return args


def statistics(folder, name: str) -> list[dict]:
    """The curve without its clock."""
    lines = (folder / "runs" / name / "stats.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


@pytest.mark.parametrize("name", train.PRESETS)
def test_every_preset_trains_and_ships_what_the_zoo_can_load(name, digits, tmp_path):
    preset = small(name)
    train.train(preset, arguments(name, tmp_path, digits))
    stats, about = statistics(tmp_path, name), zoo.facts(name, tmp_path / "out")
    assert [line["step"] for line in stats] == [3, 5, 6, 9, 10]
    assert [line["step"] for line in stats if "test_loss" in line] == [5, 10]
    assert stats[-1]["loss"] < stats[0]["loss"]
    assert [line["loss"] for line in zoo.curve(name, tmp_path / "out")] == [line["loss"] for line in stats]
    assert zoo.snapshots(name, tmp_path / "out") == [1, 2]
    assert about["made"]["steps"] == 10 and about["made"]["samples"] == 320
    assert about["preset"]["width"] == 8 and about["objective"] == preset.objective
    net = zoo.load(name, root=tmp_path / "out")
    t, c = torch.zeros(2), torch.zeros(2, 10)
    assert net(torch.zeros(2, 1, 28, 28), t, c).isfinite().all()


def test_the_loss_falls(digits, tmp_path):
    """30 steps of the denoiser: it must beat both its own start and the answer "all grey"."""
    preset = small("denoiser", epochs=6, snapshots=(6,), lr=5e-3)
    train.train(preset, arguments("denoiser", tmp_path, digits))
    losses = [line["test_loss"] for line in statistics(tmp_path, "denoiser") if "test_loss" in line]
    pictures = data.as_pictures(digits["test"][0])
    assert losses[-1] < 0.5 * losses[0]
    assert losses[-1] < 0.6 * float((pictures - pictures.mean()).square().mean())


class Stopped(Exception):
    """The plug is pulled."""


def recorded_steps(monkeypatch) -> list[int]:
    """A list to which every training step from now on adds its number."""
    steps, real = [], train.generator
    monkeypatch.setattr(train, "generator", lambda *place: steps.append(place[1]) or real(*place))
    return steps


@pytest.mark.parametrize("after", [4, 5, 7])
def test_a_run_that_was_stopped_goes_on_as_if_it_never_had(after, digits, tmp_path, monkeypatch):
    """Stopped within an epoch, at its end, and in the middle of a line of statistics."""
    preset, name = small("flow-class"), "flow-class"
    train.train(preset, arguments(name, tmp_path / "whole", digits))

    real, calls = train.step_loss, []

    def step_loss(model, *rest):
        calls.append(model.training)
        if sum(calls) > after:
            raise Stopped
        return real(model, *rest)

    monkeypatch.setattr(train, "step_loss", step_loss)
    with pytest.raises(Stopped):
        train.train(preset, arguments(name, tmp_path / "cut", digits, "--save-every", "0"))
    assert sum(calls) == after + 1
    monkeypatch.setattr(train, "step_loss", real)
    steps = recorded_steps(monkeypatch)
    train.train(preset, arguments(name, tmp_path / "cut", digits, "--save-every", "0"))
    assert steps == list(range(after, 10))  # nothing is done twice

    assert statistics(tmp_path / "cut", name) == statistics(tmp_path / "whole", name)
    whole = zoo.load(name, root=tmp_path / "whole" / "out").state_dict()
    for key, tensor in zoo.load(name, root=tmp_path / "cut" / "out").state_dict().items():
        torch.testing.assert_close(tensor, whole[key], rtol=1e-4, atol=1e-5, msg=key)


def test_a_run_killed_between_the_renames_finds_the_state_before(digits, tmp_path, monkeypatch):
    preset, name = small("ddpm-time", epochs=1, snapshots=(1,)), "ddpm-time"
    train.train(preset, arguments(name, tmp_path, digits))
    state = tmp_path / "runs" / name / "state"
    state.rename(state.with_name("state-old"))
    steps = recorded_steps(monkeypatch)
    train.train(small(name), arguments(name, tmp_path, digits))
    assert steps == [5, 6, 7, 8, 9]
    assert zoo.facts(name, tmp_path / "out")["made"]["steps"] == 10
    assert [line["step"] for line in statistics(tmp_path, name)] == [3, 5, 6, 9, 10]
    assert state.exists() and not state.with_name("state-old").exists()


def test_dry_run_prints_the_plan_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    train.main(["flow-class", "--dry-run", "--epochs=4", "--lr=1e-4", "--decay=1", "--name=fixed"])
    plan = json.loads(capsys.readouterr().out)
    assert plan["name"] == "fixed"
    assert plan["preset"] == dataclasses.asdict(train.PRESETS["flow-class"]) | {
        "epochs": 4, "snapshots": [1, 4], "lr": 1e-4, "decay": 1.0
    }  # fmt: skip
    assert not list(tmp_path.iterdir())


def test_missing_digits_end_the_command_with_a_sentence(tmp_path):
    folders = ["--data", str(tmp_path), "--runs", str(tmp_path / "runs")]
    with pytest.raises(SystemExit, match="Put the four MNIST files there"):
        train.main(["flow-time", "--cpu", "--float32", *folders])


def test_the_step_size_falls_to_a_tenth_by_equal_factors():
    preset = train.PRESETS["flow-class"]
    sizes = [train.learning_rate(preset, epoch) for epoch in range(11)]
    assert sizes[0] == 1e-2 and sizes[10] == pytest.approx(1e-3)
    assert all(b / a == pytest.approx(0.1**0.1) for a, b in pairwise(sizes))


def test_noise_depends_on_seed_step_and_process_and_on_nothing_else():
    """On a CPU too, whose generator looks at 32 bits of its seed only."""
    places = [(seed, step, process) for seed in (0, 1, 2) for step in (0, 1, 5000) for process in (0, 1)]
    draws = [tuple(torch.randn(4, generator=train.generator(*place, CPU)).tolist()) for place in places]
    again = [tuple(torch.randn(4, generator=train.generator(*place, CPU)).tolist()) for place in places]
    assert draws == again and len(set(draws)) == len(places)


def test_the_average_warms_up_and_then_forgets_slowly():
    """w_ema <- w_ema + (1 - d_n)(w - w_ema), d_n = min(decay, (1 + n) / (10 + n)); the first is a copy."""
    net = torch.nn.BatchNorm1d(1)
    ema, expected = train.averaged(net, decay=0.5), None
    for n in range(12):
        with torch.no_grad():
            net.weight.fill_(float(n) ** 2)
            net.running_mean.fill_(-float(n))
        ema.update_parameters(net)
        d = min(0.5, (1 + n) / (10 + n))
        new = torch.tensor([float(n) ** 2, -float(n)])
        expected = new if n == 0 else expected + (1 - d) * (new - expected)
        torch.testing.assert_close(torch.cat([ema.module.weight, ema.module.running_mean]).detach(), expected)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_mix_picture_and_noise_as_their_equations_say(name):
    """Read back from (x_t, t, target): the noise must be standard normal and the mixture exact."""
    x0 = data.as_pictures(drawn_digits(64, seed=2)[0])
    x_t, t, target = OBJECTIVES[name](x0, torch.Generator().manual_seed(0))
    assert x_t.shape == target.shape == x0.shape and t.shape == (64,)
    assert float(t.min()) >= 0 and float(t.max()) < 1
    s = t.view(-1, 1, 1, 1)
    if name == "denoiser":
        eps = (x_t - x0) / 0.5
        assert torch.equal(target, x0) and not t.any()
    elif name == "ddpm":
        betas = torch.linspace(1e-4, 0.02, DDPM_T, dtype=torch.float64)
        index = (t * DDPM_T).round().long()
        abar = torch.stack([(1 - betas[: k + 1]).prod() for k in index.tolist()]).float().view(-1, 1, 1, 1)
        eps = target
        torch.testing.assert_close(x_t, abar.sqrt() * x0 + (1 - abar).sqrt() * eps)
        torch.testing.assert_close(t, index / DDPM_T)
    else:
        eps = x0 - target
        torch.testing.assert_close(x_t, s * x0 + (1 - s) * eps)
    assert float(eps.mean()) == pytest.approx(0, abs=0.02)
    assert float(eps.std()) == pytest.approx(1, abs=0.02)


def test_a_tenth_of_the_classes_is_hidden_and_the_others_are_one_hot():
    labels = torch.arange(10).repeat(1000)
    c = one_hot(labels, 0.1, torch.Generator().manual_seed(0))
    shown = c.sum(dim=1).bool()
    assert torch.equal(c[shown], torch.eye(10)[labels[shown]])
    assert float((~shown).double().mean()) == pytest.approx(0.1, abs=0.01)
    assert one_hot(labels, 0.0, torch.Generator().manual_seed(0)).sum() == len(labels)
