"""A run goes to a hub and comes back, by the real huggingface_hub against a hub on this machine."""

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import unquote

import pytest
import torch

import termwise as tw

hub = pytest.importorskip("huggingface_hub")
COMMIT = "c" * 40


class Hub(BaseHTTPRequestHandler):
    """As much of a hub's API as sending and fetching asks for; its files by name."""

    files: ClassVar[dict[str, bytes]] = {}

    def answer(self, body, status=200, **headers):
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def do_POST(self):
        length = int(self.headers.get("Content-Length") or 0)
        text = self.rfile.read(length) if length else self.chunks()
        if self.path == "/api/repos/create":
            self.answer({"url": f"{self.home()}/me/digits", "name": "me/digits", "id": "me/digits"})
        elif "/preupload/" in self.path:
            listed = json.loads(text)["files"]
            self.answer(
                {"files": [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in listed]}
            )
        elif "/commit/" in self.path:
            for line in text.splitlines():
                entry = json.loads(line)
                if entry["key"] == "file":
                    self.files[entry["value"]["path"]] = base64.b64decode(entry["value"]["content"])
            self.answer({"commitUrl": f"{self.home()}/me/digits/commit/{COMMIT}", "commitOid": COMMIT})
        else:
            self.answer({})

    def do_GET(self):
        path = unquote(self.path.partition("?")[0])
        if "/nobody/" in path:
            self.answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
        elif found := re.match(r"/me/digits/resolve/\w+/(.+)", path):
            content = self.files[found[1]]
            tag = hashlib.sha1(content).hexdigest()
            self.answer(content, ETag=f'"{tag}"', X_Repo_Commit=COMMIT)
        elif "/tree/" in path:
            self.answer(
                [
                    {"type": "file", "path": name, "size": len(one), "oid": hashlib.sha1(one).hexdigest()}
                    for name, one in self.files.items()
                ]
            )
        else:
            siblings = [{"rfilename": name} for name in self.files]
            self.answer({"id": "me/digits", "sha": COMMIT, "siblings": siblings})

    do_HEAD = do_GET  # noqa: N815

    def chunks(self):
        content = b""
        while size := int(self.rfile.readline() or b"0", 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        return content

    def home(self):
        return f"http://{self.headers['Host']}"

    def log_message(self, *_):
        pass


@pytest.fixture
def endpoint(monkeypatch, tmp_path):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}"
    Hub.files = {}
    monkeypatch.setattr(hub.constants, "ENDPOINT", home)
    monkeypatch.setattr(hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", home + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hub.hf_api.api, "endpoint", home)
    yield home
    server.shutdown()


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    tables = {"model": {"latent": 2, "options": {"hidden": [8]}}, "training": {"epochs": 1, "measure_limit": 50}}
    return tw.train(tables, data="digits", recipe="vae", out=tmp_path_factory.mktemp("hub") / "run", progress=False)


def test_a_run_goes_and_comes_back_the_same(run, endpoint, tmp_path):
    assert tw.push_to_hub(run, "me/digits", token="none").endswith("/me/digits")
    assert {"config.toml", "account.json", "account.npz", "model/model.safetensors", "README.md"} <= set(Hub.files)
    assert not any(name.endswith(".pt") or "checkpoint" in name for name in Hub.files)
    Hub.files["evil.pkl"] = b"cos\nsystem\n(S'true'\ntR."
    back = tw.from_hub("me/digits", tmp_path / "theirs", token="none")
    assert back.account == run.account and not (tmp_path / "theirs" / "evil.pkl").exists()
    x = run.data.test.tensor(limit=5)
    assert torch.equal(back.model.reconstruct(x), run.model.reconstruct(x))
    with pytest.raises(tw.TermwiseError, match="is there already"):
        tw.from_hub("me/digits", tmp_path / "theirs")


def test_the_card_s_readings_are_what_the_hub_s_own_code_reads(run, endpoint):
    tw.push_to_hub(run.folder.path, "me/digits", token="none")
    card = hub.ModelCard(Hub.files["README.md"].decode())
    results = {one.metric_type: one for one in card.data.eval_results}
    assert card.data.library_name == "termwise" and results["elbo"].dataset_name == "digits"
    for name, reading in run.account.overall.items():
        assert results[name].metric_value == pytest.approx(reading.value)
        assert results[name].metric_args["stderr"] == reading.stderr


def test_what_the_hub_does_not_do_is_told(run, endpoint, tmp_path):
    with pytest.raises(tw.TermwiseError, match="The hub did not do as asked with 'nobody/none'"):
        tw.from_hub("nobody/none", tmp_path / "none", token="none")
    assert not (tmp_path / "none").exists()
    with pytest.raises(tw.TermwiseError, match="did not do as asked with 'a/b/c'"):
        tw.push_to_hub(run, "a/b/c", token="none")
    with pytest.raises(tw.TermwiseError, match="no run folder"):
        tw.push_to_hub(tmp_path, "me/digits")
