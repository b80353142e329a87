"""The order of a page, and cursors: where a page ended. Opaque, stable while rows are added."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from psycopg.sql import SQL, Composable, Placeholder

from service.parameters import wrong

K = TypeVar("K", str, int)


class Cursor(Struct, Generic[K], frozen=True, array_like=True):
    """The last row of a page: its order, and the row's place in it."""

    sort: str
    at: datetime
    key: K


class Order(Struct, Generic[K], frozen=True):
    """How a list is sorted, and after which row its page begins."""

    sort: str
    after: Cursor[K] | None

    @property
    def column(self) -> str:
        """The column that sorts."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the highest comes first."""
        return self.sort.startswith("-")

    @property
    def direction(self) -> SQL:
        """As a statement says it."""
        return SQL("desc") if self.descending else SQL("asc")

    def condition(self, *columns: Composable) -> Composable:
        """What holds of the rows after the cursor; ``columns`` are its ``at`` and key, or its key.

        The values are those of ``params``.
        """
        if self.after is None:
            return SQL("true")
        marks = (Placeholder("cursor_at"), Placeholder("cursor_key"))[-len(columns) :]
        comma = SQL(", ")
        sign = SQL("<") if self.descending else SQL(">")
        return SQL("({}) {} ({})").format(comma.join(columns), sign, comma.join(marks))

    @property
    def params(self) -> dict[str, Any]:
        """The values that ``condition`` asks for."""
        return {"cursor_at": self.after.at, "cursor_key": self.after.key} if self.after else {}

    def following(self, at: datetime, key: K) -> str:
        """The cursor of the page after the row at this place, as callers get it."""
        packed = msgspec.msgpack.encode(Cursor(self.sort, at, key))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def order(cursor: str | None, sort: str | None, sorts: Sequence[str], kind: type[K]) -> Order[K]:
    """The order that is asked for, the first of ``sorts`` by itself; a cursor keeps to its page's.

    Raises:
        Problem: ``invalid-parameter`` for a cursor that is not ours, or of another order.
    """
    if cursor is None:
        return Order(sort or sorts[0], None)
    after = _read(cursor, kind)
    if after.sort not in ((sort,) if sort else sorts):
        raise wrong("cursor", cursor, f"cursor of a page that is sorted by {sort or sorts[0]}")
    return Order(after.sort, after)


def _read(given: str, kind: type[K]) -> Cursor[K]:
    try:
        raw = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        cursor: Cursor[K] = msgspec.msgpack.decode(raw, type=Cursor[kind])  # type: ignore[valid-type]
        cursor.at.astimezone(UTC)
        if "\0" in str(cursor.key):
            raise ValueError  # noqa: TRY301 - the same answer
    except (ValueError, OverflowError, msgspec.MsgspecError):
        raise wrong("cursor", given, "cursor that a page of ours gave") from None
    return cursor
