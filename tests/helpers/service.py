"""The service on a port of this machine, with workers that obey the photo instead of running a network."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import uvicorn

from sharp_cli.errors import SharpError
from sharp_cli.serve.app import create_app
from sharp_cli.serve.server import listen
from sharp_cli.serve.settings import ConvertRequest, ExportRequest, ServeSettings
from sharp_cli.serve.worker import Emit, Handler, Worker

SPLAT = "SHARP_TEST_SPLAT"
"""Variable with the path of the file that :func:`make_fake` gives for every photo."""


def make_fake() -> Handler:
    """A converter for photos that are orders: ``bad``, ``die``, ``hold PATH`` (until that file is there)."""
    return lambda requests, emit: [_obey(request, emit) for request in requests]


def make_fake_exporter() -> Handler:
    """An exporter that writes the format's name."""
    return _export


def _obey(request: ConvertRequest, emit: Emit) -> dict[str, Any] | SharpError:
    emit("network")
    order, _, rest = request.photo.read_bytes()[:200].partition(b" ")
    if order == b"bad":
        return SharpError("cannot read the photo: file is damaged")
    if order == b"die":
        os._exit(9)
    if order == b"hold":
        while not Path(os.fsdecode(rest)).exists():
            time.sleep(0.01)
    splat = os.environ.get(SPLAT)
    request.target.write_bytes(Path(splat).read_bytes() if splat else b"splat of " + order)
    return {"gaussians": 1, "width": 4, "height": 3}


def _export(requests: Sequence[ExportRequest], emit: Emit) -> list[dict[str, Any] | SharpError]:
    for request in requests:
        request.target.write_text(f"{request.title} as {request.target.suffix}")
    return [{} for _ in requests]


@contextmanager
def service(
    settings: ServeSettings,
    make: Callable[[], Handler] = make_fake,
    make_exporter: Callable[[], Handler] = make_fake_exporter,
) -> Iterator[httpx.Client]:
    """A service that answers; gives a client for it."""
    app = create_app(settings, Worker(make), Worker(make_exporter))
    with listen("127.0.0.1", 0) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        with httpx.Client(base_url=f"http://127.0.0.1:{listener.getsockname()[1]}", timeout=60) as client:
            try:
                yield client
            finally:
                server.should_exit = True
                thread.join(20)
