"""Small drawings of our own in SVG: a schedule's two curves with a point at t, and a histogram.

They are text inside the page: redrawn as fast as a slider moves, sharp at any size, and coloured by CSS, so
that light and dark both read well.
"""

import html
from functools import lru_cache

import torch
from torch import Tensor

from diffusion_core.levels import Level, schedule

WIDTH, HEIGHT = 460, 300
LEFT, RIGHT, TOP, BOTTOM = 40, 18, 14, 42  # margins around the plot
NOISE_AT_MOST = 4.0  # where the axis ends for noise that only grows


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT - RIGHT)


def _y(share: float, height: int = HEIGHT) -> float:
    return height - BOTTOM - share * (height - TOP - BOTTOM)


def factors(level: Level, scaled: bool) -> tuple[float, float]:
    """What picture and noise are multiplied by: (alpha, sigma), or (1, sigma / alpha) if only added."""
    return (level.alpha, level.sigma) if scaled else (1.0, level.sigma / level.alpha)


def schedule_curves(name: str, t: int, scaled: bool = True) -> str:
    """The factors of picture and noise over t, and where they stand at t."""
    level = schedule(name)[t]
    picture, noise = factors(level, scaled)
    most = 1.0 if scaled else NOISE_AT_MOST
    x = _x(t / (len(schedule(name)) - 1))
    dots = "".join(
        f'<circle class="{kind}" cx="{x:.1f}" cy="{_y(min(value, most) / most):.1f}" r="6.5"/>'
        for kind, value in (("picture", picture), ("noise", noise))
    )
    alt = f"At t = {t} the picture is multiplied by {number(picture)} and the noise by {number(noise)}."
    return (
        f'<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{html.escape(alt)}">'
        f"{_axes_and_lines(name, scaled)}"
        f'<line class="mark" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{_y(0)}"/>{dots}</svg>'
    )


@lru_cache
def _axes_and_lines(name: str, scaled: bool) -> str:
    levels = schedule(name)
    last, most = len(levels) - 1, 1.0 if scaled else NOISE_AT_MOST
    every = [*range(0, last, 9), last]
    lines = []
    for kind, which in (("picture", 0), ("noise", 1)):
        values = [(t, factors(levels[t], scaled)[which] / most) for t in every]
        points = " ".join(f"{_x(t / last):.1f},{_y(v):.1f}" for t, v in values if v <= 1.001)
        lines.append(f'<polyline class="{kind}" points="{points}"/>')
    ticks = [
        f'<text class="tick" x="{_x(t / last):.0f}" y="{_y(0) + 18}" text-anchor="middle">{t}</text>'
        for t in (0, 250, 500, 750, last)
    ]
    for share in (0, 0.5, 1):
        ticks.append(
            f'<line class="grid" x1="{LEFT}" y1="{_y(share)}" x2="{WIDTH - RIGHT}" y2="{_y(share)}"/>'
            f'<text class="tick" x="{LEFT - 7}" y="{_y(share) + 5}" text-anchor="end">{share * most:g}</text>'
        )
    middle = f'<text class="tick" x="{_x(0.5)}" y="{HEIGHT - 6}" text-anchor="middle">t</text>'
    return "".join(ticks) + middle + "".join(lines)


def legend(name: str, scaled: bool) -> tuple[str, str]:
    """The formulas of the two factors, of picture and noise."""
    alpha, sigma = ("1 − t/1000", "t/1000") if name == "rectified" else ("√ᾱₜ", "√(1−ᾱₜ)")
    if scaled:
        return alpha, sigma
    return "1", f"({sigma}) / ({alpha})" if name == "rectified" else f"{sigma} / {alpha}"


def histogram(values: Tensor, reach: float = 4.0, bins: int = 64, height: int = 120) -> str:
    """How often each value occurs, from -reach to reach; what a screen can show, -1..1, is shaded."""
    values = values.flatten().float()
    count = torch.histc(values, bins, -reach, reach)
    share = (count / count.max().clamp(min=1)).tolist()
    wide = (_x(1) - _x(0)) / bins
    bars = "".join(
        f'<rect x="{_x(k / bins):.1f}" y="{_y(s, height):.1f}" width="{wide - 0.6:.2f}"'
        f' height="{_y(0, height) - _y(s, height):.1f}"/>'
        for k, s in enumerate(share)
    )
    ticks = "".join(
        f'<text class="tick" x="{_x((v + reach) / (2 * reach)):.0f}" y="{height - 22}"'
        f' text-anchor="middle">{v:g}</text>'
        for v in (-reach, -reach / 2, -1, 0, 1, reach / 2, reach)
    )
    left, right = _x((reach - 1) / (2 * reach)), _x((reach + 1) / (2 * reach))
    within = float((values.abs() <= 1).float().mean())
    alt = f"Histogram of the values of x_t; {within:.0%} lie between -1 and 1."
    return (
        f'<svg class="histogram" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{alt}">'
        f'<rect class="shown" x="{left}" y="{TOP - 6}" width="{right - left}"'
        f' height="{_y(0, height) - TOP + 6}"/>'
        f'<g class="bars">{bars}</g>{ticks}<text class="tick" x="{_x(0.5)}" y="{height - 4}"'
        f' text-anchor="middle">values of xₜ ({within:.0%} fit the screen\'s −1…1)</text></svg>'
    )


def number(value: float) -> str:
    """About three digits, thousands set apart: 0.707, 23.4, 20,291."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return "< 0.001" if 0 < value < 0.0005 else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
