"""Cursors: where a page ended. Opaque to callers, stable while rows are added."""

import base64
from datetime import UTC, datetime
from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from service.problems import Problem

K = TypeVar("K", str, int)


class Cursor(Struct, Generic[K], frozen=True, array_like=True):
    """The last row of a page, by what the list is ordered by."""

    at: datetime
    key: K


def write(cursor: Cursor[K]) -> str:
    """The cursor as callers get it."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(cursor)).decode().rstrip("=")


def read(given: str, kind: type[K]) -> Cursor[K]:
    """The cursor that ``write`` made.

    Raises:
        Problem: ``invalid-parameter`` for anything else.
    """
    try:
        raw = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        cursor: Cursor[K] = msgspec.msgpack.decode(raw, type=Cursor[kind])  # type: ignore[valid-type]
        cursor.at.astimezone(UTC)
        if "\0" in str(cursor.key):
            raise ValueError  # noqa: TRY301 - the same answer
    except (ValueError, OverflowError, msgspec.MsgspecError):
        raise Problem(
            "invalid-parameter", f"cursor: {given!r} is not one that a page of ours gave."
        ) from None
    return cursor
