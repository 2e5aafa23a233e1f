"""Small settings for every text technique: few steps, several columns where there are columns."""

from diffusion_core.techniques.text import TEXT_SCHEMAS

SETTINGS: dict[str, dict] = {name: {} for name in TEXT_SCHEMAS} | {
    "text-steps": {"counts": "2, 4, stride 300"},
    "text-gamma-sweep": {"gammas": [0, 1, 7]},
    "text-noise": {"ts": [250, 750]},
    "text-blur": {"ts": [250, 750]},
    "text-one-step": {"ts": [250, 500, 750]},
    "text-denoise": {"ts": [250, 750], "steps": "stride 200"},
    "text-iterative": {"start": 2, "start_2": 1, "every": 2},
    "text-sdedit": {"starts": [1, 3, 5], "start_2": 1},
    "text-inpaint": {"way": "repaint", "jump": 2, "again": 2},
}
ONLY_STAGE_2 = "text-enlarge"
BOTH_STAGES = [(name, at) for name in TEXT_SCHEMAS for at in ("I", "II") if (name, at) != (ONLY_STAGE_2, "I")]
"""Every technique at stage I, and again at stage II."""


def settings(technique: str, stage: str, **more) -> dict:
    """What a recipe needs to end at a stage, "I" or "II"."""
    at = {} if technique == ONLY_STAGE_2 else {"enlarge": "yes" if stage == "II" else "no"}
    return SETTINGS[technique] | at | more


def rows_of(technique: str) -> int:
    """How many rows of pictures a technique makes for each seed."""
    return {"text-blur": 2, "text-one-step": 2, "text-denoise": 4}.get(technique, 1)
