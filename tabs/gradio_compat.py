"""What leans on how Gradio works inside, each with a word on why."""

import errno
import os
import tempfile
from abc import ABCMeta
from collections.abc import Callable, Sequence
from pathlib import Path

import gradio as gr
from gradio.utils import get_upload_folder


class DiskFull(RuntimeError):
    """A file could not be written; the message says so to a person."""


QUIET = {"show_progress": "hidden", "show_progress_on": [], "api_visibility": "private"}
"""For every event of the page. It shows no progress of Gradio's, and on nothing: else Gradio's script tells
every output of every event so far of each word of a run, and looks each up among all parts of the page."""

AT_ONCE = QUIET | {"queue": False}
"""The same for what neither waits in line nor raises a toast."""

STOPS = {"interactive": True, "__type__": "update"}
"""Of a Stop button while something runs. Every word of a run says it again, so that a page which missed one
can stop it all the same."""


def on_change(components: Sequence, fn: Callable, inputs: Sequence, outputs) -> None:
    """Call fn quietly whenever one of the components changes; the last change wins."""
    gr.on(
        [component.change for component in components],
        fn,
        inputs,
        outputs,
        trigger_mode="always_last",
        **AT_ONCE,
    )


def safe(component, read: Callable | None = None):
    """Let a picture input read uploads only. Gradio would read any image file the server can see, if a
    forged request named its path; the server's own files are nobody's upload.

    It becomes of a class of its own, as Gradio makes a visitor a new component of the same class wherever an
    event updates one, were it only with gr.skip(): what hung on the first alone would be lost.

    read   what the input hands over, made from the payload; else what Gradio makes of it
    """
    kind = type(component)
    names = component.get_block_name(), component.get_block_class()

    def preprocess(self, payload):
        for data in _files_in(payload):
            path = getattr(data, "path", None)
            if path and not Path(os.path.realpath(path)).is_relative_to(
                os.path.realpath(get_upload_folder())
            ):
                raise gr.Error("This picture was not uploaded here. Upload it again.", print_exception=False)
        return read(payload) if read else kind.preprocess(self, payload)

    own = {
        "preprocess": preprocess,
        "get_block_name": lambda self: names[0],
        "get_block_class": lambda self: names[1],
        "__module__": kind.__module__,
    }
    component.__class__ = ABCMeta.__new__(type(kind), kind.__name__, (kind,), own)
    return component


def _files_in(payload) -> list:
    """The files a payload names: an image, a list of files, or an editor's background, layers, composite."""
    if payload is None:
        return []
    parts = [payload, *(getattr(payload, name, None) for name in ("background", "composite"))]
    parts += [*(getattr(payload, "layers", None) or []), *(getattr(payload, "root", None) or [])]
    return [part for part in parts if hasattr(part, "path")]


def file_of(data: bytes, name: str) -> str:
    """Bytes as a file that Gradio may serve and will delete; the name is what the browser saves it as.
    DiskFull if there is no room for it."""
    try:
        folder = Path(tempfile.mkdtemp(dir=_served()))
        path = folder / name
        path.write_bytes(data)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            "The server's disk is full: there is nothing to download. The picture and the settings stay on "
            "this page. Make room there, or tell who runs it, and press Run again."
        ) from error
    return str(path)


def stored(data: bytes, name: str, troubles: list[str]) -> dict:
    """A download button's update: the file, or none if the disk is full; then the list says so."""
    try:
        return gr.update(value=file_of(data, name), interactive=True)
    except DiskFull as error:
        troubles.append(str(error))
        return gr.update(value=None, interactive=False)


def _served() -> Path:
    folder = Path(get_upload_folder()) / "made-here"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
