"""Every line of docs/api.md runs as it stands there, against a server whose networks are plain functions."""

import re
import textwrap
from pathlib import Path

import pytest
from gradio_client import Client

import app
from diffusion_core.images import convert, export
from diffusion_core.recipes import Recipe
from diffusion_core.recipes.recipe import SCHEMAS
from diffusion_core.techniques import contact_sheet
from tabs import api

PAGE = (Path(__file__).parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"(?:^(?:    .*)?\n)+", PAGE, re.MULTILINE)]
CODE = "\n".join(block for block in BLOCKS if block.strip())


@pytest.fixture
def served(fake_studio, monkeypatch):
    """The whole API, and of the page no tab."""
    contact_sheet.install()
    monkeypatch.setattr(app, "TABS", {})
    demo = app.build(fake_studio)
    demo.queue(default_concurrency_limit=None)
    _, url, _ = demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, mcp_server=api.speaks_mcp())
    yield url
    demo.close()


def test_every_technique_has_an_example():
    named = set(re.findall(r'api_name="/(\w+)"', CODE))
    contact_sheet.install()
    assert named == {api.name_of(technique) for technique in SCHEMAS} | {"cost"}


def test_every_example_runs_and_answers_with_its_recipe(served, monkeypatch, tmp_path, capsys):
    made, predict = [], Client.predict

    def noted(self, *args, **more):
        made.append(predict(self, *args, **more))
        return made[-1]

    monkeypatch.setattr(Client, "predict", noted)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    exec(CODE.replace("http://127.0.0.1:7860", served), {})
    pictures = [each for each in made if isinstance(each, (list, tuple))]
    assert len(pictures) == CODE.count("client.predict(") - 1
    for path, recipe, seconds, notices in pictures:
        assert export.recipe_in(convert.opened(path)) == Recipe.from_dict(recipe) and seconds >= 0
        assert notices == []
    assert "50 steps, 400 network evaluations" in capsys.readouterr().out


def test_a_description_says_what_may_be_set(fake_studio):
    contact_sheet.install()
    for technique, schema in SCHEMAS.items():
        about = api.description(technique)
        assert all(f"{field.name}: " in about for field in schema)


def test_tools_for_language_models_where_the_extra_is_installed(served):
    """MCP over streamable HTTP, as a client speaks it: hello, then the list of tools."""
    pytest.importorskip("mcp", reason="gradio[mcp] is not installed")
    import httpx

    head = {"accept": "application/json, text/event-stream"}
    hello = {"protocolVersion": "2025-03-26", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    with httpx.Client(base_url=served, headers=head, timeout=60) as client:

        def ask(method: str, params: dict) -> str:
            call = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            return client.post("gradio_api/mcp/", json=call).text

        assert "Darkroom" in ask("initialize", hello) or "serverInfo" in ask("initialize", hello)
        tools = ask("tools/list", {})
    for technique in SCHEMAS:
        assert api.name_of(technique) in tools
    assert "whole number from 1 to 300" in tools
