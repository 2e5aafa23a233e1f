"""How direct the way of a run is: the files of this project that it passes, over all of its threads."""

import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import pytest
from text_house import tables_as_they_were

from diffusion_core.serving.engine import Engine
from diffusion_core.serving.job import Mailbox
from diffusion_core.techniques import contact_sheet, registry
from tabs import anagrams
from tabs.session import visit

ROOT = Path(__file__).resolve().parent.parent
OURS = ("app.py", "darkroom.py", "diffusion_core/", "mnist_models/", "emoji_model/", "tabs/")
FILES_AT_MOST = 25
ME = SimpleNamespace(session_hash="me", headers={"referer": "http://here/"})


class Way:
    """file of this project -> the functions of it that were called, and on which threads."""

    def __init__(self):
        self.files: dict[str, set[str]] = {}
        self.threads: set[str] = set()

    def __call__(self, frame, event: str, _arg) -> None:
        file = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
        if event == "call" and file.startswith(OURS):
            self.files.setdefault(file, set()).add(frame.f_code.co_name)
            self.threads.add(threading.current_thread().name)

    def __str__(self) -> str:
        lines = [f"{file}: {', '.join(sorted(functions))}" for file, functions in sorted(self.files.items())]
        return "\n".join([f"{len(lines)} files", *lines])


@contextmanager
def followed():
    """This thread, and every one that starts within."""
    way = Way()
    threading.setprofile(way)
    sys.setprofile(way)
    try:
        yield way
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


class Counted(list):
    """A function that lists its calls."""

    def __init__(self, function):
        self.function = function

    def __call__(self, *args, **more):
        self.append(args)
        return self.function(*args, **more)


@pytest.fixture
def bench(fake_studio):
    with tables_as_they_were():
        contact_sheet.install()
        with gr.Blocks():
            page = visit.opened(fake_studio)
            with gr.Tabs(), gr.Tab("Anagrams"):
                anagrams.build(fake_studio)
            visit.gallery_here(page)
        yield page.benches["text-anagram"]


def sent(bench, **more) -> list:
    """What the page sends on Run."""
    few = {"steps": "4", "prompts": "a cat\na dog", "views": "identity, half_turn"}
    recipe = bench.opens.changed(**few | more)
    return [*(recipe[name] for name in bench.controls), "me"]


@pytest.mark.parametrize("more", [{"seed": 3}, {"prompts": "a rabbit\na fish"}])
def test_a_warm_run_is_short_is_planned_once_and_has_one_mailbox(bench, monkeypatch, more):
    """From the click on Run in Anagrams to the picture, previews included; how the tab lays a picture out
    when it is there is no part of the run. Networks are stand-ins."""
    list(bench._run(ME, *sent(bench)))  # warm: what is loaded once is there
    studio = bench.studio
    studio.engine.close()  # another one starts within, so that its thread is followed too
    monkeypatch.setattr(bench, "_finished", lambda result, request, key: {"result": result})
    plans, mailboxes = Counted(registry.plan), Counted(Mailbox.__init__)
    monkeypatch.setattr(registry, "plan", plans)
    monkeypatch.setattr(Mailbox, "__init__", lambda self, *args: mailboxes(self, *args))
    with followed() as way:
        studio.engine = Engine(studio.network)
        changes = list(bench._run(ME, *sent(bench, **more)))
        studio.engine.close()
    job = bench.page.visit("me").latest()
    assert changes[-1]["result"] is job.result is not None
    assert all(job.recipe[name] == value for name, value in more.items())
    assert any(bench.x_t in each for each in changes), "previews are part of it"
    assert {"engine", "job text-anagram", threading.current_thread().name} == way.threads
    assert "diffusion_core/loop.py" in way.files and "diffusion_core/techniques/anagram.py" in way.files
    assert len(way.files) <= FILES_AT_MOST, str(way)
    assert len(plans) == 1 and len(mailboxes) == 1
