"""Receiving a photo: bounded in bytes, time, number and pixels."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from sharp_cli.photo.size import picture_pixels
from sharp_cli.serve.settings import PhotoOptions, ServeSettings

Number = TypeVar("Number", int, float)


async def receive(request: Request, path: Path, settings: ServeSettings) -> None:
    """Write a request's body to a file.

    Raises:
        HTTPException: 400, 408, 413 or 415: nothing came, or it came too slowly, is too large, or is a form.
    """
    if request.headers.get("content-type", "").startswith("multipart/"):
        raise HTTPException(415, "send the photo as the body itself, not as a form (curl --data-binary @photo.jpg)")
    size = 0
    try:
        async with asyncio.timeout(settings.upload_seconds):
            with path.open("wb") as file:
                if int(request.headers.get("content-length", "0")) > settings.max_bytes:
                    size = settings.max_bytes + 1
                else:
                    async for piece in _pieces(request):
                        size += len(piece)
                        if size > settings.max_bytes:
                            break
                        file.write(piece)
    except TimeoutError:
        raise HTTPException(408, "the photo came too slowly") from None
    except ClientDisconnect:
        raise HTTPException(400, "the connection ended") from None
    if size > settings.max_bytes:
        raise HTTPException(413, f"the photo has more than {settings.max_bytes >> 20} MiB")
    if not size:
        raise HTTPException(400, "the body is empty (it must be the photo)")
    pixels = await asyncio.to_thread(picture_pixels, path)
    if pixels is not None and pixels > settings.max_pixels:
        raise HTTPException(413, f"the photo has more than {settings.max_pixels:,} pixels")


def may_send_more(request: Request) -> bool:
    """Whether the client may still be sending its body. One that expects to be asked waits for the answer first."""
    return request.method == "POST" and not _is_read(request) and "expect" not in request.headers


class AnswerFirst(JSONResponse):
    """An answer while its client sends: then what still comes is read for a while, and the connection ends.

    A connection that ends with unread bytes is reset, and an answer that is still on its way is lost.
    """

    def __init__(self, request: Request, content: object, status_code: int, headers: Mapping[str, str]) -> None:
        super().__init__(content, status_code, headers)
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        with suppress(TimeoutError, ClientDisconnect):
            async with asyncio.timeout(self._request.app.state.settings.upload_seconds):
                async for _ in _pieces(self._request):
                    pass
        await send({"type": "http.response.body", "body": b""})


def _is_read(request: Request) -> bool:
    return getattr(request.state, "is_read", False)


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    """The body, from where the last call left it."""
    while not _is_read(request):
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        request.state.is_read = not message.get("more_body", False)
        yield message.get("body", b"")


def photo_options(request: Request) -> PhotoOptions:
    """The options in a request's query.

    Raises:
        HTTPException: 400: a value out of range.
    """
    options = PhotoOptions(
        focal_px=_number(request, "focal_px", float, 0.001, 1e9),
        focal_mm=_number(request, "focal_mm", float, 0.001, 1e9),
        fov=_number(request, "fov", float, 0.001, 179.9),
        max_gaussians=_number(request, "max_gaussians", int, 1, 1 << 31),
    )
    if sum(value is not None for value in (options.focal_px, options.focal_mm, options.fov)) > 1:
        raise HTTPException(400, "give one of focal_px, focal_mm and fov")
    return options


def _number(request: Request, name: str, kind: Callable[[str], Number], low: Number, high: Number) -> Number | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise HTTPException(400, f"invalid {name} (use {low} to {high})")
    return value
