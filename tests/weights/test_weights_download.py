from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
from collections import namedtuple
from pathlib import Path

import filelock
import pytest

from sharp_cli.errors import SharpError
from sharp_cli.model.config import SharpConfig
from sharp_cli.weights import download as module
from sharp_cli.weights.catalog import Checkpoint
from sharp_cli.weights.download import download
from sharp_cli.weights.resolve import resolve
from sharp_cli.weights.store import cached_path, find, part_path

SIZE = 300_000

PATIENCE = (module.ANSWER_SECONDS, module.STALL_SECONDS)
"""As they are outside tests, which shorten them."""


def test_first_source(serve, checkpoint_at):
    hub, second = serve(), serve()
    checkpoint = checkpoint_at(hub.url, second.url)
    calls = []
    path = download(checkpoint, lambda done, total: calls.append((done, total)))
    assert path == cached_path(checkpoint) == find(checkpoint)
    assert path.read_bytes() == hub.payload
    assert [request[0] for request in hub.requests] == ["/somebody/Something/resolve/main/something.pt"]
    assert second.requests == []
    assert calls[0] == (0, SIZE) and calls[-1] == (SIZE, SIZE) and calls == sorted(calls)
    assert not part_path(checkpoint).exists()


def test_existing_weights_are_not_downloaded_again(serve, checkpoint_at):
    hub = serve()
    checkpoint = checkpoint_at(hub.url)
    assert download(checkpoint) == download(checkpoint)
    assert len(hub.requests) == 1


def test_the_token_goes_to_the_hub_alone(serve, checkpoint_at):
    hub, second = serve("404"), serve()
    download(checkpoint_at(hub.url, second.url))
    assert hub.requests[0][1]["Authorization"] == "Bearer hf_secret"
    assert "authorization" not in {name.lower() for name in second.requests[0][1]}


@pytest.mark.parametrize("fault", ["404", "401", "wrong", "short", "endless"])
def test_second_source(serve, checkpoint_at, fault):
    hub, second = serve(fault), serve()
    assert download(checkpoint_at(hub.url, second.url)).read_bytes() == second.payload
    assert [request[0] for request in second.requests] == ["/files/something.pt"]
    assert len(hub.requests) == 1


def test_second_source_when_the_hub_is_unreachable_or_silent(serve, checkpoint_at):
    for hub in ("http://127.0.0.1:9", serve("silent").url, "nonsense://", "http://[broken"):
        checkpoint = checkpoint_at(hub, serve().url)
        assert download(checkpoint).stat().st_size == SIZE
        cached_path(checkpoint).unlink()


def test_a_server_error_is_tried_again(serve, checkpoint_at):
    hub = serve("500", "503")
    assert download(checkpoint_at(hub.url)).read_bytes() == hub.payload
    assert len(hub.requests) == 3


@pytest.mark.parametrize("fault", ["cut 100000", "stall 100000"])
def test_a_broken_download_is_resumed_at_once(serve, checkpoint_at, fault):
    hub, second = serve(fault), serve()
    assert download(checkpoint_at(hub.url, second.url)).read_bytes() == hub.payload
    assert hub.served == [100_000, 200_000]
    assert hub.requests[1][1]["Range"] == "bytes=100000-"
    assert second.requests == []


def test_interruptions_do_not_matter_while_there_is_progress(serve, checkpoint_at):
    hub = serve(*["cut 30000"] * 9)
    assert download(checkpoint_at(hub.url)).read_bytes() == hub.payload
    assert hub.served == [30_000] * 10


def test_running_again_resumes(serve, checkpoint_at):
    hub = serve("cut 100000", *["cut 0"] * 9)
    with pytest.raises(SharpError, match=r"closed the connection.*run this again to resume after 100\.0 kB"):
        download(checkpoint_at(hub.url))
    again = serve()
    assert download(checkpoint_at(again.url)).read_bytes() == again.payload
    assert again.served == [200_000]


def test_the_second_source_resumes_what_the_first_began(serve, checkpoint_at):
    hub, second = serve("cut 100000", "404"), serve()
    assert download(checkpoint_at(hub.url, second.url)).read_bytes() == second.payload
    assert second.served == [200_000]


