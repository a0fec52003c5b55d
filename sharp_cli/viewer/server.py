"""The viewer's page on this machine's own address, for this machine's browser alone."""

from __future__ import annotations

import errno
import os
import socketserver
import tempfile
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from sharp_cli.errors import SharpError
from sharp_cli.formats.ply import write_ply
from sharp_cli.gaussians.gaussians import Gaussians
from sharp_cli.viewer.page import page_around

ADDRESS = "127.0.0.1"


class ViewerServer(socketserver.ThreadingTCPServer):
    """Serves a few values under fixed paths; ``serve_forever`` runs it, leaving the ``with`` block frees its port.

    A plain TCP server, since the HTTP one asks the network for this machine's name first.
    """

    daemon_threads = True
    allow_reuse_address = os.name != "nt"  # there, it would share a port that is taken

    def __init__(self, port: int, files: Mapping[str, tuple[str, bytes]]) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.files = files

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_address[1]}/"


def viewer_server(gaussians: Gaussians, title: str, port: int = 0) -> ViewerServer:
    """A server of the viewer's page for these Gaussians, already listening; port 0 takes a free one.

    Raises:
        SharpError: the port is taken or not allowed, or there is no Gaussian to show.
    """
    with tempfile.TemporaryDirectory() as folder:
        splat = Path(folder) / "splat.ply"
        write_ply(splat, gaussians)
        files = {
            "/": ("text/html; charset=utf-8", page_around(gaussians, title, splat.name)),
            f"/{splat.name}": ("application/octet-stream", splat.read_bytes()),
        }
    try:
        return ViewerServer(port, files)
    except OverflowError as error:
        raise SharpError(f"There is no port {port}; choose one up to 65535.") from error
    except OSError as error:
        reason = "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used: {error.strerror or error}"
        raise SharpError(f"Port {port} {reason}; --port names another, and without it a free one is found.") from error


class _Handler(BaseHTTPRequestHandler):
    server: ViewerServer

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        # A page of another name that resolves to this address (DNS rebinding) could else read the splat.
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
            try:
                self.wfile.write(content)
            except ConnectionError:
                self.close_connection = True  # the browser went away, as it may

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the command's output is the address."""
