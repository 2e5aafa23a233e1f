"""How far a training is, for people: does the caption matter yet, and what do samples look like?

The caption gap is the sign to watch: the loss with the right caption, with a shuffled one and with
none, by t. As long as the three are equal the model ignores its prompts, however sharp its pictures.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from diffusion_core.estimates import Answer, Ask, Card, Condition, given, guided
from diffusion_core.levels import leading, noised, schedule, strided
from diffusion_core.loop import Process, denoise
from diffusion_core.samplers import Rng, dynamic
from emoji_model.cascade import Stage, tokens
from emoji_model.objective import Objective

GAP_TIMES = (950, 850, 700, 500)

PROMPTS = (
    "a dog",
    "a rocket ship",
    "a pencil",
    "a red heart",
    "an oil painting of an old man",
    "a man wearing a hat",
    "a lithograph of a skull",
    "a photo of a dog",
    "an oil painting of a snowy mountain village",
    "an oil painting of people around a campfire",
    "a cat",
    "a tree",
    "a house",
    "an apple",
    "a car",
    "a fish",
    "a dog next to a tree",
    "a crown above a cat",
    "an owl on a blue background",
    "a moon in the night sky",
    "a pizza",
    "a ghost",
    "a rose",
    "a grinning face",
)
"""The course's prompts, and single things; the sample sheet shows them in this order."""


@torch.no_grad()
def caption_gap(stage: Stage, objective: Objective, x0: Tensor, ids: Tensor, mask: Tensor, empty) -> dict:
    """{t: {"right", "shuffled", "empty"}}: mean |eps - eps_theta|^2 with one fixed noise.

    x0 [B,3,H,W], its captions ids and mask [B,77]; empty: ids and mask [1,77] of "".
    """
    rng = torch.Generator().manual_seed(0)
    eps = torch.randn(x0.shape, generator=rng).to(x0.device)
    told = {
        "right": (ids, mask),
        "shuffled": (ids.roll(1, 0), mask.roll(1, 0)),
        "empty": tuple(part.to(x0.device).expand(len(x0), -1) for part in empty),
    }
    gaps = {}
    for t in GAP_TIMES:
        at = torch.full((len(x0),), t, device=x0.device)
        x_t = objective.noised(x0, at, eps)
        errors = {k: (stage(x_t, at, *text)[0] - eps).square().mean() for k, text in told.items()}
        gaps[t] = {name: round(float(error), 5) for name, error in errors.items()}
    return gaps


CARD = Card("emoji", "eps", (3, 64, 64), "if-cosine", spread=True)


@torch.no_grad()
def samples(
    stage: Stage,
    tokenizer,
    prompts: Sequence[str],
    *,
    size: int = 64,
    steps: int = 25,
    gamma: float = 3.0,
    seed: int = 0,
    device: torch.device | str = "cpu",
    bf16: bool = True,
) -> Tensor:
    """[B,3,size,size] in [-1,1]: a picture per prompt by the house's own loop, without its engine; ancestral,
    as IF's own sampler is."""
    path = strided(schedule(CARD.schedule), leading(1000, steps))
    estimate = guided(CARD, Condition(tuple(prompts)), Condition(("",) * len(prompts)), gamma)
    rng = Rng(range(seed, seed + len(prompts)))
    noise = rng.normal((3, size, size)).to(device)
    process = denoise(noise, path, estimate, rng, threshold=dynamic())
    ids, mask = tokens(tokenizer, [*prompts, ""])
    read = stage.read(ids.to(device), mask.to(device))
    said = dict(zip([*prompts, ""], read))
    return driven(process, lambda ask: answered(stage, ask, said, bf16))


@torch.no_grad()
def enlarged(
    stage: Stage,
    tokenizer,
    prompts: Sequence[str],
    small: Tensor,
    *,
    steps: int = 20,
    noise_level: int = 50,
    seed: int = 0,
    bf16: bool = True,
) -> Tensor:
    """[B,3,256,256]: stage II on small [B,3,64,64], unguided, ancestral as IF's own, threshold at 1.

    DDIM would carry what one step gets wrong to the end: on white, clipping noise at 1 darkens a little.
    """
    path = strided(schedule(CARD.schedule), leading(1000, steps))
    rng = Rng(range(seed, seed + len(prompts)))
    large = F.interpolate(small, scale_factor=4, mode="bilinear", align_corners=True)
    noise = rng.normal_like(large)
    beside = noised(large, schedule(CARD.schedule)[noise_level], rng.normal_like(large))
    estimate = given(CARD, Condition(tuple(prompts), beside, noise_level))
    process = denoise(noise, path, estimate, rng, threshold=dynamic(largest=1.0))
    said = dict(zip(prompts, stage.read(*tokens(tokenizer, list(prompts)))))
    return driven(process, lambda ask: answered(stage, ask, said, bf16))


def driven(process: Process, answer) -> Tensor:
    """Answer a process's questions one by one until it gives its picture."""
    answers = None
    try:
        step = next(process)
        while True:
            answers = [answer(ask) for ask in step.asks]
            step = process.send(answers)
    except StopIteration as done:
        return done.value


def answered(stage: Stage, ask: Ask, said: dict[str, Tensor], bf16: bool) -> Answer:
    """What a stage says to a question; said: prompt -> its embeddings [77,D]."""
    x, rows, level = ask.x, len(ask.x), None
    t = torch.full((rows,), int(ask.level.t), device=x.device)
    if ask.cond.beside is not None:
        x = torch.cat([x, ask.cond.beside], 1)
        level = torch.full((rows,), int(ask.cond.noise), device=x.device)
    text = torch.stack([said[label] for label in ask.cond.labels])
    with torch.autocast(x.device.type, torch.bfloat16, enabled=bf16):
        out = stage.unet(x, t, text, class_labels=level).sample.float()
    return Answer(*out.chunk(2, dim=1))
