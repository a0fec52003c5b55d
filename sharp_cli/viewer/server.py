"""Serve the viewer's page on 127.0.0.1, for the browser on this machine only."""

from __future__ import annotations

import errno
import os
import socketserver
import sys
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Any

from sharp_cli.errors import SharpError
from sharp_cli.formats.sog import sog_bytes
from sharp_cli.formats.stored import StoredSplat, as_stored
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.viewer.page import page_around

ADDRESS = "127.0.0.1"
SPLAT = "splat.sog"

IDLE_SECONDS = 30
"""A connection on which nothing moves for this long is closed."""


class ViewerServer(socketserver.ThreadingTCPServer):
    """Serve a few values under fixed paths. ``serve_forever`` runs it; leaving the ``with`` block frees its port.

    This is a plain TCP server because the HTTP one asks the network for this machine's name first.
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # on Windows it would share a port that is in use

    def __init__(self, port: int, files: Mapping[str, tuple[str, bytes]]) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.files = files

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore browsers that go away or fall silent; report anything else."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{ADDRESS}:{self.server_address[1]}/"


def viewer_server(gaussians: Gaussians | StoredSplat, title: str, port: int = 0) -> ViewerServer:
    """A server of the viewer's page for these Gaussians, which already listens; port 0 takes a free one.

    The browser gets the same bytes as in an exported page.

    Raises:
        SharpError: the port is in use or not allowed, or there is no Gaussian to show.
    """
    splat = as_stored(gaussians)
    files = {
        "/": ("text/html; charset=utf-8", page_around(splat, title, SPLAT)),
        f"/{SPLAT}": ("application/octet-stream", sog_bytes(splat)),
    }
    try:
        return ViewerServer(port, files)
    except OverflowError as error:
        raise SharpError(f"invalid port: {port} (use 0 to 65535)", "usage") from error
    except OSError as error:
        reason = "it is in use" if error.errno == errno.EADDRINUSE else str(error.strerror or error)
        raise SharpError(f"cannot serve on port {port}: {reason} (choose another port, or 0 for a free one)") from error


class _Handler(BaseHTTPRequestHandler):
    server: ViewerServer
    timeout = IDLE_SECONDS

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        # Without this check, a page whose name resolves to this address (DNS rebinding) could read the splat.
        port = self.server.server_address[1]
        if self.headers.get("Host") not in (f"{ADDRESS}:{port}", f"localhost:{port}"):
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        file = self.server.files.get(self.path.partition("?")[0])
        if file is None:
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        mime, content = file
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", mime)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: the command's output is the address."""
