"""Who may ask: a token, or on this machine alone the right name; and no page of another site."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.responses import JSONResponse, RedirectResponse

from sharp_cli.serve.metrics import Metrics

COOKIE = "sharp_token"
OPEN = frozenset({"/health"})
"""Paths that need no token."""

ASGI = Callable[[MutableMapping[str, Any], Any, Any], Awaitable[None]]

HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


def is_loopback(host: str) -> bool:
    """Whether a host to listen on is reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """Refuses requests before the application sees them, and counts the answers.

    Args:
        token: None: the Host header must name this machine, else a page elsewhere whose name resolves to this address
            (DNS rebinding) could use the service.
    """

    def __init__(self, app: ASGI, token: str | None, metrics: Metrics) -> None:
        self._app, self._token, self._metrics = app, token, metrics

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Answer, or let the application answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        status, reason = self._refusal(scope["path"], headers)

        async def counted(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
                route = "/" + scope["path"].split("/")[1] if scope.get("endpoint") else "other"
                self._metrics.count("sharp_requests_total", route=route, status=message["status"])
            await send(message)

        if self._token is not None and scope["path"] == "/":
            asked = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
            if hmac.compare_digest(asked.encode(), self._token.encode()):
                # A cookie for the page: neither its event stream nor its frame can send a header.
                answer = RedirectResponse("/", 303)
                answer.set_cookie(COOKIE, asked, httponly=True, samesite="strict")
                await answer(scope, receive, counted)
                return
        if status:
            await JSONResponse({"error": {"code": "refused", "message": reason}}, status)(scope, receive, counted)
        else:
            await self._app(scope, receive, counted)

    def _refusal(self, path: str, headers: dict[str, str]) -> tuple[int, str]:
        """A status and a reason, or 0."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return 403, "pages of other sites may not use this service"
        if self._token is None:
            name = urlsplit(f"//{host}").hostname or ""
            return (0, "") if is_loopback(name) else (403, "this service answers under the names of this machine only")
        if path in OPEN or hmac.compare_digest(_given(headers).encode(), self._token.encode()):
            return 0, ""
        return 401, "a token is needed (send the header Authorization: Bearer TOKEN)"


def _given(headers: dict[str, str]) -> str:
    """The token in a request: in its Authorization header, or in the cookie that the page has set."""
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        return token.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return cookie.value if cookie else ""
