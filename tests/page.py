"""The app as a person meets it: served by `python app.py`, opened in a real Chromium."""

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ARTEFACTS = ROOT / "test-artefacts"  # screenshots of the last run; not in git
CHROMIUM_ARGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


def chromium() -> str | None:
    """A Chromium on this machine, installed if there is none: by apt where we are root on Debian, else by
    Playwright (then None: Playwright finds its own)."""
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if path := shutil.which(name):
            return path
    if shutil.which("apt-get") and hasattr(os, "geteuid") and os.geteuid() == 0:
        quiet = {"check": False, "stdout": subprocess.DEVNULL}
        quiet["env"] = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        subprocess.run(["apt-get", "install", "-y", "-qq", "chromium", "fonts-dejavu-core"], **quiet)
        if path := shutil.which("chromium"):
            return path
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)
    return None


@dataclass
class Server:
    """`python app.py`, or another program that serves the page, on a free port, until stop()."""

    program: tuple[str, ...] = ("app.py",)
    port: int = 0  # the same again after a restart; a free one at first
    url: str = ""
    seconds_to_serve: float = 0.0
    log: list[str] = field(default_factory=list)

    def start(self) -> "Server":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = self.port or free.getsockname()[1]
        environment = os.environ | {
            "GRADIO_SERVER_PORT": str(self.port),
            "GRADIO_ANALYTICS_ENABLED": "False",
            "PYTHONUNBUFFERED": "1",
        }
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, *self.program],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for line in self.process.stdout:
            self.log.append(line)
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                self.url = found[0]
                break
        if not self.url:
            raise RuntimeError("app.py did not start:\n" + "".join(self.log))
        self.seconds_to_serve = time.monotonic() - began
        self.reader = threading.Thread(target=self.log.extend, args=(self.process.stdout,), daemon=True)
        self.reader.start()  # a pipe that nobody reads would stop the server when it is full
        return self

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(20)
            self.reader.join(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise RuntimeError("app.py did not stop when asked to") from None

    def kill(self) -> None:
        """End it as a power cut does."""
        self.process.kill()
        self.process.wait(20)
