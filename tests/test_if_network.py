"""A forward of ours is UNet2DConditionModel's, for any mixture of rows, and reads each prompt once."""

import copy

import pytest
import tiny_if as tiny
import torch
from diffusers.models.resnet import ResnetBlock2D

from diffusion_core.estimates import Ask, Card, Condition
from diffusion_core.levels import schedule
from diffusion_core.models.deepfloyd import blocks
from diffusion_core.models.deepfloyd.unet import IFNetwork, NotIF

LEVELS = schedule("if-cosine")


class Texts:
    """Embeddings of any prompt, and how often each was asked for."""

    def __init__(self):
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> torch.Tensor:
        self.asked.append(prompt)
        return torch.randn(77, tiny.TEXT_WIDTH, generator=torch.Generator().manual_seed(len(prompt)))


PLAIN = {
    "down_block_types": ("DownBlock2D", "SimpleCrossAttnDownBlock2D", "SimpleCrossAttnDownBlock2D"),
    "up_block_types": ("SimpleCrossAttnUpBlock2D", "SimpleCrossAttnUpBlock2D", "UpBlock2D"),
}
SPARE = PLAIN | {"block_out_channels": (16, 32, 32), "layers_per_block": (0, 1, 2), "act_fn": "silu"}
"""As the built-in model's: nothing but a convolution at full resolution on the way in."""
SPARE["up_block_types"] = ("UpBlock2D",) * 3
UNETS = {
    "stage I": tiny.stage_1_unet,
    "stage II": tiny.stage_2_unet,
    "plain blocks": lambda: tiny.stage_1_unet(**PLAIN),
    "spare blocks": lambda: tiny.stage_1_unet(**SPARE),
}


@pytest.fixture(params=UNETS)
def pair(request):
    """diffusers' UNet, and ours made of a copy of it."""
    unet = UNETS[request.param]()
    side = unet.config.sample_size
    card = Card("tiny", "eps", (3, side, side), "if-cosine", spread=True)
    return unet, IFNetwork(copy.deepcopy(unet), card, Texts())


