"""An S3 server on this machine, and a proxy before it that fails: 503, slow, and cut in the middle."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Faults:
    """How often each fault happens, and how often it did.

    Args:
        shares: of requests, for ``unavailable``, ``slow`` and ``cut``.
    """

    def __init__(self, seed: int = 0, **shares: float) -> None:
        self.shares, self.happened = shares, Counter[str]()
        self._chance, self._lock = random.Random(seed), threading.Lock()

    def next(self) -> str:
        """The fault of the next request, or nothing."""
        with self._lock:
            number = self._chance.random()
            for fault, share in self.shares.items():
                number -= share
                if number < 0:
                    self.happened[fault] += 1
                    return fault
        return ""


@contextmanager
def s3_server() -> Iterator[int]:
    """The port of an S3 server with nothing in it."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield server.get_host_and_port()[1]
    finally:
        server.stop()


@contextmanager
def faulty(port: int, faults: Faults) -> Iterator[int]:
    """The port of a proxy before the server."""

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fault = faults.next()
            if fault == "unavailable":
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if fault == "slow":
                time.sleep(0.2)
            upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            upstream.request(self.command, self.path, body, dict(self.headers.items()))
            answer = upstream.getresponse()
            content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "date", "server", "content-length"):
                    self.send_header(name, value)
            size = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", size or "0")
            self.end_headers()
            if fault == "cut":
                content = content[: len(content) // 2]
                self.close_connection = True
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = handle_any  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
