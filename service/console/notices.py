"""What an action did, in a sentence that the next page shows once.

A cookie carries it there, so a link cannot put words on a page.
"""

import base64
import binascii
from typing import Any

import msgspec
from litestar import Request
from litestar.datastructures import Cookie
from msgspec import Struct

from service.console.door import is_secure

_SECURE = "__Host-daybook-notice"
_LOOPBACK = "daybook-notice"
_LONGEST = 600
"""In characters: a browser keeps cookies of 4 KiB."""


class Notice(Struct, frozen=True):
    """A sentence, and its tone: ``good``, ``wait`` or ``bad``."""

    text: str
    tone: str = "good"


def carry(request: Request[Any, Any, Any], notice: Notice | None) -> Cookie:
    """The cookie that carries a notice to the next page; with None, one that ends it."""
    secure = is_secure(request.headers, request.app.state.console_url)
    content = ""
    if notice is not None:
        shown = Notice(notice.text[:_LONGEST], notice.tone)
        content = base64.urlsafe_b64encode(msgspec.json.encode(shown)).decode().rstrip("=")
    return Cookie(
        key=_SECURE if secure else _LOOPBACK,
        value=content,
        path="/",
        max_age=None if notice else 0,
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def carried(request: Request[Any, Any, Any]) -> Notice | None:
    """The notice that a request brings along."""
    secure = is_secure(request.headers, request.app.state.console_url)
    content = request.cookies.get(_SECURE if secure else _LOOPBACK)
    if not content:
        return None
    try:
        raw = base64.urlsafe_b64decode(content + "=" * (-len(content) % 4))
        return msgspec.json.decode(raw, type=Notice)
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        return None
