"""A file server on this machine that can misbehave, and a small checkpoint that it serves."""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sharp_cli.model.config import SharpConfig
from sharp_cli.weights import download
from sharp_cli.weights.catalog import Checkpoint

PAYLOAD = random.Random(0).randbytes(300_000)


@dataclass
class FileServer:
    """Serves one file under every path, one fault per request as long as there are any."""

    payload: bytes = PAYLOAD
    faults: list[str] = field(default_factory=list)
    """``404`` and the like, or ``cut N``, ``stall N`` (after N bytes of body), ``wrong``, ``short``, ``endless``,
    ``no-range``, ``silent``."""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    """Path and headers of each."""
    served: list[int] = field(default_factory=list)
    """Bytes of body of each answer."""
    url: str = ""
    closing: threading.Event = field(default_factory=threading.Event)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        self.requests.append((handler.path, dict(handler.headers)))
        fault, _, number = (self.faults.pop(0) if self.faults else "").partition(" ")
        if fault == "silent":
            self.closing.wait()
            return
        if fault.isdigit():
            handler.send_response(int(fault))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        body = {"wrong": bytes(len(self.payload)), "short": self.payload[:-7], "endless": self.payload + b"more"}.get(
            fault, self.payload
        )
        start = int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        if start and fault != "no-range":
            if start >= len(body):
                handler.send_response(416)
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            handler.send_response(206)
            handler.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        else:
            start = 0
            handler.send_response(200)
        if fault != "endless":
            handler.send_header("Content-Length", str(len(body) - start))
        handler.end_headers()
        rest = body[start:][: int(number) if number else None]
        self.served.append(len(rest))
        handler.wfile.write(rest)
        if fault == "stall":
            handler.wfile.flush()
            self.closing.wait()


@pytest.fixture
def serve() -> Iterator:
    """Start servers: ``serve("cut 1000", "404")`` is one whose first two answers are faulty."""
    running: list[tuple[FileServer, ThreadingHTTPServer]] = []

    def start(*faults: str, payload: bytes = PAYLOAD) -> FileServer:
        server = FileServer(payload=payload, faults=list(faults))

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        http.daemon_threads = True
        server.url = f"http://127.0.0.1:{http.server_address[1]}"
        threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        running.append((server, http))
        return server

    yield start
    for server, http in running:
        server.closing.set()
        http.shutdown()
        http.server_close()


@pytest.fixture(autouse=True)
def own_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches in a temporary folder, no proxies, no token, no hub, and little patience."""
    from huggingface_hub import constants

    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("SHARP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    use_hub(monkeypatch, "http://127.0.0.1:9")
    monkeypatch.setattr(download, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(download, "STALL_SECONDS", 0.5)


def use_hub(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """What ``HF_ENDPOINT`` does before huggingface_hub is imported."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")


@pytest.fixture
def checkpoint_at(monkeypatch: pytest.MonkeyPatch):
    """A checkpoint with this payload on one or two servers."""

    def make(hub: str, second: str = "http://127.0.0.1:9", payload: bytes = PAYLOAD) -> Checkpoint:
        use_hub(monkeypatch, hub)
        return Checkpoint(
            name="test",
            hub_repo="somebody/Something",
            filename="something.pt",
            url=f"{second}/files/something.pt",
            size=len(payload),
            sha256=hashlib.sha256(payload).hexdigest(),
            license="For tests only.",
            config=SharpConfig(),
            note="a small file",
        )

    return make


@pytest.fixture
def hub_copy(tmp_path: Path):
    """Put content where huggingface_hub's cache would have a checkpoint's file."""

    def put(checkpoint: Checkpoint, content: bytes) -> Path:
        folder = tmp_path / "hub" / f"models--{checkpoint.hub_repo.replace('/', '--')}"
        file = folder / "snapshots" / "c0ffee" / checkpoint.filename
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        (folder / "refs").mkdir()
        (folder / "refs" / "main").write_text("c0ffee")
        return file

    return put


@pytest.fixture(scope="session")
def small_tensors() -> dict:
    """Drawn tensors of the small network, with the classifier heads that the released file has."""
    import torch

    from sharp_cli.model.checkpoint import UNUSED
    from sharp_cli.model.random_weights import SMALL, random_tensors

    heads = {f"{prefix}{kind}": torch.ones(3) for prefix in UNUSED for kind in ("weight", "bias")}
    return {**random_tensors(SMALL), **heads}


@pytest.fixture
def small_pt(small_tensors: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pickle of the small network; it cannot hold a config, so the small one is the default meanwhile."""
    import torch

    from sharp_cli.model.random_weights import SMALL
    from sharp_cli.weights import read

    read_config = read.read_config
    monkeypatch.setattr(read, "read_config", lambda stored, path: read_config(stored or SMALL.to_dict(), path))
    path = tmp_path / "small.pt"
    torch.save(small_tensors, path)
    return path
