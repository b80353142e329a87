"""An id for a request: in its answer's header, in its log lines, and in a problem that is ours.

The caller's ``X-Request-Id`` is taken where it is well formed; else one is made.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from structlog.contextvars import bind_contextvars, get_contextvars

# as ASGI has them
Scope = Any
Message = Any
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_HEADER = b"x-request-id"
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._~-]{1,128}")


class RequestIds:
    """Gives every HTTP request to an application an id."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, as ASGI wants it."""
        if scope["type"] == "http":
            send = identified(scope, send)
        await self._app(scope, receive, send)


def identified(scope: Scope, send: Send) -> Send:
    """From here on the request's log lines have its id, and what is sent has it in a header."""
    name = _given(scope["headers"]) or secrets.token_hex(16).encode()
    bind_contextvars(request_id=name.decode())

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (_HEADER, name)]
        await send(message)

    return sending


def current() -> str | None:
    """The id of the request that is being answered, if it has one."""
    found: str | None = get_contextvars().get("request_id")
    return found


def _given(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    given = [value for name, value in headers if name == _HEADER]
    return given[0] if len(given) == 1 and _WELL_FORMED.fullmatch(given[0]) else None
