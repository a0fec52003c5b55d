"""``sharp serve``: photos in and splats out over HTTP, with the network kept in memory."""

from __future__ import annotations

import secrets
import shlex
import tempfile
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from sharp_cli.cli import options as opt
from sharp_cli.cli.choices import Device, Precision
from sharp_cli.errors import SharpError, install_extra

LIMITS = "Limits"


def serve(
    host: Annotated[
        str,
        typer.Option(help="Address to listen on; 0.0.0.0 is all of this machine's. All but 127.0.0.1 need a token."),
    ] = ("127.0.0.1"),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 chooses a free one.")] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="SHARP_TOKEN",
            help="Required of every request. Default: none on 127.0.0.1, else one is made and printed.",
        ),
    ] = None,
    weights: opt.Weights = "sharp",
    device: opt.NetworkDevice = Device.auto,
    precision: opt.NetworkPrecision = Precision.auto,
    low_vram: opt.LowVram = False,
    queue: Annotated[int, opt.option(LIMITS, "Photos that may wait; more are refused (429).", min=1)] = 16,
    max_mb: Annotated[int, opt.option(LIMITS, "Size of an upload in MiB; more is refused (413).", min=1)] = 64,
    max_megapixels: Annotated[int, opt.option(LIMITS, "Size of a photo; more is refused (413).", min=1)] = 100,
    keep: Annotated[int, opt.option(LIMITS, "Results that are kept; the oldest are deleted.", min=1)] = 20,
    micro_batch: Annotated[
        int, opt.option(LIMITS, "Photos in one pass of the network, if as many wait (for GPUs).", min=1)
    ] = 1,
) -> None:
    """Serve a page and an HTTP interface that turn photos into splats, until Ctrl-C.

    The network stays in memory. `curl --data-binary @photo.jpg "http://127.0.0.1:8000/splats?wait=true" -o photo.ply`
    converts a photo. See docs/serve.md.
    """
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError:
        raise SharpError(f"the service needs Starlette and uvicorn ({install_extra('serve')})") from None
    from sharp_cli.cli.weights import download_shown
    from sharp_cli.serve.address import address_of
    from sharp_cli.serve.convert import MakeConverter, make_exporter
    from sharp_cli.serve.guard import is_loopback
    from sharp_cli.serve.server import listen
    from sharp_cli.serve.server import serve as run
    from sharp_cli.serve.settings import ServeSettings
    from sharp_cli.serve.worker import Worker
    from sharp_cli.weights.resolve import resolve

    path = resolve(weights, download=download_shown)
    if token is None and not is_loopback(host):
        token = secrets.token_urlsafe(18)
    with (
        listen(host, port) as listener,
        tempfile.TemporaryDirectory(prefix="sharp-serve-", ignore_cleanup_errors=True) as folder,
    ):
        settings = ServeSettings(Path(folder), token, queue, max_mb << 20, max_megapixels * 10**6, keep, micro_batch)
        converter = Worker(MakeConverter(str(path), device.value, precision.value, low_vram))
        typer.echo("Loading the network …", err=True)
        converter.start()
        announce(address_of(listener, host), token)
        try:
            run(listener, settings, converter, Worker(make_exporter))
        except KeyboardInterrupt:
            typer.echo("Stopped.", err=True)


def announce(address: str, token: str | None) -> None:
    """Print the address to stdout, and how to use it to stderr."""
    typer.echo(f"{address}?token={quote(token, safe='')}" if token else address)
    if token:
        typer.echo("Open this address in a browser. Other programs send the token with every request:", err=True)
        header = f"-H {shlex.quote(f'Authorization: Bearer {token}')}"
        typer.echo(f"curl --data-binary @photo.jpg {header} '{address}splats?wait=true' -o photo.ply", err=True)
    typer.echo("Press Ctrl-C to stop.", err=True)
