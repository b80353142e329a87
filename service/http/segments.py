"""Identifiers that hold a slash: ``/v1/subscriptions/sub%2F1``.

The server decodes a path before the framework divides it, so that a slash within an identifier
would divide it too. Here the path is divided first: such a slash travels through the routing as a
mark that no request can hold, and is a slash again in what the routes see.
"""

from urllib.parse import unquote

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

_MARK = "\udc2f"
"""A slash as ``surrogateescape`` would write it: what is decoded from a request holds none."""


class Divided:
    """Stands before the routing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Mark the slashes that the client had encoded."""
        raw = scope.get("raw_path", b"") if scope["type"] == ScopeType.HTTP else b""
        if b"%2f" not in raw.lower():
            await self._app(scope, receive, send)
            return
        whole = scope["path"]
        parts = raw.decode("ascii", "replace").split("/")
        scope["path"] = "/".join(unquote(part).replace("/", _MARK) for part in parts)
        try:
            await self._app(scope, receive, send)
        finally:
            # whoever logs the request cannot write the mark
            scope["path"] = whole


class Undivided(ASGIMiddleware):
    """Stands behind the routing: what the routes see has its slashes again."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Give the slashes back."""
        if _MARK in scope["path"]:
            scope["path"] = scope["path"].replace(_MARK, "/")
            # a copy: the router remembers what it read of the path
            scope["path_params"] = {
                name: value.replace(_MARK, "/") for name, value in scope["path_params"].items()
            }
        await next_app(scope, receive, send)
