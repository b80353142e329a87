"""``GET /v1/refusals``: what was refused at a book's door, and how often."""

from datetime import UTC, datetime

from litestar import get
from msgspec import Struct, convert

from service.api.endpoint import Asking, asking, taking, thinned_page
from service.api.parameter_kinds import PAGE
from service.database.connections import Connection
from service.database.statements import text
from service.queries import paging
from service.queries.paging import Cursor
from service.store.positions import BEGINNING

_SORT = "-at"
_FIRST = Cursor(b"", _SORT, datetime.max.replace(tzinfo=UTC), 0, 0, b"")


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
    order = paging.order({"cursor": cursor}, (_SORT,), int, "/v1/refusals")
    after = order.after or _FIRST
    params = {"book": book, "at": after.at, "last": after.key, "limit": limit + 1}
    rows = await (await conn.execute(text("refusals/page"), params)).fetchall()
    more, rows = len(rows) > limit, rows[:limit]
    return RefusalPage(
        [count for _, count in await counts(conn, book)],
        [convert(row, RefusalAnswer) for row in rows],
        order.following(rows[-1]["at"], rows[-1]["id"], BEGINNING) if more else None,
    )


@get(
    "/refusals",
    operation_id="list_refusals",
    summary="Webhooks that were refused at the door, and why",
    description="A secret that is wrong since a rotation shows here in seconds. Needs the scope"
    " `admin`.",
    tags=["operation"],
    opt=taking(*PAGE, scope="admin"),
)
async def list_refusals(request: Asking) -> RefusalPage:
    """What an operator looks at when webhooks are missing."""
    async with asking(request) as (conn, given):
        told = await page(conn, request.user.book, given["limit"], given["cursor"])
    return thinned_page(told, given["fields"])