def test_a_server_without_range_starts_over(serve, checkpoint_at):
    hub = serve("cut 100000", "no-range")
    assert download(checkpoint_at(hub.url)).read_bytes() == hub.payload
    assert hub.served == [100_000, SIZE]


@pytest.mark.parametrize("length", [1000, SIZE, SIZE + 1000])
def test_a_damaged_part_is_dropped(serve, checkpoint_at, length):
    hub = serve()
    checkpoint = checkpoint_at(hub.url)
    part_path(checkpoint).parent.mkdir()
    part_path(checkpoint).write_bytes(bytes(length))
    assert download(checkpoint).read_bytes() == hub.payload
    assert hub.served[-1] == SIZE


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("wrong", r"sent a different file \(sha256 [0-9a-f]{64}\), now deleted"),
        ("short", "has a different file of 299,993 bytes, not 300,000"),
        ("endless", r"sent a different file \(300,004 bytes, not 300,000\), now deleted"),
    ],
)
def test_another_file_is_refused(serve, checkpoint_at, fault, message):
    hub, second = serve(fault), serve("404")
    checkpoint = checkpoint_at(hub.url, second.url)
    with pytest.raises(SharpError, match=f"{message}.*answered 404 Not Found"):
        download(checkpoint)
    assert find(checkpoint) is None
    assert not part_path(checkpoint).exists()


def test_a_login_page_does_not_damage_a_part(serve, checkpoint_at):
    portal = serve("no-range", payload=b"<html>Please log in</html>")
    checkpoint = checkpoint_at(portal.url)
    part_path(checkpoint).parent.mkdir()
    part_path(checkpoint).write_bytes(serve().payload[:1000])
    with pytest.raises(SharpError, match="has a different file of 26 bytes"):
        download(checkpoint)
    assert part_path(checkpoint).stat().st_size == 1000


def test_no_server(checkpoint_at):
    with pytest.raises(SharpError, match="cannot download the weights test") as caught:
        download(checkpoint_at("http://127.0.0.1:9"))
    for remedy in ("SHARP_CACHE", "try again online"):
        assert remedy in str(caught.value)
    assert caught.value.code == "no_weights" and "--" not in str(caught.value)


def test_servers_that_never_answer(checkpoint_at, monkeypatch):
    monkeypatch.setattr(module, "STALL_SECONDS", 10.0)
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        hub, second = (f"http://127.0.0.1:{server.getsockname()[1]}" for server in (one, two))
        with pytest.raises(SharpError, match=r"does not answer.*does not answer"):
            download(checkpoint_at(hub, second))


def test_a_name_server_that_never_answers(checkpoint_at, monkeypatch):
    monkeypatch.setattr(module, "STALL_SECONDS", 10.0)
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(30))
    with pytest.raises(SharpError, match=r"does not answer.*does not answer"):
        download(checkpoint_at("http://hub.invalid", "http://second.invalid"))
    over.set()


def test_a_slow_network_gets_more_time_after_a_sign_of_life(serve):
    server = serve()
    with module.httpx.Client() as client:
        line = module.Line(client)
        line.alive, line.deadline = True, line.deadline - 1e6  # the time for a first sign of life is long over
        response = line.open(module.Source(server.url, dict, 1.0), 0)
        assert response.status_code == 200
        response.close()


def test_a_first_byte_may_take_ten_seconds():
    answer, stall = PATIENCE
    checkpoint = Checkpoint("x", "a/b", "f", "http://localhost/f", 1, "0", "", SharpConfig(), "")
    assert min(answer * source.share for source in module.sources(checkpoint)) > 10 and stall > 10


def test_a_part_without_its_range_falls_to_the_next_source(serve, checkpoint_at):
    hub, second = serve(), serve()

    def answer(handler):
        handler.send_response(206)
        handler.send_header("Content-Length", "3")
        handler.end_headers()
        handler.wfile.write(b"abc")

    hub.answer = answer
    assert download(checkpoint_at(hub.url, second.url)).read_bytes() == second.payload


