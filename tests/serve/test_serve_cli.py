"""``sharp serve`` says where it is reached."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="needs the extra serve")
pytest.importorskip("uvicorn", reason="needs the extra serve")

from commands import Finished, sharp

from sharp_cli.serve import address, server, worker
from sharp_cli.serve.server import listen

OUTSIDE = "198.51.100.7"


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has one address."""
    monkeypatch.setattr(address, "own_address", {socket.AF_INET: OUTSIDE, socket.AF_INET6: "2001:db8::7"}.get)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, tiny_weights: Path):
    """Runs the command without a network in memory, until it would answer requests."""

    def stop(*words: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "serve", stop)
    monkeypatch.setattr(worker.Worker, "start", lambda self: None)

    def run(*words: object) -> Finished:
        return sharp("serve", "--port", 0, "--weights", tiny_weights, *words)

    return run


def test_all_addresses_are_printed_as_one_that_others_can_use(serve, connected: None) -> None:
    run = serve("--host", "0.0.0.0", "--token", "a secret")
    assert run.returncode == 0
    assert re.fullmatch(rf"http://{OUTSIDE}:\d+/\?token=a%20secret\n", run.stdout)
    assert "-H 'Authorization: Bearer a secret'" in run.stderr and f"'http://{OUTSIDE}:" in run.stderr
    assert "0.0.0.0" not in run.stderr


def test_a_token_is_made_where_others_can_ask(serve, connected: None) -> None:
    run = serve("--host", "0.0.0.0")
    token = run.stdout.strip().partition("?token=")[2]
    assert len(token) >= 24 and f"Authorization: Bearer {token}'" in run.stderr


def test_this_machine_alone_needs_no_token(serve) -> None:
    run = serve()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\n", run.stdout)
    assert "Bearer" not in run.stderr


def test_a_machine_without_a_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(address, "own_address", lambda family: None)
    monkeypatch.setattr(socket, "gethostname", lambda: "gpu-machine")
    with listen("0.0.0.0", 0) as listener:
        assert address.address_of(listener, "0.0.0.0") == f"http://gpu-machine:{listener.getsockname()[1]}/"


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_all_addresses_of_ipv6_are_those_of_ipv4_too_where_both_reach_it(connected: None) -> None:
    try:
        listener = socket.socket(socket.AF_INET6)
        listener.bind(("::1", 0))
        listener.close()
    except OSError:
        pytest.skip("needs IPv6")
    for only, expected in ((1, "[2001:db8::7]"), (0, OUTSIDE)):
        with socket.socket(socket.AF_INET6) as listener:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only)
            listener.bind(("::", 0))
            assert address.address_of(listener, "::").startswith(f"http://{expected}:")
    with socket.socket(socket.AF_INET6) as listener:
        listener.bind(("::1", 0))
        assert address.address_of(listener, "::1").startswith("http://[::1]:")


def test_an_own_address_is_never_one_that_others_cannot_reach() -> None:
    for family in (socket.AF_INET, socket.AF_INET6):
        assert address.own_address(family) not in ("0.0.0.0", "127.0.0.1", "::", "::1")
