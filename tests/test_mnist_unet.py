"""The UNet is the course's, block for block: sizes, shapes, and where time and class come in."""

import pytest
import torch

from mnist_models.unet import UNet, UNetConfig

EVERY = [
    UNetConfig(8),
    UNetConfig(8, time=True),
    UNetConfig(8, time=True, modulation="multiply"),
    UNetConfig(8, time=True, classes=True),
    UNetConfig(8, time=True, classes=True, modulation="multiply"),
]


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def network(config: UNetConfig) -> UNet:
    torch.manual_seed(0)
    return UNet(config).eval()


def question(rng, batch: int = 3):
    """x, t and c for a batch: noise, times in [0,1], and the classes 0, 1, 2, ..."""
    x = torch.randn(batch, 1, 28, 28, generator=rng)
    return x, torch.rand(batch, generator=rng), torch.eye(10)[:batch]


def counted(D: int, time: bool, classes: bool) -> int:
    """The parameters, summed by hand from the course's figure; a conv and its norm are k a b + 3 b."""

    def conv(a: int, b: int, k: int = 3) -> int:
        return k * k * a * b + b + 2 * b

    def fc(a: int, b: int) -> int:
        return a * b + b + b * b + b

    down = conv(1, D) + conv(D, D)  # init
    down += conv(D, D) + 2 * conv(D, D)  # down1
    down += conv(D, 2 * D) + 2 * conv(2 * D, 2 * D)  # down2
    up = conv(2 * D, 2 * D, k=7)  # unflatten
    up += conv(4 * D, D, k=4) + 2 * conv(D, D)  # up1
    up += conv(2 * D, D, k=4) + 2 * conv(D, D)  # up2
    up += conv(2 * D, D) + conv(D, D) + 9 * D + 1  # last, out
    told = time * (fc(1, 2 * D) + fc(1, D)) + classes * (fc(10, 2 * D) + fc(10, D))
    return down + up + told


@pytest.mark.parametrize(
    ("config", "size"),
    [
        (UNetConfig(128), 7_891_073),
        (UNetConfig(64, time=True), 1_996_417),
        (UNetConfig(64, time=True, classes=True), 2_019_201),
    ],
)
def test_sizes_are_those_of_the_course(config, size):
    assert sum(p.numel() for p in UNet(config).parameters()) == size
    assert counted(config.width, config.time, config.classes) == size


@pytest.mark.parametrize("config", EVERY, ids=str)
def test_shapes_on_the_way_and_at_the_end(config, rng):
    net, (x, t, c) = network(config), question(rng)
    D = config.width
    assert [tuple(s.shape) for s in net.encode(x)] == [
        (3, D, 28, 28), (3, D, 14, 14), (3, 2 * D, 7, 7), (3, 2 * D, 1, 1)
    ]  # fmt: skip
    assert net(x, t if config.time else None, c if config.classes else None).shape == x.shape


@pytest.mark.parametrize("config", EVERY, ids=str)
def test_forward_is_decode_of_encode(config, rng):
    net, (x, t, c) = network(config), question(rng)
    assert torch.equal(net.decode(net.encode(x), t, c), net(x, t, c))


def test_what_is_told_enters_only_in_the_decoder(rng):
    """encode takes nothing but x, and one encoding serves the asks with and without the class."""
    net, (x, t, c) = network(UNetConfig(8, time=True, classes=True)), question(rng)
    seen = []
    for block in (net.init, net.down1, net.down2, net.flatten):
        block.register_forward_hook(lambda module, inputs, output: seen.append(output))
    answers = [net(x, t, c), net(x, t, torch.zeros_like(c)), net(x, 1 - t, c)]
    for early, without, later in zip(seen[:4], seen[4:8], seen[8:]):
        assert torch.equal(early, without) and torch.equal(early, later)
    assert not torch.allclose(answers[0], answers[1]) and not torch.allclose(answers[0], answers[2])


@pytest.mark.parametrize("modulation", ["add", "multiply"])
def test_the_equations_of_modulation(modulation, rng):
    """add: h <- c h + t;  multiply: h <- t c h;  and the two places have weights of their own."""
    net, (_, t, c) = network(UNetConfig(8, time=True, classes=True, modulation=modulation)), question(rng)
    for place, channels in ((1, 16), (2, 8)):
        h = torch.randn(3, channels, 7, 7, generator=rng)
        told_t = getattr(net, f"time{place}")(t[:, None])
        told_c = getattr(net, f"class{place}")(c)
        assert told_t.shape == told_c.shape == (3, channels)
        for b in range(3):
            for k in range(channels):
                scaled = told_c[b, k] * h[b, k]
                expected = scaled + told_t[b, k] if modulation == "add" else told_t[b, k] * scaled
                torch.testing.assert_close(net._modulate(h, place, t, c)[b, k], expected)


def test_without_class_only_time_modulates(rng):
    net, (_, t, _) = network(UNetConfig(8, time=True)), question(rng)
    h = torch.randn(3, 16, 7, 7, generator=rng)
    torch.testing.assert_close(net._modulate(h, 1, t, None), h + net.time1(t[:, None])[..., None, None])


def test_a_picture_does_not_depend_on_its_neighbours(rng):
    net, (x, t, c) = network(UNetConfig(8, time=True, classes=True)), question(rng)
    together = net(x, t, c)
    for b in range(3):
        torch.testing.assert_close(net(x[b : b + 1], t[b : b + 1], c[b : b + 1])[0], together[b])


def test_a_configuration_survives_as_data_and_nonsense_is_refused():
    config = UNetConfig(8, time=True, classes=True, modulation="multiply")
    assert UNetConfig(**config.as_dict()) == config
    with pytest.raises(ValueError, match='modulation is "add" or "multiply"'):
        UNet(UNetConfig(8, modulation="subtract"))
    with pytest.raises(ValueError, match="needs time too"):
        UNet(UNetConfig(8, classes=True))
