"""Refused webhooks: counts by reason, and the latest ones."""

from datetime import UTC, datetime

from msgspec import Struct, convert

from service.database.reader import Queryable
from service.database.statements import text
from service.queries import paging
from service.queries.paging import Cursor
from service.store.positions import BEGINNING

_SORT = "-at"
_FIRST = Cursor(b"", _SORT, datetime.max.replace(tzinfo=UTC), 0, 0, b"")


STRANGERS = frozenset({
    "bad-request", "method-not-allowed", "missing-header", "repeated-header", "target-too-long",
    "unknown-book",
})  # fmt: skip
"""Reasons for which strangers are refused every day; the provider's webhooks are not."""


class RefusalCount(Struct, frozen=True):
    """How many webhooks were refused for one reason, counted by minute."""

    reason: str
    last_5_minutes: int
    last_hour: int
    last_day: int


class RefusalAnswer(Struct, frozen=True):
    """One refused request, without its body or signature.

    ``headers`` lists which of `webhook-id`, `webhook-timestamp` and `webhook-signature` it had;
    ``content_length`` is null without that header; ``remote`` is the peer's address, which is the
    proxy's if there is one.
    """

    at: datetime
    reason: str
    headers: list[str]
    content_length: int | None
    remote: str | None


class RefusalPage(Struct, frozen=True):
    """The counts of the last day, and a page of the last thousand refusals, newest first."""

    counts: list[RefusalCount]
    data: list[RefusalAnswer]
    next_cursor: str | None


async def counts(conn: Queryable, book: str | None) -> list[tuple[str, RefusalCount]]:
    """The counts of one book, or of all books, each with its book."""
    cursor = await conn.execute(text("queries/refusals/counts"), {"book": book})
    return [(row["book"], convert(row, RefusalCount)) for row in await cursor.fetchall()]


async def page(conn: Queryable, book: str, limit: int, cursor: str | None) -> RefusalPage:
    """A page of a book's refused webhooks.

    Raises:
        Problem: ``invalid-parameter`` for a cursor that is not ours.
    """
    order = paging.order({"cursor": cursor}, (_SORT,), int, "/v1/refusals")
    after = order.after or _FIRST
    params = {"book": book, "at": after.at, "last": after.key, "limit": limit + 1}
    rows = await (await conn.execute(text("queries/refusals/page"), params)).fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    return RefusalPage(
        [count for _, count in await counts(conn, book)],
        [convert(row, RefusalAnswer) for row in rows],
        order.following(rows[-1]["at"], rows[-1]["id"], BEGINNING) if more else None,
    )
