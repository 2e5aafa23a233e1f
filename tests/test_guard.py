"""The guard before picture inputs: a forged request gets no file of the server, whatever was updated."""

from pathlib import Path
from uuid import uuid4

import gradio as gr
import pytest
from gradio.components.image_editor import EditorData
from gradio.data_classes import FileData, ImageData, ListFiles
from gradio.utils import get_upload_folder
from PIL import Image

from tabs import gradio_compat
from tabs.components.pictures import uploaded

EDITORS = (gr.ImageEditor, gr.ImageMask)


def data_for(kind: type, path: str, part: str = "composite"):
    """What a browser, or whoever talks like one, sends."""
    if kind in EDITORS:
        parts = {"background": None, "layers": [], "composite": None}
        file = FileData(path=path)
        return EditorData(**parts | {part: [file] if part == "layers" else file})
    if kind is gr.UploadButton:
        return ListFiles(root=[FileData(path=path)])
    return ImageData(path=path)


def again(component):
    """The component as Gradio makes it anew for a visitor when an event updates it, gr.skip() included."""
    return component.__class__(**component.constructor_args | {"render": False})


@pytest.fixture
def server_file(tmp_path):
    path = tmp_path / "secret.png"
    Image.new("RGB", (20, 20), "red").save(path)
    return str(path)


@pytest.fixture
def upload():
    path = Path(get_upload_folder()) / uuid4().hex / "mine.png"
    path.parent.mkdir(parents=True)
    Image.new("RGB", (20, 20), "red").save(path)
    yield str(path)
    path.unlink()
    path.parent.rmdir()


@pytest.mark.parametrize("kind", [gr.Image, gr.UploadButton, *EDITORS])
@pytest.mark.parametrize("part", ["background", "layers", "composite"])
def test_only_uploads_are_read(kind, part, server_file, upload):
    safe = gradio_compat.safe(kind())
    for component in (safe, again(safe), again(again(safe))):
        with pytest.raises(gr.Error, match="was not uploaded here"):
            component.preprocess(data_for(kind, server_file, part))
        assert component.preprocess(data_for(kind, upload, part)) is not None
        assert component.preprocess(None) is None or kind in EDITORS


def test_a_link_out_of_the_upload_folder_is_no_upload(server_file, upload):
    link = Path(upload).with_name("link.png")
    link.symlink_to(server_file)
    try:
        with pytest.raises(gr.Error, match="was not uploaded here"):
            gradio_compat.safe(gr.Image()).preprocess(ImageData(path=str(link)))
    finally:
        link.unlink()


def test_an_uploaded_file_is_handed_over_unopened(upload, server_file):
    component = again(uploaded(gr.Image(type="filepath")))
    assert component.preprocess(ImageData(path=upload)) == upload
    for forged in (ImageData(path=server_file), ImageData(url="http://127.0.0.1/secret.png")):
        with pytest.raises(gr.Error, match="was not uploaded here"):
            component.preprocess(forged)


@pytest.mark.parametrize("kind", [gr.Image, gr.UploadButton, *EDITORS])
def test_the_page_knows_a_guarded_component_by_its_old_name(kind):
    plain, safe = kind(), gradio_compat.safe(kind())
    for name in ("get_block_name", "get_block_class", "get_component_class_id"):
        assert getattr(safe, name)() == getattr(plain, name)()
