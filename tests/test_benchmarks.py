"""The benchmarks compare like with like: all arms draw the same picture."""

import json
from argparse import Namespace

import pytest
import tiny_if as tiny
import torch
from text_house import text_techniques_installed as _installed  # noqa: F401

from benchmarks import builtin, mnist, sampling, sampling_gpu, training
from mnist_models import zoo


def test_the_mnist_benchmark_reports_what_it_did(tiny_root, capsys):
    mnist.main(["--json", "--root", str(tiny_root), "--steps", "2", "--repeats", "2"])
    report = json.loads(capsys.readouterr().out)
    assert report["steps"] == {"flow": 2, "ddpm": 2}
    assert set(report["goals_met"]) == {"flow_ratio", "ddpm_ratio", "joint_ratio"}
    assert all(len(each) == 2 and min(each) > 0 for each in report["seconds"].values())
    one, two = report["seconds"]["flow, ours"]
    a, b = report["seconds"]["flow, theirs"]
    assert report["flow_ratio"] == pytest.approx((one / a + two / b) / 2)
    assert report["flow_difference_float32"] < 1e-4 < report["flow_difference"]


def test_without_weights_it_says_what_is_missing(tmp_path):
    with pytest.raises(zoo.CheckpointError, match="flow-class"):
        mnist.main(["--root", str(tmp_path)])


@pytest.mark.usefixtures("_installed")
def test_the_sampling_benchmark_reports_what_it_did(monkeypatch, capsys):
    monkeypatch.setattr(sampling, "SHAPE", {"sample_size": 16})
    sampling.main(["--json", "--steps", "3", "--repeats", "2"])
    report = json.loads(capsys.readouterr().out)
    assert set(report["goals_met"]) == {"solo_ratio", "solo_ratio_best", "host_ops_ratio"}
    assert len(report["seconds"]) == 6
    assert all(len(each) == 2 and min(each) > 0 for each in report["seconds"].values())
    one, two = report["seconds"]["solo, ours"]
    a, b = report["seconds"]["solo, theirs"]
    assert report["solo_ratio"] == pytest.approx((one / a + two / b) / 2)
    assert max(report["solo_difference"], report["anagram_difference"]) < 1e-5
    assert report["goals_met"]["host_ops_ratio"]  # counted, not timed


@pytest.mark.usefixtures("_installed")
def test_the_benchmark_of_the_built_in_model_reports_what_it_did(monkeypatch, capsys):
    monkeypatch.setattr(builtin, "STEPS", 2)
    builtin.main(["--json", "--repeats", "1"])
    report = json.loads(capsys.readouterr().out)
    assert set(report["seconds"]) == {"ours", "ours, float32", "IFPipeline"}
    assert report["first_preview"] > 0 and 0 < report["seconds_64"] < report["seconds_256"]
    assert report["ratio"] == pytest.approx(
        report["seconds"]["ours"][0] / report["seconds"]["IFPipeline"][0], rel=0.1
    )


def test_the_benchmark_of_training_reports_what_it_did(monkeypatch, capsys):
    narrow = {"block_out_channels": (8, 16, 16, 16), "attention_head_dim": 8}
    for configs in (training.NOW, training.BEFORE):
        monkeypatch.setitem(configs, 32, configs[32] | narrow)
    for counts in (training.BATCH, training.BATCH_BEFORE):
        monkeypatch.setitem(counts, 32, 2)
    threads = torch.get_num_threads()
    training.main(["--json", "--threads", str(threads), "--size", "32", "--eager", "--repeats", "1"])
    row = json.loads(capsys.readouterr().out)["sizes"]["32"]
    assert set(row["seconds"]) == {"now", "before"} and row["ratio"] > 0
    assert row["samples_per_second"]["now"] == pytest.approx(2 / row["seconds"]["now"][0], abs=0.1)
    assert 0 < row["gflop"]["done"] < row["gflop"]["stated"]


@pytest.mark.parametrize("name, millions", [("M", 372), ("L", 935), ("XL", 4305)])
def test_the_shapes_on_a_gpu_have_the_parameters_of_the_published_models(name, millions):
    with torch.device("meta"):
        unet = tiny.stage_1_unet(**sampling_gpu.SHAPES[name])
    assert round(sum(weight.numel() for weight in unet.parameters()) / 1e6) == millions


@pytest.mark.usefixtures("_installed")
def test_the_benchmark_of_a_gpu_compares_equal_pictures(monkeypatch):
    """On a CPU and not compiled: what it would do, and not how fast."""
    monkeypatch.setattr(sampling_gpu, "SHAPES", {"M": {"sample_size": 16}})
    monkeypatch.setattr(sampling_gpu, "COUNTS", (1, 2))
    how = Namespace(steps=2, repeats=1, eager=True, dtype="float32", shapes=["M"])
    report = sampling_gpu.benchmark(how, device="cpu")
    assert [(row["arm"], row["pictures"]) for row in report["rows"]] == [
        (arm, count) for arm in ("IFPipeline", "ours") for count in (1, 2)
    ]
    assert [row["apart"] for row in report["rows"]] == pytest.approx([0.0] * 4, abs=1e-5)
    assert sampling_gpu.table(report).count("\n| M |") == 4
