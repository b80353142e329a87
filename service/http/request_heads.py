"""What the head of every request must hold to, before anything else looks at it.

Where two headers disagree, one program believes the first and the next one the second: a proxy may
have let through what we should read otherwise. So what may come once, comes once.
"""

import sys

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from service.problems import Problem, send_problem

MAX_TARGET_BYTES = 8 << 10
"""Of a path with its query."""

MAX_SEGMENT_BYTES = 1000
_MOST_DIGITS = 18
"""Of one part of a path, as it is written there: longer than every identifier."""


class RequestHeads:
    """Stands before an application, which sees no other request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
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
    """Refuse a head that can be read in two ways, or has no end.

    Raises:
        Problem: ``bad-request`` or ``target-too-long``.
    """
    names = [name for name, _ in scope["headers"]]
    for name in (b"host", b"authorization", b"content-length"):
        if names.count(name) > 1:
            raise Problem("bad-request", f"The header {name.decode()} came more than once.")
    lengths = (value for name, value in scope["headers"] if name == b"content-length")
    if any(len(value) > _MOST_DIGITS for value in lengths):
        raise Problem("bad-request", f"content-length has more than {_MOST_DIGITS} digits.")
    if scope["http_version"] == "1.1" and b"host" not in names:
        raise Problem("bad-request", "HTTP/1.1 needs the header host.")
    path = scope["raw_path"]
    if len(path) + len(scope["query_string"]) > MAX_TARGET_BYTES:
        limit = f"A path with its query has at most {MAX_TARGET_BYTES} bytes."
        raise Problem("target-too-long", limit)
    if len(path) > MAX_SEGMENT_BYTES and max(map(len, path.split(b"/"))) > MAX_SEGMENT_BYTES:
        limit = f"A part of a path has at most {MAX_SEGMENT_BYTES} bytes."
        raise Problem("target-too-long", limit)
