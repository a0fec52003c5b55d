"""`sharp serve` under load: waiting, memory, and hostile clients. The workers copy a file instead of running a network.

python benchmarks/serve.py load     # 50 clients for 60 s
python benchmarks/serve.py memory   # 1,000 photos one after the other: the service's memory before and after
python benchmarks/serve.py hostile  # slow client, 2 GB upload, bomb, path tricks, killed worker: the status of each
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import socket
import struct
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np

from sharp_cli.serve.server import listen, serve
from sharp_cli.serve.settings import ServeSettings
from sharp_cli.serve.worker import Worker

WORK = 0.05
"""Seconds that the worker takes for a photo."""

SLOW = 10
"""Seconds that the service allows a slow client."""


def make_steady():
    """A converter that takes the same time for every photo and writes 1 MB."""

    def convert(requests, emit):
        for request in requests:
            emit("network")
            if request.photo.read_bytes()[:3] == b"die":
                os._exit(9)
            time.sleep(WORK)
            request.target.write_bytes(bytes(1 << 20))
        return [{"gaussians": 1} for _ in requests]

    return convert


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["load", "memory", "hostile"])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--photos", type=int, default=1000)
    arguments = parser.parse_args()
    if arguments.what == "load":
        with running() as url:
            asyncio.run(load(url, arguments.clients, arguments.seconds))
    elif arguments.what == "memory":
        with running() as url:
            memory(url, arguments.photos)
    else:
        print("| client | answer | seconds | the next good photo |\n| --- | --- | --- | --- |")
        with running(upload_seconds=SLOW) as url:
            report(url, f"sends 1 of 1,000 bytes, then nothing ({SLOW} s allowed)", slow)
        with running() as url:
            hostile(url)


@contextmanager
def running(upload_seconds: float = 120) -> Iterator[str]:
    """The service in a process of its own."""
    with tempfile.TemporaryDirectory() as folder, listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        child = os.fork()
        if child == 0:
            settings = ServeSettings(Path(folder), upload_seconds=upload_seconds)
            try:
                serve(listener, settings, Worker(make_steady, 60), Worker(make_steady))
            finally:
                os._exit(0)
        url = f"http://127.0.0.1:{port}"
        try:
            wait_until_up(url)
            yield url
        finally:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)


def wait_until_up(url: str) -> None:
    while True:
        try:
            httpx.post(f"{url}/splats?wait=1", content=b"x", timeout=60)
            return
        except httpx.ConnectError:
            time.sleep(0.1)


async def load(url: str, clients: int, seconds: float) -> None:
    """Every client sends a photo, waits for its splat, and sends the next; after 429 it pauses half a second."""
    statuses: Counter[int | str] = Counter()
    times: list[float] = []
    end = time.monotonic() + seconds

    async def client() -> None:
        async with httpx.AsyncClient(base_url=url, timeout=120) as http:
            while time.monotonic() < end:
                begin = time.monotonic()
                try:
                    answer = await http.post("/splats?wait=1", content=bytes(200_000))
                except httpx.HTTPError as error:
                    statuses[type(error).__name__] += 1
                    continue
                statuses[answer.status_code] += 1
                if answer.status_code == 200:
                    times.append(time.monotonic() - begin)
                else:
                    await asyncio.sleep(0.5)

    await asyncio.gather(*(client() for _ in range(clients)))
    work = metric(url, "sharp_work_seconds_sum") / metric(url, "sharp_work_seconds_count")
    wait = metric(url, "sharp_wait_seconds_sum") / metric(url, "sharp_wait_seconds_count")
    queue = ServeSettings(Path()).queue
    most = (queue + 1) * work
    print(f"{clients} clients, {seconds:g} s: {dict(statuses)}\n")
    print("| seconds of a request | |\n| --- | --- |")
    for name, value in (
        ("median", np.median(times)),
        ("95 %", np.quantile(times, 0.95)),
        ("most", max(times)),
        (f"a full queue: ({queue} waiting + 1) × {work:.3f} s of work", most),
        ("95 %, as a part of that", np.quantile(times, 0.95) / most),
        ("the service's mean from a photo's arrival to its start", wait),
    ):
        print(f"| {name} | {value:.2f} |")
    print(f"\nresident memory {metric(url, 'sharp_resident_bytes') / 1e6:.1f} MB")


def memory(url: str, count: int) -> None:
    """Memory of the service after the first 100 photos and after the last."""
    print("| photos | resident MB |\n| --- | --- |")
    with httpx.Client(base_url=url, timeout=60) as http:
        for index in range(count + 1):
            if index in (0, 100, count // 2, count):
                print(f"| {index:,} | {metric(url, 'sharp_resident_bytes') / 1e6:.1f} |", flush=True)
            assert http.post("/splats?wait=1", content=bytes(200_000)).status_code == 200


def hostile(url: str) -> None:
    """The status that each bad client gets, and whether a good one is served afterward."""
    report(url, "2 GB, announced", lambda url: asyncio.run(send(url, 2_000_000_000, announced=True)))
    report(url, "2 GB, in pieces", lambda url: asyncio.run(send(url, 2_000_000_000, announced=False)))
    pixels = bomb()
    name = f"60,000 × 60,000 pixels in {len(pixels)} bytes"
    report(url, name, lambda url: httpx.post(f"{url}/splats", content=pixels, timeout=60).status_code)
    for path in ("/splats/..%2f..%2f..%2fetc%2fpasswd", "/splats/%2e%2e/%2e%2e/etc/passwd.ply"):
        report(url, f"`{path}`", lambda url, path=path: httpx.get(url + path, timeout=60).status_code)
    name = "a photo that ends the worker, each time"
    report(url, name, lambda url: httpx.post(f"{url}/splats?wait=1", content=b"die", timeout=60).status_code)
    port = int(url.rpartition(":")[2])
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
    report(url, "200 connections that say nothing, still open", lambda url: "none")
    for each in silent:
        each.close()


def report(url: str, what: str, act: Callable[[str], object]) -> None:
    """A row of the table."""
    begin = time.monotonic()
    status = act(url)
    spent = time.monotonic() - begin
    good = httpx.post(f"{url}/splats?wait=1", content=b"x", timeout=60).status_code
    print(f"| {what} | {status} | {spent:.1f} | {good} |", flush=True)


def slow(url: str) -> object:
    port = int(url.rpartition(":")[2])
    head = f"POST /splats HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 1000\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(head + b"x")
        return int(connection.recv(64).split()[1])


async def send(url: str, size: int, announced: bool) -> object:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(size // 1_000_000):
            yield bytes(1_000_000)

    headers = {"Content-Length": str(size)} if announced else {}
    async with httpx.AsyncClient(timeout=180) as http:
        try:
            return (await http.post(f"{url}/splats", content=pieces(), headers=headers)).status_code
        except httpx.HTTPError as error:
            return type(error).__name__


def bomb() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))


def metric(url: str, name: str) -> float:
    found = re.search(rf"^{name} (\S+)$", httpx.get(f"{url}/metrics").text, re.MULTILINE)
    assert found, name
    return float(found[1])


if __name__ == "__main__":
    main()
