"""The measurement measures: networks whose answers are known get the figures they deserve."""

import json
import shutil

import pytest
import torch
from drawn_digits import drawn_digits

from diffusion_core.models.network import Network
from mnist_models import classifier, data, evaluate, network, zoo
from mnist_models.frechet import frechet_distance

DIGITS = {"train": drawn_digits(640, seed=0), "test": drawn_digits(200, seed=1)}
PLAN = evaluate.Plan(samples=200, flow_steps=3, ddpm_steps=4, denoised=150)


class Known(Network):
    """Answers so that x0^ is picture[label] for every x: its samples and errors are known beforehand."""

    dtype = torch.float32

    def __init__(self, card, pictures):
        self.card, self.pictures = card, pictures
        self.levels_seen: set[float] = set()

    def forward(self, rows):
        self.levels_seen |= set(rows.t.tolist())
        x = rows.spread_out(rows.x)
        x0 = torch.stack([self.pictures[label] for label in rows.labels])
        if self.card.predicts == "x0":
            return x0, None
        if self.card.predicts == "velocity":  # sigma = 1 - t, x0 = x + sigma v
            return (x0 - x) / (1 - rows.t.view(-1, 1, 1, 1)), None
        abar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 300), 0)[rows.t.long()].view(-1, 1, 1, 1)
        return (x - abar.sqrt() * x0) / (1 - abar).sqrt(), None


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A classifier of drawn digits, trained by its own command, and nothing else."""
    root = tmp_path_factory.mktemp("mnist")
    args = classifier.options(["--cpu", "--out", str(root)])
    args.load = DIGITS.__getitem__
    classifier.run(classifier.Recipe(epochs=6, batch=32), args)
    return root


@pytest.fixture
def house(monkeypatch):
    """evaluate, with drawn digits for MNIST and known networks; flow is one class off, ddpm is right."""
    images, labels = DIGITS["test"]
    first = {digit: int((labels == digit).nonzero()[0]) for digit in range(10)}
    exact = {digit: data.as_pictures(images[k]) for digit, k in first.items()}
    exact[None] = torch.zeros(1, 28, 28)
    shifted = {digit: exact[(digit + 1) % 10] for digit in range(10)} | {None: exact[None]}
    told = {"ddpm-class": exact, "flow-class": shifted, "denoiser": exact}
    networks = {}

    def register(studio, root):
        for model, pictures in told.items():
            networks[model] = Known(network.card(model, "last"), pictures)
            studio.register(networks[model].card, lambda model=model: networks[model])

    monkeypatch.setattr(evaluate.network, "register", register)
    monkeypatch.setattr(data, "load", lambda split, folder=None: DIGITS[split])
    monkeypatch.setattr(evaluate, "FULL", PLAN)
    return networks, exact


def test_known_networks_get_the_figures_they_deserve(root, house, capsys):
    networks, exact = house
    evaluate.main(["--json", "--root", str(root)])
    report = json.loads(capsys.readouterr().out)

    # guidance 5 between black and a digit is five times the digit, shown clamped to white
    asked = torch.arange(10).repeat(20)
    drawn = torch.stack([(evaluate.GAMMA * exact[int(d)]).clamp(0, 1) for d in asked])
    net, (test, labels) = classifier.load(root), DIGITS["test"]
    read, features = classifier.judge(net, drawn)
    _, real = classifier.judge(net, data.as_pictures(test))
    right = float((read == asked).double().mean())
    assert right > 0.8  # the judge can tell, so that the two figures below differ
    assert report["ddpm_class_accuracy"] == pytest.approx(right, abs=1e-4)
    off_by_one = float((read.roll(-1) == asked).double().mean())
    assert report["flow_class_accuracy"] == pytest.approx(off_by_one, abs=1e-4)
    assert report["ddpm_class_frechet"] == pytest.approx(frechet_distance(features, real), abs=2e-3)
    assert report["flow_class_frechet"] == report["ddpm_class_frechet"]  # the same digits, in another order
    read, features = classifier.judge(net, torch.stack([exact[int(d)].clamp(0, 1) for d in asked]))  # gamma 1
    alone = float((read == asked).double().mean())
    assert report["ddpm_class_accuracy_gamma1"] == pytest.approx(alone, abs=1e-4)
    assert report["ddpm_class_frechet_gamma1"] == pytest.approx(frechet_distance(features, real), abs=2e-3)

    black = float(data.as_pictures(test[:150]).square().mean())  # the error of the answer "nothing is there"
    assert report["denoiser_mse"] == pytest.approx(black, abs=1e-4)
    assert report["identity_mse"] == pytest.approx(evaluate.DENOISER_SIGMA**2, rel=0.02)
    assert report["classifier_test_accuracy"] == pytest.approx(classifier.accuracy(net, test, labels))
    _, train = classifier.judge(net, data.as_pictures(DIGITS["train"][0]))
    assert report["frechet_floor"] == pytest.approx(frechet_distance(train, real), abs=1e-3)
    assert report["frechet_floor_at_samples"] == pytest.approx(frechet_distance(train[:200], real), abs=1e-3)
    assert report["plan"]["samples"] == 200 and report["quick"] is False and report["seconds"] > 0
    assert sorted(networks["flow-class"].levels_seen) == pytest.approx([0, 1 / 3, 2 / 3])
    assert sorted(networks["ddpm-class"].levels_seen) == [0, 100, 199, 299]


def test_no_two_samples_start_from_one_noise(root, house, monkeypatch):
    seen = []
    real = evaluate.Recipe.of
    monkeypatch.setattr(evaluate.Recipe, "of", lambda *a, **k: seen.append(k["seed"]) or real(*a, **k))
    evaluate.measured(["flow-class"], PLAN, root, None)
    assert seen == [0, 100] * 2  # a recipe of 100 digits uses the 100 seeds from its own; gamma 5, gamma 1


def test_write_stores_each_figure_with_its_model(root, house, capsys):
    for model in evaluate.MEASURED:
        zoo.describe(root / model, {"name": model, "quality": {"older": 1}})
    evaluate.main(["flow-class", "denoiser", "--write", "--root", str(root)])
    assert "flow_class_accuracy" in capsys.readouterr().out
    flow = zoo.facts("flow-class", root)
    assert flow["name"] == "flow-class"
    assert flow["quality"]["samples"] == 200 and flow["quality"]["solver"] == "as trained"
    assert flow["quality"]["steps"] == 3 and flow["quality"]["gamma"] == 5.0
    assert zoo.facts("denoiser", root)["quality"]["sigma"] == 0.5
    assert zoo.facts("ddpm-class", root)["quality"] == {"older": 1}  # not measured, not touched
    assert zoo.facts("classifier", root)["quality"]["test_digits"] == 200


def test_the_quick_plan_is_said_and_never_written(root, house, monkeypatch, capsys):
    monkeypatch.setattr(evaluate, "QUICK", evaluate.Plan(samples=100, ddpm_steps=2, ddpm_solver="ddim"))
    evaluate.main(["ddpm-class", "--json", "--quick", "--root", str(root)])
    report = json.loads(capsys.readouterr().out)
    assert report["quick"] is True and report["models"]["ddpm-class"]["solver"] == "ddim"
    assert report["plan"]["samples"] == 100 and "flow_class_accuracy" not in report
    with pytest.raises(SystemExit):
        evaluate.main(["--quick", "--write", "--root", str(root)])
    assert "--write stores the full measurement only" in capsys.readouterr().err


def test_what_is_missing_or_unknown_is_a_sentence(root, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(data, "load", lambda split, folder=None: DIGITS[split])
    with pytest.raises(SystemExit, match=r"make it: python -m mnist_models\.classifier$"):
        evaluate.main(["--root", str(tmp_path)])
    shutil.copytree(root / "classifier", tmp_path / "classifier")
    with pytest.raises(SystemExit, match=r"make it: python -m mnist_models\.train flow-class$"):
        evaluate.main(["flow-class", "--root", str(tmp_path)])
    with pytest.raises(SystemExit):
        evaluate.main(["flow-clas"])
    assert "no measurement for flow-clas; there are flow-class" in capsys.readouterr().err
