"""The served page: on this machine only, its own files only, and nothing for a page of another name."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from sharp_cli import Gaussians, SharpError
from sharp_cli.formats.sog import sog_bytes
from sharp_cli.formats.stored import as_stored
from sharp_cli.viewer.server import ViewerServer, _Handler, viewer_server


@pytest.fixture(scope="module")
def server(relief: Gaussians) -> Iterator[ViewerServer]:
    with viewer_server(relief, "relief") as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def ask(server: ViewerServer, path: str, method: str = "GET", host: str | None = None):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.request(method, path, headers={"Host": host} if host else {})
    response = connection.getresponse()
    return response, response.read()


def test_the_page_and_its_splat(server: ViewerServer, relief: Gaussians) -> None:
    response, page = ask(server, "/?noui")
    assert (response.status, response.getheader("Content-Type")) == (200, "text/html; charset=utf-8")
    assert b"<title>relief</title>" in page
    response, splat = ask(server, "/splat.sog")
    assert response.status == 200
    assert int(response.getheader("Content-Length")) == len(splat)
    assert splat == sog_bytes(as_stored(relief))  # as an exported page holds it


def test_head_has_the_size_and_no_body(server: ViewerServer) -> None:
    response, body = ask(server, "/splat.sog", "HEAD")
    assert response.status == 200 and int(response.getheader("Content-Length")) > 100_000
    assert body == b""


@pytest.mark.parametrize("path", ["/page.html", "/../pyproject.toml", "/splat.sog/", "/%2e%2e/x"])
def test_nothing_else_is_served(server: ViewerServer, path: str) -> None:
    assert ask(server, path)[0].status == 404


def test_only_its_own_name_is_answered(server: ViewerServer) -> None:
    port = server.server_address[1]
    assert ask(server, "/", host=f"localhost:{port}")[0].status == 200
    for host in ("rebound.example", f"rebound.example:{port}", "127.0.0.1", "127.0.0.1:1"):
        assert ask(server, "/splat.sog", host=host)[0].status == 403


def test_it_listens_on_this_machine_alone(server: ViewerServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_address[1]}/"


def test_a_port_in_use_is_named(server: ViewerServer, relief: Gaussians) -> None:
    port = server.server_address[1]
    with pytest.raises(SharpError, match=f"port {port}: it is in use"):
        viewer_server(relief, "relief", port)


def test_a_browser_that_goes_away_leaves_no_traceback(server: ViewerServer, capfd: pytest.CaptureFixture[str]) -> None:
    host = f"127.0.0.1:{server.server_address[1]}"
    for request in (
        b"",
        b"GET /",
        f"GET /splat.sog HTTP/1.0\r\nHost: {host}\r\n\r\n".encode(),
        b"GET /x HTTP/1.0\r\n\r\n",
    ):
        ours, theirs = socket.socketpair()
        theirs.sendall(request)
        theirs.close()
        server.process_request_thread(ours, ("127.0.0.1", 1))
    assert capfd.readouterr().err == ""


def test_a_silent_connection_is_closed(
    server: ViewerServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert 0 < _Handler.timeout <= 60
    monkeypatch.setattr(_Handler, "timeout", 0.01)
    host = f"127.0.0.1:{server.server_address[1]}"
    for request in (b"", b"GET /", f"GET /splat.sog HTTP/1.0\r\nHost: {host}\r\n\r\n".encode()):
        ours, theirs = socket.socketpair()
        theirs.sendall(request)
        server.process_request_thread(ours, ("127.0.0.1", 1))  # returns, though they never read nor send more
        theirs.close()
    assert capfd.readouterr().err == ""


def test_other_faults_are_reported(server: ViewerServer, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        server.handle_error(None, ("127.0.0.1", 1))
    assert "broken" in capfd.readouterr().err
