"""Statistics of a training, as JSON lines."""

import json
from pathlib import Path

from diffusion_core.training.resumable import write_whole


class Statistics:
    """JSON lines; those later than the step a run resumes from, or cut by a kill, are dropped."""

    def __init__(self, path: Path, step: int, active: bool):
        self.path, self.active = path, active
        if active:
            lines = path.read_text().splitlines() if path.exists() else []
            write_whole(path, "".join(line + "\n" for line in lines if _step(line) <= step))

    def write(self, line: dict) -> None:
        if self.active:
            with self.path.open("a") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)

    def copy(self, path: Path) -> None:
        write_whole(path, self.path.read_text())


def _step(line: str) -> float:
    """The step of a line of statistics; of one cut short, none that was ever reached."""
    try:
        return json.loads(line)["step"]
    except (KeyError, TypeError, ValueError):
        return float("inf")
