"""Checks on the head of every request, before anything else reads it.

If a header is repeated, a proxy may believe the first value and we the second: that is how requests
are smuggled. So headers that must be unique are refused when repeated.
"""

import sys

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from service.problems import Problem, send_problem

MAX_TARGET_BYTES = 8 << 10
"""The limit for a path with its query."""

MAX_SEGMENT_BYTES = 1000
_MOST_DIGITS = 18
"""The limit for one segment of a path as it is encoded; no identifier is longer."""


class RequestHeads:
    """Middleware that refuses requests with an ambiguous or oversized head."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer with its problem."""
        try:
            if scope["type"] == ScopeType.HTTP:
                check_head(scope)
        except Problem as problem:
            await send_problem(send, problem)
        else:
            await self._app(scope, receive, send)


def announced(value: bytes) -> int:
    """The length that a header announces; beyond every limit if it has too many digits to read."""
    digits = value.lstrip(b"0")
    return int(digits or b"0") if len(digits) <= _MOST_DIGITS else sys.maxsize


def check_head(scope: HTTPScope) -> None:
    """Refuse a head that is ambiguous or too long.

    Raises:
        Problem: ``bad-request`` or ``target-too-long``.
    """
    names = [name for name, _ in scope["headers"]]
    for name in (b"host", b"authorization", b"content-length"):
        if names.count(name) > 1:
            raise Problem("bad-request", f"The header {name.decode()} is repeated. Send it once.")
    lengths = (value for name, value in scope["headers"] if name == b"content-length")
    if any(len(value) > _MOST_DIGITS for value in lengths):
        raise Problem("bad-request", f"content-length has more than {_MOST_DIGITS} digits.")
    if scope["http_version"] == "1.1" and b"host" not in names:
        raise Problem("bad-request", "The header host is missing; HTTP/1.1 requires it.")
    path = scope["raw_path"]
    if len(path) + len(scope["query_string"]) > MAX_TARGET_BYTES:
        limit = f"A path with its query is limited to {MAX_TARGET_BYTES} bytes."
        raise Problem("target-too-long", limit)
    if len(path) > MAX_SEGMENT_BYTES and max(map(len, path.split(b"/"))) > MAX_SEGMENT_BYTES:
        limit = f"A segment of a path is limited to {MAX_SEGMENT_BYTES} bytes."
        raise Problem("target-too-long", limit)
