"""The service's answers: files and jobs, limits, strangers, and workers that die."""

from __future__ import annotations

import json
import socket
import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="needs the extra serve")
pytest.importorskip("uvicorn", reason="needs the extra serve")

import httpx
from service import service

from sharp_cli.serve.app import _title
from sharp_cli.serve.guard import is_loopback
from sharp_cli.serve.settings import ServeSettings


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    settings = ServeSettings(tmp_path_factory.mktemp("jobs"), queue=2, max_bytes=1 << 20, keep=3, upload_seconds=1)
    with service(settings) as client:
        yield client


def finished(client: httpx.Client, job: str) -> dict:
    """The last event of a job."""
    with client.stream("GET", f"/jobs/{job}/events") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        events = [json.loads(line[6:]) for line in response.iter_lines() if line.startswith("data: ")]
    return events[-1]


def test_a_photo_becomes_a_file_in_one_request(client: httpx.Client) -> None:
    answer = client.post("/splats?wait=true&name=My%20photo.jpg", content=b"hello")
    assert (answer.status_code, answer.content) == (200, b"splat of hello")
    assert "My%20photo.ply" in answer.headers["content-disposition"]
    answer = client.post("/splats?wait=true&format=sog&name=x.jpg", content=b"hello")
    assert (answer.status_code, answer.text) == (200, "x as .sog")


def test_a_job_is_followed_to_its_files(client: httpx.Client) -> None:
    answer = client.post("/splats", content=b"hello")
    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/jobs/{job['id']}")
    last = finished(client, job["id"])
    assert (last["status"], last["facts"]["gaussians"]) == ("done", 1)
    assert client.get(f"/jobs/{job['id']}").json() == last
    assert client.get(last["files"]["ply"]).content == b"splat of hello"
    page = client.get(last["files"]["html"])
    assert "sandbox" in page.headers["content-security-policy"]
    assert page.headers["content-type"].startswith("text/html")


def test_a_full_queue_is_429_and_those_inside_go_on(client: httpx.Client, tmp_path: Path) -> None:
    go = tmp_path / "go"
    first = client.post("/splats", content=b"hold " + bytes(go)).json()["id"]
    while client.get(f"/jobs/{first}").json()["status"] == "queued":
        pass
    waiting = [client.post("/splats", content=b"x").json() for _ in range(2)]
    assert [job["position"] for job in waiting] == [1, 2]
    refused = client.post("/splats", content=b"x")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "5")
    assert client.get(f"/splats/{first}.ply").status_code == 409
    assert client.get("/health").json() == {"status": "ok", "waiting": 2}
    go.touch()
    assert [finished(client, job)["status"] for job in (first, *(job["id"] for job in waiting))] == ["done"] * 3


def bomb() -> bytes:
    """A PNG that says it has 60,000 × 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


def test_what_is_too_large_is_413(client: httpx.Client) -> None:
    assert client.post("/splats", content=bytes(1 << 21)).status_code == 413
    pieces = (bytes(1 << 16) for _ in range(1 << 20))  # 64 GiB, of which little is taken
    with suppress(httpx.WriteError, httpx.ReadError):  # the connection may be closed while the client is still sending
        assert client.post("/splats", content=pieces).status_code == 413
    assert client.post("/splats", content=bomb()).status_code == 413
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ("", b"", 400),
        ("format=exe", b"x", 400),
        ("fov=0", b"x", 400),
        ("fov=nan", b"x", 400),
        ("fov=60&focal_px=900", b"x", 400),
        ("max_gaussians=1e9", b"x", 400),
        ("wait=true", b"bad", 422),
    ],
)
def test_wrong_requests_have_a_status_and_a_reason(client: httpx.Client, query: str, body: bytes, status: int) -> None:
    answer = client.post(f"/splats?{query}", content=body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]


def test_a_form_is_refused_with_the_right_way(client: httpx.Client) -> None:
    answer = client.post("/splats", files={"photo": b"x"})
    assert answer.status_code == 415 and "--data-binary" in answer.text


@pytest.mark.parametrize(
    "path", ["/splats/../../etc/passwd", "/splats/..%2f..%2fetc%2fpasswd.ply", "/splats/x.ply", "/jobs/%2e%2e/x", "/x"]
)
def test_only_jobs_have_files(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_a_photo_that_ends_the_worker_twice_fails_alone(client: httpx.Client) -> None:
    answer = client.post("/splats?wait=true", content=b"die")
    assert answer.status_code == 500 and "worker" in answer.text
    assert client.post("/splats?wait=true", content=b"x").status_code == 200
    metrics = client.get("/metrics").text
    assert "sharp_worker_deaths_total 2" in metrics
    assert 'sharp_jobs_total{status="failed"}' in metrics and "sharp_wait_seconds_bucket" in metrics


def test_old_results_are_forgotten(client: httpx.Client) -> None:
    ids = [client.post("/splats", content=b"x").json()["id"] for _ in range(2)]
    ids += [finished(client, ids[-1])["id"]]
    for _ in range(3):
        assert client.post("/splats?wait=true", content=b"x").status_code == 200
    assert client.get(f"/jobs/{ids[0]}").status_code == 404


def test_a_slow_upload_is_408(client: httpx.Client) -> None:
    with socket.create_connection((client.base_url.host, client.base_url.port or 0)) as connection:
        host = f"{client.base_url.host}:{client.base_url.port}"
        connection.sendall(f"POST /splats HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10\r\n\r\nabc".encode())
        connection.settimeout(30)
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_other_sites_and_names_are_refused(client: httpx.Client) -> None:
    assert client.get("/", headers={"Host": "rebound.example"}).status_code == 403
    answer = client.post("/splats", content=b"x", headers={"Origin": "https://other.example"})
    assert answer.status_code == 403
    assert not any(name.startswith("access-control") for name in answer.headers)


def test_a_token_opens_everything(tmp_path: Path) -> None:
    with service(ServeSettings(tmp_path, token="secret")) as client:
        assert client.get("/health").status_code == 200
        for path in ("/", "/metrics", "/jobs/x"):
            assert client.get(path).status_code == 401
        assert client.get("/", headers={"Cookie": "sharp_token=wrong"}).status_code == 401
        assert client.get("/?token=wrong").status_code == 401
        bearer = {"Authorization": "Bearer secret"}
        assert client.post("/splats?wait=1", content=b"x", headers=bearer).status_code == 200
        assert client.get("/?token=secret").status_code == 303
        assert client.get("/").status_code == 200  # by the cookie


def test_several_photos_go_through_the_network_together(tmp_path: Path) -> None:
    settings = replace(ServeSettings(tmp_path / "jobs"), micro_batch=4)
    with service(settings) as client:
        go = tmp_path / "go"
        first = client.post("/splats", content=b"hold " + bytes(go)).json()["id"]
        rest = [client.post("/splats", content=body).json()["id"] for body in (b"x", b"die", b"y")]
        go.touch()
        states = [finished(client, job)["status"] for job in (first, *rest)]
    assert states == ["done", "done", "failed", "done"]  # one of them ends the worker; the others do not suffer


def test_names_and_addresses() -> None:
    assert _title("../../a b.jpg") == "a b" and _title("C:\\x\\y.png") == "y" and _title("\r\n") == "_"
    assert _title("") == "splat"
    assert is_loopback("127.0.0.1") and is_loopback("::1") and is_loopback("localhost")
    assert not is_loopback("0.0.0.0") and not is_loopback("example.org") and not is_loopback("")
