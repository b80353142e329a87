"""Keyset paging: opaque cursors that stay valid while rows are added.

A cursor is valid only for its list and filters: with others, rows would be skipped silently. So it
carries a digest of them, and is refused if they differ.
"""

import base64
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct
from psycopg.sql import SQL, Composable, Placeholder

from service.database.reader import Queryable
from service.problems import invalid, wrong
from service.queries.restores import verify
from service.store.positions import LINK_BYTES, Position

_NOT_FILTERS = {
    "cursor", "sort", "after", "limit", "fields", "bom", "format", "min_position", "stale",
}  # fmt: skip
"""Parameters outside the digest: they select no rows, or the cursor itself contains them."""

K = TypeVar("K", str, int)


class Cursor(Struct, Generic[K], frozen=True, array_like=True):
    """The last row of a page: its list and order, the row's key, and the position reflected."""

    of: bytes
    sort: str
    at: datetime
    key: K
    number: int
    link: bytes

    @property
    def position(self) -> Position:
        """The position that the page reflected."""
        return Position(self.number, self.link)


class Order(Struct, Generic[K], frozen=True):
    """The order of a list, and the cursor after which a page begins.

    ``of`` is the list's digest.
    """

    of: bytes
    sort: str
    after: Cursor[K] | None

    @property
    def column(self) -> str:
        """The column to sort by."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the highest value comes first."""
        return self.sort.startswith("-")

    @property
    def direction(self) -> SQL:
        """The direction in SQL."""
        return SQL("desc") if self.descending else SQL("asc")

    def condition(self, *columns: Composable) -> Composable:
        """The SQL condition for rows after the cursor, with values from ``params``.

        ``columns`` are those of the cursor's ``at`` and ``key``, or of its ``key`` alone.
        """
        if self.after is None:
            return SQL("true")
        marks = (Placeholder("cursor_at"), Placeholder("cursor_key"))[-len(columns) :]
        comma = SQL(", ")
        sign = SQL("<") if self.descending else SQL(">")
        return SQL("({}) {} ({})").format(comma.join(columns), sign, comma.join(marks))

    @property
    def params(self) -> dict[str, Any]:
        """The values for ``condition``."""
        return {"cursor_at": self.after.at, "cursor_key": self.after.key} if self.after else {}

    def following(self, at: datetime, key: K, reflected: Position) -> str:
        """The cursor of the page after the row with this key.

        It contains the position that its page reflected, which shows after a restore of the
        database that the page belongs to a lost history.
        """
        link = reflected.link or b""
        packed = msgspec.msgpack.encode(Cursor(self.of, self.sort, at, key, reflected.number, link))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def reflected_by(cursor: str) -> int:
    """The position that a cursor's page reflected; 0 for what is not a cursor."""
    try:
        packed = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return int(msgspec.msgpack.decode(packed, type=Cursor[Any]).number)
    except (ValueError, msgspec.MsgspecError):
        return 0


async def checked_order(  # noqa: PLR0913, PLR0917 - as ``order``, and the book to check
    conn: Queryable,
    book: str,
    given: Mapping[str, Any],
    sorts: Sequence[str],
    kind: type[K],
    path: str,
) -> Order[K]:
    """``order``, and a check that the book was not restored since the cursor's page.

    Raises:
        Problem: as ``order``; ``book-was-restored``.
    """
    page_order = order(given, sorts, kind, path)
    if page_order.after is not None:
        await verify(conn, book, page_order.after.position)
    return page_order


def order(given: Mapping[str, Any], sorts: Sequence[str], kind: type[K], path: str) -> Order[K]:
    """The order of a page: that of its cursor, else ``sort``, else the first of ``sorts``.

    Args:
        given: the query parameters, including ``cursor`` and ``sort``.
        sorts: the orders of the list, the default first.
        kind: the type of the rows' keys.
        path: the path of the list.

    Raises:
        Problem: ``invalid-parameter`` for a cursor that is not ours, or belongs to another list,
            other filters or another order.
    """
    of, cursor, sort = _digest(path, given), given.get("cursor"), given.get("sort")
    if cursor is None:
        return Order(of, sort or sorts[0], None)
    after = _read(cursor, kind)
    if after.of != of:
        reason = "cursor belongs to another list or other filters. Repeat the filters of its page."
        raise invalid(reason, "cursor", cursor, ("cursor of a page of this list, so filtered",))
    if after.sort not in ((sort,) if sort else sorts):
        reason = f"cursor belongs to a page sorted by {after.sort}, not by {sort or sorts[0]}."
        raise invalid(reason, "cursor", cursor, (f"sort={after.sort}",))
    return Order(of, after.sort, after)


def _digest(path: str, given: Mapping[str, Any]) -> bytes:
    """A digest of a list and its filters."""
    filters = {
        name: value
        for name, value in given.items()
        if name not in _NOT_FILTERS and value not in (None, ())
    }
    content = msgspec.json.encode([path.rstrip("/"), sorted(filters.items())])
    return blake2b(content, digest_size=6).digest()


def _read(given: str, kind: type[K]) -> Cursor[K]:
    try:
        raw = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        cursor: Cursor[K] = msgspec.msgpack.decode(raw, type=Cursor[kind])  # type: ignore[valid-type]
        cursor.at.astimezone(UTC)
        if "\0" in str(cursor.key) or len(cursor.link) != LINK_BYTES:
            raise ValueError  # noqa: TRY301 - the same problem
    except (ValueError, OverflowError, msgspec.MsgspecError):
        raise wrong("cursor", given, "cursor from a page of this API") from None
    return cursor
