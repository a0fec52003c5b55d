"""The served page: on this machine alone, its own files alone, and nothing for a page of another name."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator

import pytest

from sharp_cli import Gaussians, SharpError
from sharp_cli.viewer.server import ViewerServer, viewer_server


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
    response, splat = ask(server, "/splat.ply")
    assert response.status == 200
    assert int(response.getheader("Content-Length")) == len(splat)
    header, _, rows = splat.partition(b"end_header\n")
    assert f"element vertex {len(relief)}".encode() in header
    assert len(rows) == 56 * len(relief)


def test_head_has_the_size_and_no_body(server: ViewerServer) -> None:
    response, body = ask(server, "/splat.ply", "HEAD")
    assert response.status == 200 and int(response.getheader("Content-Length")) > 1_000_000
    assert body == b""


@pytest.mark.parametrize("path", ["/page.html", "/../pyproject.toml", "/splat.ply/", "/%2e%2e/x"])
def test_nothing_else_is_served(server: ViewerServer, path: str) -> None:
    assert ask(server, path)[0].status == 404


def test_only_its_own_name_is_answered(server: ViewerServer) -> None:
    port = server.server_address[1]
    assert ask(server, "/", host=f"localhost:{port}")[0].status == 200
    for host in ("rebound.example", f"rebound.example:{port}", "127.0.0.1", "127.0.0.1:1"):
        assert ask(server, "/splat.ply", host=host)[0].status == 403


def test_it_listens_on_this_machine_alone(server: ViewerServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    assert server.url == f"http://127.0.0.1:{server.server_address[1]}/"


def test_a_taken_port_is_said_in_a_sentence(server: ViewerServer, relief: Gaussians) -> None:
    port = server.server_address[1]
    with pytest.raises(SharpError, match=f"Port {port} is taken"):
        viewer_server(relief, "relief", port)