def test_an_odd_exception_from_the_proxy_is_explained(serve, checkpoint_at, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "[::1]")
    with pytest.raises(SharpError, match=r"cannot download.*NO_PROXY"):
        download(checkpoint_at(serve().url))


def test_offline_means_no_request(serve, checkpoint_at, monkeypatch):
    from huggingface_hub import constants

    hub = serve()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SharpError, match="HF_HUB_OFFLINE is set"):
        download(checkpoint_at(hub.url, hub.url))
    assert hub.requests == []


def test_an_invalid_proxy_setting_is_reported(serve, checkpoint_at, monkeypatch):
    monkeypatch.setenv("ALL_PROXY", "gopher://127.0.0.1:9")
    with pytest.raises(SharpError, match="Unknown scheme for proxy"):
        download(checkpoint_at(serve().url))


def test_a_full_disk_is_reported_before_the_download(serve, checkpoint_at, monkeypatch):
    hub = serve()
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(1000))
    with pytest.raises(SharpError, match=r"cannot download .*needs 300\.0 kB more, and 1\.0 kB are free .*SHARP_CACHE"):
        download(checkpoint_at(hub.url))
    assert hub.requests == []


def test_a_disk_that_fills_up_is_reported(serve, checkpoint_at, monkeypatch):
    class FullDisk:
        def __init__(self, *_):
            self.update = self.hexdigest = self.fail

        def fail(self, *_):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "sha256", FullDisk)
    with pytest.raises(SharpError, match=r"cannot download .*No space left on device .*SHARP_CACHE"):
        download(checkpoint_at(serve().url))


def test_an_unwritable_cache_is_reported(serve, checkpoint_at, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("SHARP_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(SharpError, match=r"cannot download .*SHARP_CACHE"):
        download(checkpoint_at(serve().url))


def test_two_processes_fetch_once(serve, checkpoint_at):
    hub = serve()
    checkpoint = checkpoint_at(hub.url)
    part_path(checkpoint).parent.mkdir()
    part_path(checkpoint).write_bytes(hub.payload[:1000])
    other = filelock.FileLock(f"{part_path(checkpoint)}.lock")
    other.acquire()
    calls = []

    def the_other_one_is_done(done: int, total: int) -> None:
        calls.append((done, total))
        part_path(checkpoint).unlink()
        cached_path(checkpoint).write_bytes(hub.payload)
        other.release()

    assert download(checkpoint, the_other_one_is_done) == cached_path(checkpoint)
    assert calls == [(1000, SIZE)]
    assert hub.requests == []


def test_hub_cache_hit_without_a_request(serve, checkpoint_at, hub_copy, monkeypatch):
    hub = serve()
    checkpoint = checkpoint_at(hub.url, hub.url)
    monkeypatch.setattr("sharp_cli.weights.resolve.KNOWN", {"test": checkpoint})
    copy = hub_copy(checkpoint, hub.payload)
    assert resolve("test") == download(checkpoint) == copy
    assert hub.requests == []


def test_environment(serve, hub_copy, checkpoint_at, tmp_path):
    """In a process of its own, because huggingface_hub reads its variables when it is imported."""
    hub = serve()
    checkpoint = checkpoint_at(hub.url)
    hub_copy(checkpoint, hub.payload)
    program = f"""
from dataclasses import replace
from sharp_cli.model.config import SharpConfig
from sharp_cli.weights.catalog import RELEASED
from sharp_cli.weights.download import download
from sharp_cli.weights.store import find
checkpoint = replace(RELEASED, size={checkpoint.size}, sha256="{checkpoint.sha256}", url="{checkpoint.url}")
print(download(checkpoint))
print(find(replace(checkpoint, hub_repo="{checkpoint.hub_repo}", filename="{checkpoint.filename}")))
"""
    settings = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_CACHE": str(tmp_path / "hub")}
    result = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **settings}, capture_output=True, text=True, check=True
    )
    ours, theirs = map(Path, result.stdout.split())
    assert ours == tmp_path / "cache" / "sharp_2572gikvuh.pt"
    assert theirs.is_relative_to(tmp_path / "hub")
    assert [request[0] for request in hub.requests] == ["/apple/Sharp/resolve/main/sharp_2572gikvuh.pt"]
