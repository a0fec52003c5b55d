"""Download a known checkpoint from the first source that works: resumable, with its sha256 checked."""

from __future__ import annotations

import os
import queue
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import filelock
import httpx
from rich.filesize import decimal

from sharp_cli.errors import SharpError
from sharp_cli.runtime.files import Progress, no_progress, sha256_of, sync_file
from sharp_cli.version import __version__
from sharp_cli.weights.catalog import Checkpoint
from sharp_cli.weights.store import cache_folder, cached_path, find, part_path

ANSWER_SECONDS = 20.0
"""How long all sources together may take to give a first sign of life; after that we assume there is no network."""
STALL_SECONDS = 30.0
"""How long a source may be silent after its first sign of life."""
TRIES = 3
"""Attempts in a row on one source without new bytes."""
PAUSE_SECONDS = 0.5
"""Between two attempts."""

SIGNS_OF_LIFE = ("start_tls.complete", "receive_response_headers.complete")
"""httpx trace events that only a working server causes; a dead proxy may accept a connection, too."""


class Source(NamedTuple):
    """One address of the file."""

    url: str
    headers: Callable[[], dict[str, str]]
    """Headers to send; a callable, because the hub may renew its token over the network."""
    share: float
    """Share of the remaining time in which it must give a first sign of life."""


class SourceError(Exception):
    """What went wrong at one source; ``again``: another attempt may succeed."""

    def __init__(self, message: str, again: bool = False) -> None:
        super().__init__(message)
        self.again = again


def download(checkpoint: Checkpoint, progress: Progress = no_progress) -> Path:
    """Download a checkpoint into our cache: from the model hub, else from its second source.

    Resumes an earlier download that was interrupted. While another process downloads the same file, this one
    waits for it. ``HF_ENDPOINT``, ``HF_TOKEN`` and ``HF_HUB_OFFLINE`` are respected.

    Args:
        progress: called with the bytes so far and in total.

    Returns:
        The file, complete and with the right sha256.

    Raises:
        SharpError: no source answered within :data:`ANSWER_SECONDS` or had the file, the disk is full, or
            the folder is not writable.
    """
    from huggingface_hub import constants

    failed = f"cannot download the weights {checkpoint.name}"
    remedy = f"try again online; or put {checkpoint.filename} in {cache_folder()}, which SHARP_CACHE changes"
    if constants.HF_HUB_OFFLINE:
        raise SharpError(f"{failed}: HF_HUB_OFFLINE is set ({remedy})", "no_weights")
    part = part_path(checkpoint)
    try:
        part.parent.mkdir(parents=True, exist_ok=True)
        with only_one(checkpoint, progress):
            return find(checkpoint) or fetch_anywhere(checkpoint, progress)
    except SourceError as error:
        kept = f"run this again to resume after {decimal(size_of(part))}; " if size_of(part) else ""
        raise SharpError(f"{failed}: {error} ({kept}{remedy})", "no_weights") from None
    except OSError as error:
        reason = error.strerror or error
        raise SharpError(f"{failed} to {part.parent}: {reason} (SHARP_CACHE chooses another folder)") from error


@contextmanager
def only_one(checkpoint: Checkpoint, progress: Progress) -> Iterator[None]:
    """Wait until no other process downloads the same file; report its progress meanwhile."""
    part = part_path(checkpoint)
    lock = filelock.FileLock(f"{part}.lock")
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0.5)
        except filelock.Timeout:
            progress(size_of(part), checkpoint.size)
    try:
        yield
    finally:
        lock.release()


def sources(checkpoint: Checkpoint) -> list[Source]:
    """Where to ask, in order."""
    from huggingface_hub import constants, get_token, hf_hub_url

    # Not build_hf_headers: it asks the hub for a list of agents before anything is fetched.
    def authorization() -> dict[str, str]:
        token = None if constants.HF_HUB_DISABLE_IMPLICIT_TOKEN else get_token()
        return {"Authorization": f"Bearer {token}"} if token else {}

    hub_url = hf_hub_url(checkpoint.hub_repo, checkpoint.filename)
    return [Source(hub_url, authorization, share=0.6), Source(checkpoint.url, dict, share=1.0)]


def size_of(part: Path) -> int:
    """Bytes downloaded so far."""
    return part.stat().st_size if part.exists() else 0


def fetch_anywhere(checkpoint: Checkpoint, progress: Progress) -> Path:
    """Download from the first source that has the right file; raises one SourceError about all sources."""
    part, target = part_path(checkpoint), cached_path(checkpoint)
    missing, free = checkpoint.size - size_of(part), shutil.disk_usage(part.parent).free
    if missing > free:
        raise OSError(f"it needs {decimal(missing)} more, and {decimal(free)} are free")
    try:
        client = httpx.Client(timeout=STALL_SECONDS, follow_redirects=True)
    except (ImportError, OSError, ValueError, httpx.InvalidURL) as error:  # the environment's proxy or certificate
        raise SourceError(f"invalid proxy or certificate setting: {error}{_proxies()}") from error
    failures = []
    with client:
        line = Line(client)
        for source in sources(checkpoint):
            try:
                fetch(line, source, checkpoint, part, progress)
            except SourceError as error:
                failures.append(f"{source.url} {error}")
                continue
            sync_file(part)  # later only its size is checked
            part.replace(target)
            return target
    raise SourceError("; ".join(failures))


