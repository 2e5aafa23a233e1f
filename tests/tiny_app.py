"""The app with a tiny text model of random weights, to try the page in seconds: its pictures are noise.

python tests/tiny_app.py FOLDER [TAB ...]     FOLDER is what `cascade` made; only these tabs, if any are named
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def cascade(folder: Path) -> Path:
    """A folder of checkpoints: the tiny cascade as the built-in model, and the digit models."""
    import tiny_if  # here: only whoever makes it loads diffusers and transformers

    made = tiny_if.build(folder)
    (folder / "emoji-64").symlink_to(made.stage_1)
    (folder / "emoji-256").symlink_to(made.stage_2)
    (folder / "mnist").symlink_to(ROOT / "checkpoints" / "mnist")
    return folder


def main(folder: str, *tabs: str) -> None:
    sys.path.insert(0, str(ROOT))
    import app
    import darkroom

    app.studio = lambda: darkroom.studio(Path(folder) / "mnist")
    app.TABS = {name: tab for name, tab in app.TABS.items() if name in tabs} if tabs else app.TABS
    app.main()


if __name__ == "__main__":
    main(*sys.argv[1:])
