"""Checkpoints come back as they went, in files a Space accepts; what is wrong is said with a remedy."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from mnist_models import zoo
from mnist_models.train import PRESETS
from mnist_models.unet import UNet, UNetConfig

CONFIG = UNetConfig(4, time=True, classes=True)
NAME = "flow-class"


def network(seed: int = 0) -> UNet:
    """Random weights, and batch statistics unlike those of a fresh network."""
    torch.manual_seed(seed)
    net = UNet(CONFIG)
    net.train()(torch.rand(8, 1, 28, 28), torch.rand(8), torch.eye(10)[:8])
    return net.eval()


@pytest.fixture
def root(tmp_path):
    """A root with one model, kept after epochs 2 and 10."""
    zoo.describe(tmp_path / NAME, {"name": NAME, "network": CONFIG.as_dict()})
    for epoch in (2, 10):
        zoo.save(tmp_path / NAME, epoch, network(epoch))
    return tmp_path


def weights(root):
    return root / NAME / "epoch-10.safetensors"


@pytest.mark.parametrize("epoch", [2, 10])
def test_a_network_comes_back_in_half_precision_ready_to_answer(root, epoch):
    net, original = zoo.load(NAME, epoch, root), network(epoch)
    assert not net.training and not any(p.requires_grad for p in net.parameters())
    for name, tensor in original.state_dict().items():
        if tensor.is_floating_point():
            kept = net.state_dict()[name]
            assert kept.dtype == torch.float32
            assert torch.equal(kept, tensor.half().float() if tensor.ndim > 1 else tensor), name
    x, t, c = torch.rand(2, 1, 28, 28), torch.rand(2), torch.eye(10)[:2]
    torch.testing.assert_close(net(x, t, c), original(x, t, c), rtol=1e-2, atol=1e-2)


def test_a_network_comes_back_from_8_bits_within_half_a_step(root):
    """w = scale q, |q| <= 127, a scale for each w[k]; numbers per channel as they were."""
    original, halves = network(10), weights(root).stat().st_size
    with torch.no_grad():
        next(p for p in original.parameters() if p.ndim > 1)[0] = 0  # nothing to scale
    (path,) = zoo.save(root / NAME, 10, original, bits=8)
    assert path.stat().st_size < halves
    kept = zoo.load(NAME, 10, root)
    for name, tensor in original.state_dict().items():
        if tensor.is_floating_point():
            back = kept.state_dict()[name]
            bound = tensor.flatten(1).abs().amax(1) / 254 * 1.001 if tensor.ndim > 1 else torch.zeros(())
            error = (back - tensor).abs().flatten(1).amax(1) if tensor.ndim > 1 else (back - tensor).abs()
            assert (error <= bound).all(), name
    x, t, c = torch.rand(64, 1, 28, 28), torch.rand(64), torch.eye(10)[torch.arange(64) % 10]
    error, answer = (kept(x, t, c) - original(x, t, c)).std(), original(x, t, c).std()
    assert error < 0.03 * answer


def test_the_last_epoch_is_the_default_and_an_absent_one_is_named(root):
    assert zoo.snapshots(NAME, root) == [2, 10]
    default = zoo.load(NAME, root=root).state_dict()
    for key, tensor in zoo.load(NAME, 10, root).state_dict().items():
        assert torch.equal(default[key], tensor), key
    with pytest.raises(zoo.CheckpointError, match=r"no weights after epoch 3; there are \[2, 10\]"):
        zoo.load(NAME, 3, root)


def test_epochs_of_three_digits_are_epochs_of_their_own(root):
    zoo.save(root / NAME, 100, network(100))
    zoo.save(root / NAME, 10, network(10))  # must not take epoch-100 for its own leftovers
    assert zoo.snapshots(NAME, root) == [2, 10, 100]
    assert torch.equal(zoo.load(NAME, 10, root).out.bias, network(10).out.bias)
    assert torch.equal(zoo.load(NAME, root=root).out.bias, network(100).out.bias)


def test_large_weights_are_split_and_no_file_passes_the_limit(root, monkeypatch):
    whole = load_file(weights(root))
    monkeypatch.setattr(zoo, "LARGEST_FILE", 7_000)
    paths = zoo.save(root / NAME, 10, network(10))
    assert len(paths) > 2 and not weights(root).exists()
    assert [p.name for p in paths][:1] == [f"epoch-10-00001-of-{len(paths):05d}.safetensors"]
    held = [load_file(path) for path in paths]
    assert all(sum(t.nbytes for t in part.values()) <= 7_000 for part in held)
    together = {name: tensor for part in held for name, tensor in part.items()}
    assert together.keys() == whole.keys() and sum(map(len, held)) == len(whole)
    assert zoo.snapshots(NAME, root) == [2, 10]
    assert torch.equal(zoo.load(NAME, 10, root).out.weight, whole["out.weight"].float())

    monkeypatch.setattr(zoo, "LARGEST_FILE", 9_000_000)  # and back to one file, with no shard left behind
    assert zoo.save(root / NAME, 10, network(10)) == [weights(root)]
    assert len(list((root / NAME).glob("epoch-10*"))) == 1


def test_the_largest_network_of_the_course_fits_the_limit_of_a_space(tmp_path):
    paths = zoo.save(tmp_path, 5, UNet(UNetConfig(128)))
    assert len(paths) > 1
    assert all(path.stat().st_size < 10_000_000 for path in paths)


def test_what_the_presets_keep_leaves_room_for_the_text_models(tmp_path):
    """53 of 100 MB in all, the classifier's 0.6 among them; early snapshots in 8 bits, the last in 16."""
    sizes = {}
    for name, preset in PRESETS.items():
        net = UNet(UNetConfig(preset.width, preset.time, preset.classes, preset.modulation))
        assert preset.snapshots[-1] == preset.epochs
        for epoch in preset.snapshots:
            paths = zoo.save(tmp_path / name, epoch, net, 16 if epoch == preset.epochs else 8)
            sizes |= {path: path.stat().st_size for path in paths}
    assert sum(sizes.values()) + 600_000 < 53_000_000 and max(sizes.values()) < 10_000_000


