"""Identifiers that contain a slash: ``/v1/subscriptions/sub%2F1``.

The server decodes a path before the framework splits it, so an encoded slash would split an
identifier. Here the path is split first: an encoded slash passes through the routing as a mark that
no request can contain, and routes see a slash again.
"""

from urllib.parse import unquote

from litestar.enums import ScopeType
from litestar.middleware import ASGIMiddleware
from litestar.types import ASGIApp, Receive, Scope, Send

_MARK = "\udc2f"
"""A surrogate for the slash; nothing decoded from a request contains it."""


class MarkSlashes:
    """Middleware before the routing: replaces encoded slashes by the mark."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Mark the encoded slashes of one request."""
        raw = scope.get("raw_path", b"") if scope["type"] == ScopeType.HTTP else b""
        if b"%2f" not in raw.lower():
            await self._app(scope, receive, send)
            return
        original = scope["path"]
        parts = raw.decode("ascii", "replace").split("/")
        scope["path"] = "/".join(unquote(part).replace("/", _MARK) for part in parts)
        try:
            await self._app(scope, receive, send)
        finally:
            # logs cannot encode the mark
            scope["path"] = original


class RestoreSlashes(ASGIMiddleware):
    """Middleware after the routing: replaces the mark by slashes."""

    scopes = (ScopeType.HTTP,)

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Restore the slashes of one request."""
        if _MARK in scope["path"]:
            scope["path"] = scope["path"].replace(_MARK, "/")
            # a copy: the router caches path parameters
            scope["path_params"] = {
                name: value.replace(_MARK, "/") for name, value in scope["path_params"].items()
            }
        await next_app(scope, receive, send)
