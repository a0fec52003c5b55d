"""Running the service: a socket, the workers, and uvicorn."""

from __future__ import annotations

import errno
import socket

import uvicorn

from sharp_cli.errors import SharpError
from sharp_cli.serve.app import create_app
from sharp_cli.serve.settings import ServeSettings
from sharp_cli.serve.worker import Worker

GRACE = 3
"""Seconds that open connections get when the service ends."""


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        SharpError: the port is in use or not allowed, or the host is not one of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(1024)
        return listener
    except OSError as error:
        reason = "the port is in use" if error.errno == errno.EADDRINUSE else str(error.strerror or error)
        raise SharpError(f"cannot serve on {host} port {port}: {reason} (choose another port, or 0)") from error


def serve(listener: socket.socket, settings: ServeSettings, converter: Worker, exporter: Worker) -> None:
    """Answer requests until SIGINT or SIGTERM."""
    app = create_app(settings, converter, exporter)
    config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=GRACE, server_header=False)
    uvicorn.Server(config).run(sockets=[listener])