def test_shipping_replaces_what_was_there_before(root, tmp_path):
    made = tmp_path / "made"
    for epoch in (1, 3, 4):
        zoo.save(made, epoch, network(epoch), bits=8)
    zoo.ship(made, root / NAME, (1, 4))
    assert zoo.snapshots(NAME, root) == [1, 4]
    assert torch.equal(zoo.load(NAME, root=root).out.bias, network(4).out.bias)


def test_description_keeps_what_was_measured_before(root):
    zoo.describe(root / NAME, {"quality": {"accuracy": 0.5}})
    zoo.describe(root / NAME, {"name": "new"})
    assert zoo.facts(NAME, root) == {
        "name": "new", "network": CONFIG.as_dict(), "quality": {"accuracy": 0.5}
    }  # fmt: skip


def test_the_curve_is_there_or_empty(root):
    assert zoo.curve(NAME, root) == []
    (root / NAME / "stats.jsonl").write_text('{"step": 50, "loss": 0.5}\n{"step": 100, "loss": 0.25}\n')
    assert [line["loss"] for line in zoo.curve(NAME, root)] == [0.5, 0.25]


def cut(root):
    path = weights(root)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def cut_within_the_header(root):
    weights(root).write_bytes(weights(root).read_bytes()[:20])


def overwritten(root):
    weights(root).write_bytes(b"<html>404: Not Found</html>")


def emptied(root):
    weights(root).write_bytes(b"")


def of_another_width(root):
    zoo.save(root / NAME, 10, UNet(UNetConfig(5, time=True, classes=True)))


def of_another_network(root):
    zoo.save(root / NAME, 10, UNet(UNetConfig(4, time=True)))


def with_a_tensor_lost(root):
    state = load_file(weights(root))
    del state["out.bias"]
    save_file(state, weights(root))


def with_a_scale_lost(root):
    zoo.save(root / NAME, 10, network(10), bits=8)
    state = load_file(weights(root))
    del state["out.weight.scale"]
    save_file(state, weights(root))


def with_a_scale_of_another_length(root):
    zoo.save(root / NAME, 10, network(10), bits=8)
    save_file(load_file(weights(root)) | {"out.weight.scale": torch.ones(3)}, weights(root))


def a_shard_lost(root):
    paths = zoo.save(root / NAME, 10, network(10))
    assert len(paths) > 2
    paths[1].unlink()


def no_weights(root):
    for path in (root / NAME).glob("*.safetensors"):
        path.unlink()


def no_model_at_all(root):
    shutil.rmtree(root / NAME)


def description_cut(root):
    (root / NAME / "model.json").write_text('{"name": "flow-cl')


def description_of_no_dictionary(root):
    (root / NAME / "model.json").write_text("[1, 2]")


def description_without_network(root):
    (root / NAME / "model.json").write_text('{"name": "flow-class"}')


def description_of_a_stranger(root):
    (root / NAME / "model.json").write_text(json.dumps({"network": {"layers": 12}}))


DAMAGE = {
    cut: "is damaged",
    cut_within_the_header: "is damaged",
    overwritten: "is damaged",
    emptied: "is damaged",
    of_another_width: "does not fit the network",
    of_another_network: "does not fit the network at class1.0.bias",
    with_a_tensor_lost: "does not fit the network at out.bias",
    with_a_scale_lost: "does not fit the network at out.weight",
    with_a_scale_of_another_length: "does not fit the network",
    a_shard_lost: "does not fit the network at",
    no_weights: "is missing",
    no_model_at_all: "model.json is missing",
    description_cut: "model.json cannot be read",
    description_of_no_dictionary: "model.json cannot be read",
    description_without_network: "model.json is not of this UNet",
    description_of_a_stranger: "model.json is not of this UNet",
}


@pytest.mark.parametrize(("damage", "says"), DAMAGE.items(), ids=lambda case: getattr(case, "__name__", None))
def test_a_bad_checkpoint_says_what_is_wrong_and_what_to_do(root, damage, says, monkeypatch):
    if damage is a_shard_lost:
        monkeypatch.setattr(zoo, "LARGEST_FILE", 7_000)
    damage(root)
    with pytest.raises(zoo.CheckpointError) as caught:
        zoo.load(NAME, root=root)
    assert says in str(caught.value)
    assert str(caught.value).endswith("or make it: python -m mnist_models.train flow-class")


def test_the_classifier_has_a_command_of_its_own(tmp_path):
    with pytest.raises(zoo.CheckpointError, match=r"python -m mnist_models\.classifier$"):
        zoo.facts("classifier", tmp_path)
