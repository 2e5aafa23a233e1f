"""The benchmark compares like with like: both arms draw the same picture."""

import json

import pytest

from benchmarks import mnist
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
