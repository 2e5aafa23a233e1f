"""Viewers for illusions: a picture that turns or comes apart under a slider, and one that is seen from afar.

The server says once what there is to move (diffusion_core/views/pieces.py); the browser moves it, in
turning.js and viewing.js, so that a slider answers at once. All of it can be reached by keyboard.
"""

import html
import json
from itertools import pairwise

import gradio as gr
import numpy as np
from PIL import Image

from diffusion_core.images import convert, export
from diffusion_core.recipes import Recipe, parsing
from diffusion_core.serving.result import Result
from diffusion_core.serving.studio import Studio
from diffusion_core.techniques import contact_sheet
from diffusion_core.views.pieces import Pieces, between, moved
from tabs import static

WAYS = {
    "low/high": "distance",
    "low/medium/high": "distance",
    "grey/colour": "dusk",
    "moving/still": "motion",
}
ENDS = {
    "distance": ("Distance", "near", "far"),
    "dusk": ("Light", "day", "night"),
    "motion": ("Speed", "still", "moving"),
}
WHY = {
    "distance": "",
    "dusk": "In the dusk the eye's cones rest, and its rods see no colour: the mean of red, green and blue "
    "is left. The grey prompt wrote that mean, the colour prompt all that differs from it.",
    "motion": "While the eye looks, what moves sideways is spread over the pixels that it passes. Spread "
    "over 15 of 64, only what the first prompt wrote is left.",
}
BANDS = {
    "low": "far: coarse shapes",
    "medium": "in between",
    "high": "near: edges and texture",
    "grey": "in grey: light and dark",
    "colour": "by day: colours",
    "moving": "as it rushes by",
    "still": "when it stands still",
}
PAIRS = {"low/high": ("low", "high"), "grey/colour": ("grey", "colour"), "moving/still": ("moving", "still")}
FRAMES, HOLD, GIF_SIDE = 8, 4, 192  # of a GIF: frames on a way, frames of rest, pixels


def viewer(script: str, hint: str, elem_id: str) -> gr.HTML:
    """A place for what `turning` or `viewing` makes. script: their file."""
    code = static.text(script) + static.text("viewer.js")
    return gr.HTML(nothing(hint), js_on_load=code, elem_id=elem_id, padding=False)


def nothing(hint: str) -> str:
    """The frame that waits for a picture."""
    return f'<div class="viewer"><div class="nothing">{html.escape(hint)}</div></div>'


# --- anagrams: it turns ---------------------------------------------------------------------------------


def turning(studio: Studio, result: Result, which: int) -> str:
    """One picture of an anagram, with a slider from reading to reading."""
    x, base = result.pictures[which], _base(studio, result)
    readings = contact_sheet.readings(result.recipe, base)
    stops, buttons = [], []
    for k, (says, prompt, look, _) in enumerate(readings):
        source = export.source(convert.to_picture(look(x), result.low, result.high))
        stops.append({"prompt": prompt, "says": says})
        buttons.append(
            f'<button type="button" data-stop="{k}" aria-pressed="false"><img src="{source}" alt="">'
            f"<span><b>{html.escape(prompt)}</b><small>{html.escape(says)}</small></span></button>"
        )
    ways = [_way(between(a.look, b.look, x.shape[-1], base)) for a, b in pairwise(readings)]
    last = len(readings) - 1
    return (
        f'<div class="viewer turning">{_plan({"stops": stops, "ways": ways})}'
        '<canvas width="512" height="512" role="img"></canvas>'
        '<div class="slide"><button type="button" class="play" aria-pressed="false">Play</button>'
        f'<input type="range" min="0" max="{last}" step="0.01" value="0" aria-label="Turn it"></div>'
        f'<div class="stops" role="group" aria-label="Readings">{"".join(buttons)}</div></div>'
    )


def _base(studio: Studio, result: Result) -> int:
    """The side of stage I in pixels, at which views are drawn."""
    return studio.card(f"{result.recipe['model']}/I").shape[-1]


def _way(pieces: Pieces) -> dict:
    """Pieces as turning.js reads them: of single pixels where each ends; else moves, and the owners as runs
    (piece, length, piece, length, ...), but of columns that slide it is plain who they are."""
    side = len(pieces.owner)
    if len(pieces.moves) == side * side:
        ends = [int(move.to_y) * side + int(move.to_x) for move in pieces.moves]
        return {"side": side, "to": ends}
    owner = pieces.owner.ravel() if not pieces.slides else np.zeros(0, dtype=int)
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    lengths = np.diff(starts, append=len(owner))
    runs = np.stack([owner[starts], lengths], axis=1).ravel().tolist()
    moves = [[*move[:5], int(move.mirror == "x"), int(move.mirror == "y")] for move in pieces.moves]
    negates = pieces.sign != pieces.to_sign
    way = {"side": side, "runs": runs, "moves": moves}
    return way | {"slides": pieces.slides, "apart": pieces.apart, "negates": negates}


