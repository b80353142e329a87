"""``GET /v1/refusals``: what was refused at a book's door, and how often."""

from datetime import UTC, datetime

from litestar import Request, get
from litestar.datastructures import State
from msgspec import Struct, convert

from service import cursors
from service.cursors import Cursor
from service.keys import Caller
from service.parameters import CursorText, Limit, allow
from service.postgres import Connection
from service.sql import text

_FIRST = Cursor(datetime.max.replace(tzinfo=UTC), 0)


class RefusalCount(Struct, frozen=True):
    """How many webhooks were refused for one reason, by the minute in which they came."""

    reason: str
    last_5_minutes: int
    last_hour: int
    last_day: int


class RefusalAnswer(Struct, frozen=True):
    """One refused request, without its body or signature.

    ``headers`` are the ones of `webhook-id`, `webhook-timestamp` and `webhook-signature` that came;
    ``content_length`` is the announced one, null without; ``remote`` is the peer's address, which
    is a proxy's where one stands before the service.
    """

    at: datetime
    reason: str
    headers: list[str]
    content_length: int | None
    remote: str | None


class RefusalPage(Struct, frozen=True):
    """The counts of the last day, and a page of the last thousand, newest first."""

    counts: list[RefusalCount]
    data: list[RefusalAnswer]
    next_cursor: str | None


async def counts(conn: Connection, book: str | None) -> list[tuple[str, RefusalCount]]:
    """The counts of one book, or of all, each with its book."""
    found = await conn.execute(text("refusals/counts"), {"book": book})
    return [(row["book"], convert(row, RefusalCount)) for row in await found.fetchall()]


async def page(conn: Connection, book: str, limit: int, cursor: str | None) -> RefusalPage:
    """A page of what was refused at the door of a book.

    Raises:
        Problem: ``invalid-parameter`` for a cursor that no page gave.
    """
    after = cursors.read(cursor, int) if cursor else _FIRST
    params = {"book": book, "at": after.at, "last": after.key, "limit": limit + 1}
    rows = await (await conn.execute(text("refusals/page"), params)).fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    return RefusalPage(
        [count for _, count in await counts(conn, book)],
        [convert(row, RefusalAnswer) for row in rows],
        cursors.write(Cursor(rows[-1]["at"], rows[-1]["id"])) if more else None,
    )


@get(
    "/refusals",
    operation_id="list_refusals",
    summary="Webhooks that were refused at the door, and why",
    tags=["operation"],
    opt={"scope": "admin"},
)
async def list_refusals(
    request: Request[Caller, None, State],
    state: State,
    limit: Limit = 20,
    cursor: CursorText = None,
) -> RefusalPage:
    """A secret that is wrong since a rotation shows here in seconds. Needs the scope `admin`."""
    allow(request, "limit", "cursor")
    async with state.pool.connection() as conn:
        return await page(conn, request.user.book, limit, cursor)