def _proxies() -> str:
    """Names of the proxy variables in the environment, which may be the cause."""
    names = [name for name in os.environ if name.lower() in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")]
    return f", see {', '.join(sorted(names))}" if names else ""


def fetch(line: Line, source: Source, checkpoint: Checkpoint, part: Path, progress: Progress) -> None:
    """Download from one source; resume as long as new bytes arrive."""
    best, tries = size_of(part), 0
    while True:
        try:
            return attempt(line, source, checkpoint, part, progress)
        except SourceError as error:
            size = size_of(part)
            tries = 1 if size > best else tries + 1
            best = max(best, size)
            if not error.again or tries >= TRIES:
                raise
            time.sleep(PAUSE_SECONDS)


def attempt(line: Line, source: Source, checkpoint: Checkpoint, part: Path, progress: Progress) -> None:
    """One request: append the missing bytes, or start over if the source cannot resume."""
    total = checkpoint.size
    done = size_of(part)
    with closing(line.open(source, done)) as response:
        resumed = accept(response, total, part)
        digest = sha256_of(part) if resumed else sha256()
        done = done if resumed else 0
        with part.open("ab" if resumed else "wb") as file:
            progress(done, total)
            try:
                for chunk in response.iter_raw():
                    file.write(chunk)
                    digest.update(chunk)
                    done += len(chunk)
                    progress(done, total)
                    if done > total:
                        break
            except httpx.HTTPError as error:
                raise SourceError("closed the connection", again=True) from error
    if done != total or digest.hexdigest() != checkpoint.sha256:
        part.unlink()
        wrong = f"{done:,} bytes, not {total:,}" if done != total else f"sha256 {digest.hexdigest()}"
        # The cause may be bytes from an earlier run; an attempt from the start shows.
        raise SourceError(f"sent a different file ({wrong}), now deleted", again=resumed)


def accept(response: httpx.Response, total: int, part: Path) -> bool:
    """Whether a response resumes the download or starts over; raises SourceError if it is neither."""
    status = f"answered {response.status_code} {response.reason_phrase}".rstrip()
    if response.status_code == 416:
        part.unlink(missing_ok=True)
    if response.status_code not in (200, 206):
        raise SourceError(status, again=response.status_code in (416, 429) or response.status_code >= 500)
    if response.status_code == 206 and "Content-Range" not in response.headers:
        raise SourceError("answered 206 without a range")
    announced = response.headers.get("Content-Range", response.headers.get("Content-Length", "")).rpartition("/")[2]
    if announced.isdecimal() and int(announced) != total:
        raise SourceError(f"has a different file of {int(announced):,} bytes, not {total:,}")
    return response.status_code == 206


class Line:
    """An HTTP client that gives up early until there is a sign that the network works."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.alive = False
        self.deadline = time.monotonic() + ANSWER_SECONDS

    def open(self, source: Source, offset: int) -> httpx.Response:
        """Request a source's file from a byte offset; the response's body is not read yet.

        The request runs in a thread because looking up a host has no timeout.
        """
        news: queue.SimpleQueue[httpx.Response | Exception | None] = queue.SimpleQueue()

        def trace(event: str, _: Any) -> None:
            if event.endswith(SIGNS_OF_LIFE):
                self.alive = True
                news.put(None)

        def ask() -> None:
            try:
                resume = {"Range": f"bytes={offset}-"} if offset else {}
                headers = {"User-Agent": f"sharp-cli/{__version__}", "Accept-Encoding": "identity"}
                headers |= source.headers() | resume
                request = self.client.build_request("GET", source.url, headers=headers, extensions={"trace": trace})
                news.put(self.client.send(request, stream=True))
            except Exception as error:
                news.put(error)

        threading.Thread(target=ask, daemon=True).start()
        patience = STALL_SECONDS if self.alive else source.share * (self.deadline - time.monotonic())
        try:
            while (answer := news.get(timeout=max(patience, 0.0))) is None:
                patience = STALL_SECONDS
        except queue.Empty:
            raise SourceError("does not answer", again=self.alive) from None
        if isinstance(answer, Exception):
            raise SourceError(describe(answer), again=self.alive and isinstance(answer, httpx.TransportError))
        return answer


def describe(error: Exception) -> str:
    """A connection error in a few words."""
    silent = isinstance(error, httpx.TimeoutException)
    return "does not answer" if silent else f"cannot be reached: {error}"