def turning_movie(studio: Studio, result: Result) -> list[Image.Image]:
    """The first picture of a result, from its first reading to its last and back."""
    x, base = result.pictures[0], _base(studio, result)
    views = [reading.look for reading in contact_sheet.readings(result.recipe, base)]
    seen = [convert.to_picture(v(x), result.low, result.high) for v in views]
    rest = [each.resize((GIF_SIDE, GIF_SIDE), Image.Resampling.NEAREST) for each in seen]
    frames = [rest[0]] * HOLD
    for k, (a, b) in enumerate(pairwise(views)):
        pieces = between(a, b, x.shape[-1], base)
        frames += [moved(seen[k], pieces, s / FRAMES, GIF_SIDE) for s in range(1, FRAMES)]
        frames += [rest[k + 1]] * HOLD
    return frames + frames[-HOLD - 1 : HOLD - 2 : -1]


# --- hybrids: it is seen from afar ----------------------------------------------------------------------


def viewing(result: Result, which: int) -> str:
    """One picture of a hybrid, with a slider for the distance, the light, or the speed."""
    recipe = result.recipe
    bank, told = bands_of(recipe)
    way = WAYS[bank]
    label, first, last = ENDS[way]
    source = export.source(convert.to_picture(result.pictures[which], result.low, result.high))
    plan = {"way": way, "bank": bank, "sigma": recipe["sigma"], "source": source}
    plan["prompts"] = [prompt for _, prompt in told]
    far = (
        '<figure><canvas class="far crisp" width="384" height="384" role="img" aria-label="The picture, as '
        'far away as the slider says"></canvas><figcaption>as far away; your own eyes do the rest'
        "</figcaption></figure>"
    )
    bars = "".join(
        f'<div class="band" data-band><span><b>{html.escape(prompt)}</b><small> {BANDS[band]}</small></span>'
        '<span class="number"></span><div class="track"><div class="share"></div></div></div>'
        for band, prompt in told
    )
    return (
        f'<div class="viewer wide viewing">{_plan(plan)}<div class="two">'
        '<figure><canvas class="eye crisp" width="384" height="384" role="img"></canvas>'
        "<figcaption>what reaches the eye, enlarged</figcaption></figure>"
        f"{far if way == 'distance' else ''}</div>"
        f'<div class="slide"><button type="button" data-to="0">{first}</button>'
        f'<input type="range" min="0" max="1" step="0.005" value="0" aria-label="{label}">'
        f'<button type="button" data-to="1">{last}</button></div>'
        f'<p class="said" role="status"></p>{bars}<p class="why">{WHY[way]}</p></div>'
    )


def bands_of(recipe: Recipe) -> tuple[str, list[tuple[str, str]]]:
    """The bank of a hybrid, and of each band its name and what it shows: a prompt, or the photo."""
    if "part" in recipe.values:
        bank = next(bank for bank, pair in PAIRS.items() if recipe["part"] in pair)
        shows = {True: "the picture that was given", False: recipe["prompt"] or "no prompt"}
        return bank, [(band, shows[band == recipe["part"]]) for band in PAIRS[bank]]
    names = PAIRS.get(recipe["bands"], ("low", "medium", "high"))
    return recipe["bands"], list(zip(names, parsing.prompts(recipe["prompts"])))


def viewing_movie(result: Result) -> list[Image.Image]:
    """The first picture of a result as it goes away and comes back."""
    side = 256
    picture = convert.to_picture(result.pictures[0], result.low, result.high)
    frames = []
    for k in range(16):
        wide = max(3, round(side * 60 ** (-k / 15)))
        grown = Image.Resampling.NEAREST if wide > picture.width else Image.Resampling.BOX
        frame = Image.new("RGB", (side, side), "#d6d3d1")
        frame.paste(picture.convert("RGB").resize((wide, wide), grown), ((side - wide) // 2,) * 2)
        frames.append(frame)
    return [frames[0]] * HOLD + frames + frames[::-1]


def _plan(plan: dict) -> str:
    """Data inside the page, for a script to read."""
    data = json.dumps(plan, separators=(",", ":"))
    return f'<pre class="plan" hidden>{html.escape(data, quote=False)}</pre>'
