"""``sharp view``: show a splat in the browser on this machine."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from sharp_cli.cli.display.plain import plain


def view(
    scene: Annotated[Path, typer.Argument(metavar="SCENE", help="A splat file.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 chooses a free one.")] = 0,
    no_open: Annotated[bool, typer.Option("--no-open", help="Print the address only; do not open a browser.")] = False,
) -> None:
    """Show a splat in the browser, starting with the photo's view, until Ctrl-C."""
    show(scene, port, open_browser=not no_open)


def show(scene: Path, port: int = 0, *, open_browser: bool = True) -> None:
    """Serve a splat's page until Ctrl-C; the address goes to stdout.

    Raises:
        SharpError: the splat cannot be read or shown, or the port cannot be used.
    """
    from sharp_cli.formats.registry import read_stored
    from sharp_cli.viewer.server import viewer_server

    with viewer_server(read_stored(scene), plain(scene.stem), port) as server:
        typer.echo(server.url)
        typer.echo("Press Ctrl-C to stop.", err=True)
        if open_browser:
            webbrowser.open(server.url)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("Stopped.", err=True)
