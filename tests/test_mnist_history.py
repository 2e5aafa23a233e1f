"""What the Training tab says of the shipped models: curves, an experiment, facts; and of missing files."""

import json

import gradio as gr
import pytest

from mnist_models import history, train, zoo
from mnist_models.unet import UNetConfig
from tabs import training


def keep(root, name, test_losses, lr=0.01, **changes):
    """Files of a run with two reports an epoch, as train.py leaves them."""
    preset = train.PRESETS["flow-class"]
    lines = []
    for epoch, loss in enumerate(test_losses, 1):
        lines.append({"step": 10 * epoch - 5, "epoch": epoch - 0.5, "loss": loss + 0.02, "lr": lr})
        lines.append({"step": 10 * epoch, "epoch": float(epoch), "loss": loss, "lr": lr, "test_loss": loss})
    about = {
        "network": UNetConfig(64, True, True, "multiply").as_dict(),
        "objective": "flow",
        "preset": vars(preset) | {"snapshots": list(preset.snapshots)},
        "data": "MNIST",
        "made": {
            "epochs": len(test_losses),
            "epochs_of_the_course": 10,
            "steps": 10 * len(test_losses),
            "seconds": 130,
            "hardware": "CPU",
            "precision": "bf16",
        },
    }
    zoo.describe(root / name, about | changes)
    (root / name / "stats.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.fixture
def root(tmp_path):
    keep(
        tmp_path, "flow-class", [0.12, 0.11, 0.10], quality={"class_accuracy": 0.9876, "class_frechet": 3.21}
    )
    keep(tmp_path, history.FIXED, [0.15, 0.13], lr=1e-4)
    return tmp_path


def test_smoothing_is_a_mean_of_the_past():
    assert history.smoothed([4.0, 2.0, 0.0, 2.0], 1) == [4, 2, 0, 2]
    assert history.smoothed([4.0, 2.0, 0.0, 2.0], 3) == pytest.approx([4, 3, 2, 4 / 3])


def test_curves_of_a_group_and_what_is_missing(root):
    points, tests, said = training.curves("flow", training.END, 1, root)
    assert set(points["run"]) == {"flow-class", history.FIXED}
    assert tests[tests["run"] == "flow-class"]["loss"].tolist() == [0.12, 0.11, 0.10]
    assert "The training curve of flow-time is not here." in said
    ends = training.limits(points, tests, training.END)
    assert ends["x_lim"] == [0.0, 3.0] and 0 < ends["y_lim"][0] < 0.10 < ends["y_lim"][1]
    assert training.limits(points, tests, training.ALL)["y_lim"][0] == 0


def test_an_empty_group_has_an_empty_plot(root):
    points, tests, said = training.curves("ddpm", training.ALL, 5, root)
    assert points["loss"].isna().all() and tests["loss"].isna().all()
    assert said.count("is not here") == 2
    assert training.limits(points, tests, training.ALL) == {"x_lim": [0, 1], "y_lim": [0, 1]}


def test_the_experiment_is_told_from_its_numbers(root):
    told = history.fixed_rate(root)
    assert "After 2 epochs the test loss is 0.1100 for flow-class, whose step size falls from 0.01" in told
    assert "0.1300 for flow-class-fixed, where it stays at 0.0001" in told
    assert "works, only slowly: the large one was there after" in told
    keep(root, history.FIXED, [0.11, 0.09], lr=1e-4)
    assert "no worse here" in history.fixed_rate(root)


def test_facts_are_plain_about_fewer_epochs(root):
    row = dict(zip(history.COLUMNS, history.made("flow-class", root)))
    assert (
        row["Epochs"] == "3 (course: 10)" and row["Parameters"] == "2.0 M (D = 64)" and row["Took"] == "2 min"
    )
    assert row["Quality"] == "98.8% of its digits are read as asked; Fréchet distance 3.21; test loss 0.1000"
    page = training.facts(root)
    assert (
        "Fewer epochs than the course were run</b> for flow-class (3 of 10), flow-class-fixed (2 of 10)"
        in page
    )
    assert "model.json is missing" in page  # of the others


@pytest.mark.parametrize("damage", ["", "{", '{"network": {}}', "[]", '{"network": {"depth": 3}, "made": 1}'])
def test_damaged_facts_are_told_in_a_sentence(root, damage):
    (root / "flow-class" / "model.json").write_text(damage)
    with pytest.raises(zoo.CheckpointError, match="flow-class"):
        history.made("flow-class", root)
    assert "flow-class" in training.facts(root)


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"epoch": 1}', '{"epoch": "one", "loss": 2}', "\xff"])
def test_damaged_curves_are_told_in_a_sentence(root, damage):
    (root / "flow-class" / "stats.jsonl").write_text(damage, encoding="latin-1")
    with pytest.raises(zoo.CheckpointError, match="The training curve of flow-class"):
        history.curve("flow-class", root)
    assert "flow-class" in training.curves("flow", training.END, 5, root)[2]


def test_the_tab_stands_without_any_checkpoint(tmp_path, fake_studio):
    with gr.Blocks() as page, gr.Tab(training.TITLE):
        training.build(fake_studio, tmp_path)
    public = [api for api in page.get_api_info()["named_endpoints"]]
    assert public == []
