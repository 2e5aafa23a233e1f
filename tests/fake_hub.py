"""A Hugging Face Hub on this machine: folders as repositories, with a gate before them or without.

The real client talks to it over HTTP, so what it raises, and when, is what it really raises.
"""

import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """repositories  "owner/name" -> its folder
    gate          "open"; "token": no token, 401; "licence": a token, but its account has not accepted, 403
    broken        every file ends in the middle of its transfer
    fetched       "owner/name/file" of every file that was handed out, in order
    """

    repositories: dict[str, Path]
    gate: str = "open"
    broken: bool = False
    fetched: list[str] = field(default_factory=list)

    def __enter__(self) -> "FakeHub":
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *error) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"


def use(hub: FakeHub, cache: Path, monkeypatch, token: str = "") -> None:
    """Let the real client talk to this hub, keep its files in `cache`, and send this token."""
    from huggingface_hub import constants

    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(cache / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    monkeypatch.setenv("HF_TOKEN", token)


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            parts = unquote(urlsplit(self.path).path).strip("/").split("/")
            if parts[:2] == ["api", "models"]:
                return self.about("/".join(parts[2:4]), parts[4:], body)
            if len(parts) > 4 and parts[2] == "resolve":
                return self.file("/".join(parts[:2]), "/".join(parts[4:]), body)
            return self.send(404, b"{}", body)

        def about(self, name: str, rest: list[str], body: bool) -> None:
            if name not in hub.repositories:
                return self.send(404, b"{}", body, {"X-Error-Code": "RepoNotFound"})
            files = sorted(path for path in hub.repositories[name].rglob("*") if path.is_file())
            listed = [
                {
                    "type": "file",
                    "path": str(path.relative_to(hub.repositories[name])),
                    "size": path.stat().st_size,
                    "oid": hashlib.sha1(path.read_bytes()).hexdigest(),
                }
                for path in files
            ]
            if rest[:1] == ["tree"]:
                return self.send(200, json.dumps(listed).encode(), body)
            siblings = [{"rfilename": each["path"]} for each in listed]
            about = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings, "tags": []}
            return self.send(200, json.dumps(about).encode(), body)

        def file(self, name: str, file: str, body: bool) -> None:
            if name not in hub.repositories:
                return self.send(404, b"", body, {"X-Error-Code": "RepoNotFound"})
            if hub.gate == "token" and "Authorization" not in self.headers:
                return self.send(401, b"", body, {"X-Error-Code": "GatedRepo"})
            if hub.gate == "licence":
                return self.send(403, b"", body, {"X-Error-Code": "GatedRepo"})
            path = hub.repositories[name] / file
            if not path.is_file():
                return self.send(404, b"", body, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
            data = path.read_bytes()
            if body:
                hub.fetched.append(f"{name}/{file}")
            headers = {"ETag": f'"{hashlib.sha1(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
            return self.send(200, data, body, headers)

        def send(self, status: int, data: bytes, body: bool, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for key, value in (headers or {}).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if body:
                self.wfile.write(data[: len(data) // 2] if hub.broken else data)
                if hub.broken:
                    self.close_connection = True

    return Handler
