"""Request ids: in the response's header, in log lines, and in problems of our own making.

A well-formed ``X-Request-Id`` of the caller is kept; otherwise a random id is used.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from structlog.contextvars import bind_contextvars, get_contextvars

# ASGI's types
Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADER = b"x-request-id"
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._~-]{1,128}")


class RequestIds:
    """Middleware that gives every HTTP request an id."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request, as ASGI specifies."""
        if scope["type"] == "http":
            send = with_request_id(scope, send)
        await self._app(scope, receive, send)


def with_request_id(scope: Scope, send: Send) -> Send:
    """Bind the request's id to its log lines; returns a ``send`` that adds it as a header."""
    request_id = _id_of_caller(scope["headers"]) or secrets.token_hex(16).encode()
    bind_contextvars(request_id=request_id.decode())

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (_HEADER, request_id)]
        await send(message)

    return sending


def current() -> str | None:
    """The id of the current request, if any."""
    request_id: str | None = get_contextvars().get("request_id")
    return request_id


def _id_of_caller(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    values = [value for name, value in headers if name == _HEADER]
    return values[0] if len(values) == 1 and _WELL_FORMED.fullmatch(values[0]) else None