def asks(network: IFNetwork, *questions: tuple[tuple[str | None, ...], int]) -> list[Ask]:
    """An ask per (labels, t), about pictures of its own; at stage II told a small picture, noise t / 10."""
    rng = torch.Generator().manual_seed(1)
    result = []
    for labels, t in questions:
        shape = (len(labels), *network.card.shape)
        x, beside = torch.randn(shape, generator=rng), torch.randn(shape, generator=rng)
        told = (beside, t // 10) if network.unet.config.in_channels == 6 else ()
        result.append(Ask("tiny", x, LEVELS[t], Condition(labels, *told)))
    return result


@torch.no_grad()
def expected(unet, texts: Texts, ask: Ask, row: int) -> torch.Tensor:
    """diffusers' answer to one row, [6,H,W]."""
    x = ask.x[row : row + 1]
    extra = {}
    if ask.cond.beside is not None:
        x = torch.cat([x, ask.cond.beside[row : row + 1]], dim=1)
        extra = {"class_labels": torch.tensor([ask.cond.noise])}
    text = texts(ask.cond.labels[row] or "")[None]
    return unet(x, int(ask.level.t), encoder_hidden_states=text, **extra).sample[0]


QUESTIONS = ((("a dog", "a skull"), 900), (("", None), 20), (("a dog",), 500))


def test_rows_of_differing_time_prompt_and_noise_level_are_answered_together(pair):
    unet, network = pair
    questions = asks(network, *QUESTIONS)
    for ask, answer in zip(questions, network.answer(questions)):
        for row in range(ask.rows):
            ours = torch.cat([answer.prediction[row], answer.spread[row]])
            torch.testing.assert_close(ours, expected(unet, network.embed, ask, row), rtol=0, atol=1e-5)


def test_a_row_does_not_depend_on_its_neighbours(pair):
    _, network = pair
    questions = asks(network, *QUESTIONS)
    for ask, together in zip(questions, network.answer(questions)):
        (alone,) = network.answer([ask])
        torch.testing.assert_close(alone.prediction, together.prediction, rtol=0, atol=1e-5)
        torch.testing.assert_close(alone.spread, together.spread, rtol=0, atol=1e-5)


def test_the_answer_minds_every_thing_it_is_told(pair):
    _, network = pair
    (ask,) = asks(network, (("a dog",), 500))
    (answer,) = network.answer([ask])
    changed = [ask.cond.__class__(("a skull",), ask.cond.beside, ask.cond.noise)]
    if ask.cond.beside is not None:
        changed.append(Condition(("a dog",), -ask.cond.beside, ask.cond.noise))
        changed.append(Condition(("a dog",), ask.cond.beside, 900))
    others = [Ask("tiny", ask.x, ask.level, cond) for cond in changed]
    others += [Ask("tiny", -ask.x, ask.level, ask.cond), Ask("tiny", ask.x, LEVELS[100], ask.cond)]
    for other in network.answer(others):
        assert (other.prediction - answer.prediction).abs().max() > 1e-3


def test_a_prompt_is_read_once_however_often_it_is_asked_about(pair):
    _, network = pair
    for _ in range(3):
        network.answer(asks(network, (("a dog", "", "a dog"), 700)))
        network.answer(asks(network, ((None, "a skull"), 300)))
    assert sorted(network.embed.asked) == ["", "a dog", "a skull"]


def test_many_prompts_do_not_pile_up(pair, monkeypatch):
    monkeypatch.setattr("diffusion_core.models.deepfloyd.unet.PROMPTS_KEPT", 3)
    _, network = pair
    for k in range(6):
        network.answer(asks(network, ((str(k),), 500)))
    assert len(network._texts) == 3
    network.answer(asks(network, (("0",), 500)))
    assert network.embed.asked == ["0", "1", "2", "3", "4", "5", "0"]


def test_half_precision_stays_near_float32():
    """The gate of the CPU's bf16: its error is small beside the answer, and answers come in float32."""
    unet = tiny.stage_1_unet()
    card, texts = Card("tiny", "eps", (3, 16, 16), "if-cosine", spread=True), Texts()
    exact = IFNetwork(copy.deepcopy(unet), card, texts)
    half = IFNetwork(unet, card, texts, dtype=torch.bfloat16)
    for a, b in zip(exact.answer(asks(exact, *QUESTIONS)), half.answer(asks(half, *QUESTIONS))):
        assert b.prediction.dtype == torch.float32
        assert (a.prediction - b.prediction).std() < 0.03 * a.prediction.std()


# the parts


@pytest.mark.parametrize("cpu", [True, False], ids=["as on a CPU", "as on a GPU"])
@pytest.mark.parametrize(
    "settings",
    [{}, {"up": True}, {"down": True}, {"out_channels": 24}, {"output_scale_factor": 2**0.5}],
    ids=lambda settings: next(iter(settings), "as large"),
)
def test_a_residual_block_is_that_of_diffusers(settings, cpu):
    usual = {"in_channels": 16, "temb_channels": 12, "groups": 8, "time_embedding_norm": "scale_shift"}
    block = ResnetBlock2D(**usual | settings).requires_grad_(False).eval()
    x, emb = torch.randn(2, 16, 8, 8), torch.randn(2, 12)
    projected = torch.cat([torch.randn(2, 5), block.time_emb_proj(block.nonlinearity(emb))], dim=1)
    ours = blocks.Residual(block, slice(5, None), cpu)
    torch.testing.assert_close(ours(x, projected), block(x, emb), rtol=0, atol=1e-5)


def test_twice_as_large_and_then_a_convolution_is_one_transposed_convolution():
    conv = torch.nn.Conv2d(3, 5, 3, padding=1).double().requires_grad_(False)
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64)
    expected = conv(x.repeat_interleave(2, -2).repeat_interleave(2, -1))
    torch.testing.assert_close(blocks.Doubled(conv)(x), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pointwise_layers_side_by_side_are_1x1_convolutions(dtype):
    first, second = (torch.nn.Conv2d(8, n, 1).to(dtype).requires_grad_(False) for n in (4, 6))
    x = torch.randn(2, 8, 5, 5).to(dtype, memory_format=torch.channels_last)
    ours = blocks.Pointwise([first, second])(x)
    expected = torch.cat([first(x), second(x)], dim=1)
    torch.testing.assert_close(ours, expected)
    assert ours.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    "changes, complaint",
    [
        ({"out_channels": 3}, "out_channels is 3, not 6"),
        ({"in_channels": 4}, "in_channels is 4, not 3 or 6"),
        ({"resnet_time_scale_shift": "default"}, "resnet_time_scale_shift is 'default'"),
        ({"sample_size": 18}, "halves 2 times cannot take 18 pixels"),
    ],
)
def test_another_kind_of_unet_is_refused_in_a_sentence(changes, complaint):
    with pytest.raises(NotIF, match=complaint):
        IFNetwork(tiny.stage_1_unet(**changes), Card("x", "eps", (3, 16, 16), "if-cosine"), Texts())
