"""Object stores through fsspec: fetched, put and looked at, and asked again when the reason may pass."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from sharp_cli.errors import SharpError, install_extra

PACKAGES = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
}
"""Start of an address → the package with which fsspec reaches the store."""

ADDRESS = re.compile(rf"^({'|'.join([*PACKAGES, 'memory'])}):/+(?=[^/])")

KEY = "sharp-made-from"
"""Of the metadata of results."""

RECORD = ".sharp.json"
"""Ends the name of the object beside a result that says what it was made from, where objects have no metadata."""

ATTEMPTS, FIRST_PAUSE = 4, 0.2
"""Of every request that fails for a reason that may pass; the pause doubles [s]."""

LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotImplementedError)


T = TypeVar("T")


def is_remote(path: object) -> bool:
    """Whether a path or word names an object in a store."""
    return ADDRESS.match(str(path)) is not None


def address_of(path: object) -> str:
    """The address as stores know it; ``pathlib`` makes one slash of two."""
    return ADDRESS.sub(lambda found: f"{found[1]}://", str(path))


def open_store(address: str) -> tuple[Any, str]:
    """The file system of an address, and the path in it."""
    try:
        import fsspec
    except ImportError:
        raise SharpError(f"object stores need fsspec ({install_extra('cloud')})") from None
    try:
        return fsspec.core.url_to_fs(address)
    except (ImportError, ValueError) as error:
        package = _missing_package(address)
        if package is None:
            raise SharpError(f"cannot use {address}: {error}") from error
        remedy = install_extra("cloud") if package == "s3fs" else f"pip install {package}"
        raise SharpError(f"cannot use {address}: the package {package} is missing ({remedy})") from error


def _missing_package(address: str) -> str | None:
    """The package that an address needs, if it is not installed."""
    package = PACKAGES.get(address.partition(":")[0])
    return package if package and find_spec(package) is None else None


def fetch(address: str, path: Path) -> None:
    """Fetch an object, complete."""
    store, name = open_store(address)

    def once() -> None:
        size = store.info(name)["size"]
        store.get_file(name, str(path))
        if path.stat().st_size != size:
            raise OSError(f"{path.stat().st_size} of {size} bytes came")

    try:
        again(once, f"cannot fetch {address}")
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def put(path: Path, address: str, made_from: str) -> None:
    """Put a file as an object that says what it was made from. Stores show an object when all of it has come."""
    store, name = open_store(address)
    failure = f"cannot write {address}"
    if _keeps_metadata(store):
        again(lambda: store.put_file(str(path), name, Metadata={KEY: made_from}), failure)
        return
    again(lambda: store.pipe_file(name + RECORD, b"{}"), failure)  # ours, and not done if this is the last to come
    again(lambda: store.put_file(str(path), name), failure)
    record = json.dumps({KEY: made_from, "object": identity(address)}).encode()
    again(lambda: store.pipe_file(name + RECORD, record), failure)


def made_from_of(address: str) -> str | None:
    """What an object says it was made from: nothing ("") if there is no object, None if it is not a result."""
    store, name = open_store(address)

    def ask() -> str | None:
        with suppress(Exception):
            store.invalidate_cache()
        try:
            found = store.info(name)
        except FileNotFoundError:
            return ""
        if not found["size"]:
            return ""
        return store.metadata(name).get(KEY) if _keeps_metadata(store) else _recorded(store, name, address)

    return again(ask, f"cannot look at {address}")


def identity(address: str) -> str:
    """What changes when an object does."""
    store, name = open_store(address)
    facts = again(lambda: store.info(name), f"cannot read {address}")
    return str(facts.get("ETag") or facts.get("etag") or sorted((key, str(value)) for key, value in facts.items()))


def _recorded(store: Any, name: str, address: str) -> str | None:
    """What the object beside a result says, as :func:`made_from_of`; None if the result was changed since."""
    try:
        record = json.loads(store.cat_file(name + RECORD))
    except (FileNotFoundError, ValueError):
        return None
    if record == {}:
        return ""
    is_ours = isinstance(record, dict) and record.get("object") == identity(address)
    return record.get(KEY) if is_ours else None


def _keeps_metadata(store: Any) -> bool:
    """Whether objects carry words of ours: on S3, and on what speaks its protocol."""
    return "s3" in (store.protocol if isinstance(store.protocol, tuple) else (store.protocol,))


def again(act: Callable[[], T], failure: str) -> T:
    """The result of a request, tried again while the reason may pass.

    Raises:
        SharpError: it fails for good.
    """
    for attempt in range(ATTEMPTS):
        try:
            return act()
        except LASTING as error:
            raise SharpError(f"{failure}: {type(error).__name__}: {error}") from error
        except SharpError:
            raise
        except Exception as error:  # each store has its own: OSError, botocore's, aiohttp's
            if attempt + 1 == ATTEMPTS:
                text = " ".join(str(error).split()) or type(error).__name__
                raise SharpError(f"{failure}: {text} (tried {ATTEMPTS} times)") from error
            time.sleep(FIRST_PAUSE * 2**attempt)
    raise AssertionError
