"""The order of a page, and cursors: where a page ended. Opaque, stable while rows are added.

A cursor belongs to its list and its filters: with others it would begin somewhere, and what lies
before that would be missed without a word. So it carries a digest of them, and is refused where
they are not the same.
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

_SHOWING = {"cursor", "sort", "after", "limit", "fields", "bom", "min_position", "stale"}
"""The parameters that choose no rows: the order stands in the cursor by itself, and ``after`` is a
place before it."""

K = TypeVar("K", str, int)


class Cursor(Struct, Generic[K], frozen=True, array_like=True):
    """The last row of a page: its list, its order, the row's place in it, and what it reflected."""

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
    """How a list is sorted, and after which row its page begins; ``of`` is the list's digest."""

    of: bytes
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

    def following(self, at: datetime, key: K, reflected: Position) -> str:
        """The cursor of the page after the row at this place, as callers get it.

        A cursor holds the position that its page reflected: after a restore of the database its
        page belongs to a history that is no more.
        """
        link = reflected.link or b""
        packed = msgspec.msgpack.encode(Cursor(self.of, self.sort, at, key, reflected.number, link))
        return base64.urlsafe_b64encode(packed).decode().rstrip("=")


async def checked_order(  # noqa: PLR0913, PLR0917 - as ``order``, and where to check
    conn: Queryable,
    book: str,
    given: Mapping[str, Any],
    sorts: Sequence[str],
    kind: type[K],
    path: str,
) -> Order[K]:
    """The same as ``order``, of a page whose book was not restored meanwhile.

    Raises:
        Problem: as ``order``; ``book-was-restored``.
    """
    asked = order(given, sorts, kind, path)
    if asked.after is not None:
        await verify(conn, book, asked.after.position)
    return asked


def order(given: Mapping[str, Any], sorts: Sequence[str], kind: type[K], path: str) -> Order[K]:
    """The order that is asked for, the first of ``sorts`` by itself; a cursor keeps to its page's.

    Args:
        given: the parameters of the question, ``cursor`` and ``sort`` among them.
        sorts: the orders of the list.
        kind: of the keys of its rows.
        path: under which the list is asked for.

    Raises:
        Problem: ``invalid-parameter`` for a cursor that is not ours, or of another list, of other
            filters or of another order.
    """
    of, cursor, sort = _digest(path, given), given.get("cursor"), given.get("sort")
    if cursor is None:
        return Order(of, sort or sorts[0], None)
    after = _read(cursor, kind)
    if after.of != of:
        reason = "cursor: of another list, or of other filters. Ask with those of its page again."
        raise invalid(reason, "cursor", cursor, ("cursor of a page of this list, so filtered",))
    if after.sort not in ((sort,) if sort else sorts):
        reason = f"cursor: of a page that is sorted by {after.sort}, and not by {sort or sorts[0]}."
        raise invalid(reason, "cursor", cursor, (f"sort={after.sort}",))
    return Order(of, after.sort, after)


def _digest(path: str, given: Mapping[str, Any]) -> bytes:
    """What tells a list and its filters from others."""
    filters = {
        name: value
        for name, value in given.items()
        if name not in _SHOWING and value not in (None, ())
    }
    said = msgspec.json.encode([path.rstrip("/"), sorted(filters.items())])
    return blake2b(said, digest_size=6).digest()


def _read(given: str, kind: type[K]) -> Cursor[K]:
    try:
        raw = base64.urlsafe_b64decode(given + "=" * (-len(given) % 4))
        cursor: Cursor[K] = msgspec.msgpack.decode(raw, type=Cursor[kind])  # type: ignore[valid-type]
        cursor.at.astimezone(UTC)
        if "\0" in str(cursor.key) or len(cursor.link) != LINK_BYTES:
            raise ValueError  # noqa: TRY301 - the same answer
    except (ValueError, OverflowError, msgspec.MsgspecError):
        raise wrong("cursor", given, "cursor that a page of ours gave") from None
    return cursor
