"""Photos from the web: fetched into a folder, within limits of size and time."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from sharp_cli.errors import SharpError
from sharp_cli.version import __version__

if TYPE_CHECKING:
    import httpx

MAX_BYTES = 256 << 20
CONNECT_SECONDS, SILENT_SECONDS, ALL_SECONDS = 10.0, 20.0, 300.0
"""Until there is a connection; without a new byte; for one photo."""
LONGEST_NAME = 100


def is_web(word: str) -> bool:
    """Whether an input is an address."""
    return word.lower().startswith(("https://", "http://"))


def name_of(url: str) -> str:
    """A file name for what lies at an address: its last part, in plain characters."""
    try:
        last = unquote(urlsplit(url).path).rpartition("/")[2]
    except ValueError:  # not an address: fetching it says so
        last = ""
    name = re.sub(r"[^\w.\- ]+", "_", last).strip(". ")
    return name[-LONGEST_NAME:].lstrip(". ") or "photo"


def fetch_photo(url: str, folder: Path) -> Path:
    """Fetch a photo into a folder, which must exist.

    Raises:
        SharpError: no answer, another answer than a file, a page instead of a picture, or too large or too slow.
    """
    import httpx

    path = folder / name_of(url)
    limits = httpx.Timeout(SILENT_SECONDS, connect=CONNECT_SECONDS)
    headers = {"User-Agent": f"sharp-cli/{__version__}", "Accept": "image/*, */*;q=0.5"}
    try:
        with (
            httpx.Client(timeout=limits, follow_redirects=True, headers=headers) as client,
            client.stream("GET", url) as response,
            path.open("wb") as file,
        ):
            _check(url, response)
            end, size = time.monotonic() + ALL_SECONDS, 0
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > MAX_BYTES:
                    raise _failure(url, f"it has more than {MAX_BYTES >> 20} MiB")
                if time.monotonic() > end:
                    raise _failure(url, f"it takes more than {ALL_SECONDS:.0f} s")
                file.write(chunk)
    except httpx.TimeoutException as error:
        raise _failure(url, "no answer in time (try again later)") from error
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as error:
        raise _failure(url, f"{str(error) or type(error).__name__} (check the address and the network)") from error
    except OSError as error:
        raise SharpError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def _check(url: str, response: httpx.Response) -> None:
    """Refuse answers that hold no photo, before they are read."""
    if response.status_code != 200:
        raise _failure(url, f"the server answered {response.status_code} {response.reason_phrase}".rstrip())
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind.startswith("text/"):
        raise _failure(url, f"it is {kind}, not a picture (use the address of the picture itself)")
    size = response.headers.get("Content-Length", "")
    if size.isdecimal() and int(size) > MAX_BYTES:
        raise _failure(url, f"it has {int(size) >> 20} MiB, more than {MAX_BYTES >> 20}")


def _failure(url: str, reason: str) -> SharpError:
    return SharpError(f"cannot fetch {url}: {reason}")
