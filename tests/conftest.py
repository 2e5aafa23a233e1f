"""What the tests share: `--slow`, calm threads, and studios of fake and of tiny networks."""

import json

import pytest
import torch
from fakes import CASCADE, FakeStudio, drawing, with_examples
from PIL import Image
from walk import browser, page, server  # noqa: F401  the fixtures of a visitor

from diffusion_core.serving.studio import Studio
from mnist_models import network, train, zoo
from mnist_models.unet import UNet, UNetConfig

WIDTH = 8  # of the tiny UNets; the shipped ones have 64 and 128


def pytest_addoption(parser):
    parser.addoption("--slow", action="store_true", help="run the slow tests too")
    parser.addoption("--write-golden", action="store_true", help="write tests/golden/ anew")


def pytest_configure(config):
    torch.set_num_threads(1)  # the tensors are small: threads would wait for each other longer than they work


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--slow"):
        for item in items:
            if "slow" in item.keywords:
                item.add_marker(pytest.mark.skip(reason="slow; run with --slow"))


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def tiny_root(tmp_path_factory):
    """A folder of checkpoints like checkpoints/mnist, with narrow UNets of random weights."""
    root = tmp_path_factory.mktemp("mnist")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name in network.MODELS:
            preset = train.PRESETS[name]
            config = UNetConfig(WIDTH, preset.time, preset.classes, preset.modulation)
            for epoch in (preset.snapshots[0], preset.snapshots[-1]):  # the first and the last
                zoo.save(root / name, epoch, stirred(UNet(config)))
            zoo.describe(root / name, {"network": config.as_dict()})
    digits = Image.new("L", (280, 28))
    for k in range(10):
        digits.paste(drawing(28), (28 * k, 0))
    digits.save(root / "digits.png")
    (root / "mean.json").write_text(json.dumps({"mean": [0.1] * 784, "rms": 0.3, "count": 60_000}))
    return root


def stirred(net: UNet) -> UNet:
    """A network whose batch statistics and norms have something to say, as after training."""
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.2)
                module.running_var.uniform_(0.5, 2.0)
                module.weight.uniform_(0.7, 1.3)
                module.bias.normal_(0, 0.2)
    return net.eval()


@pytest.fixture(scope="session")
def tiny_if(tmp_path_factory):
    """The folders of a tiny DeepFloyd IF cascade, see tiny_if.py."""
    from tiny_if import build  # here, since it imports diffusers and transformers

    return build(tmp_path_factory.mktemp("tiny-if"))


@pytest.fixture
def tiny_studio(tiny_root):
    """All MNIST models in small, read by the real loader, behind a real engine."""
    studio = with_examples(Studio())
    network.register(studio, tiny_root)
    yield studio
    studio.engine.close()


@pytest.fixture
def fake_studio():
    """Every card of the house with a fake network behind it, which counts what it is asked."""
    studio = with_examples(FakeStudio())
    network.register(studio)
    for card in CASCADE:
        studio.register(card, None)
    yield studio
    studio.engine.close()
