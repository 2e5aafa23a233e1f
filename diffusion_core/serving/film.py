"""The film of a run: about KEPT_STEPS of its steps, put aside on the way."""

from collections.abc import Sequence

import torch
from torch import Tensor

from diffusion_core.images import convert
from diffusion_core.levels import CLEAN, Level
from diffusion_core.loop import Process
from diffusion_core.models.deepfloyd.safety import Guard
from diffusion_core.serving.result import Kept
from diffusion_core.techniques.registry import Plan

KEPT_STEPS = 24  # how many steps of a run are kept for the scrubber and the film strip


def filmed(plan: Plan, film: list[Kept], guard: Guard) -> Process:
    """The plan's process, with about KEPT_STEPS of its steps put aside on the way, and the end."""

    def put_aside(index: int, level: Level, x: Tensor, x0: Tensor | None) -> None:
        x, x0 = guard.preview(x), guard.preview(x0)
        x = _as_bytes(x, *convert.noisy_range(plan.low, plan.high, level.sigma))
        film.append(Kept(index, level, x, None if x0 is None else _as_bytes(x0, plan.low, plan.high)))

    process, answers, step = plan.process, None, None
    try:
        while True:
            step = next(process) if answers is None else process.send(answers)
            grew = film and film[-1].x.shape[-1] < step.x.shape[-1]  # stage II begins: x0^ is the small one
            if grew or step.index == round(len(film) * step.of / min(KEPT_STEPS, step.of)):
                put_aside(step.index, step.level, step.x, step.x0)
            answers = yield step
    except StopIteration as end:
        if step is not None and end.value.shape == step.x.shape:
            put_aside(step.of, CLEAN, end.value, end.value)
        return end.value
    finally:
        process.close()


def checked(film: list[Kept], pictures: Tensor, withheld: Sequence[bool], plan: Plan) -> list[Kept]:
    """The film of pictures [B,C,H,W] that a guard has seen: its end is what passed, and of a picture that
    was withheld nothing is left. A film of other pictures goes dark as a whole if one was withheld."""

    def darkened(x: Tensor | None) -> Tensor | None:
        if x is None or not any(withheld):
            return x
        dark = torch.tensor(withheld) if len(withheld) == len(x) else torch.ones(len(x), dtype=torch.bool)
        return x.masked_fill(dark.view(-1, 1, 1, 1), 0)

    film = [kept._replace(x=darkened(kept.x), x0=darkened(kept.x0)) for kept in film]
    if film and film[-1].level == CLEAN:
        end = _as_bytes(pictures, plan.low, plan.high)
        film[-1] = film[-1]._replace(x=end, x0=end)
    return film


def _as_bytes(x: Tensor, low: float, high: float) -> Tensor:
    return (((x - low) / (high - low)).clamp(0, 1) * 255).round().to(torch.uint8).cpu()
