"""Search: what an identifier or an address belongs to."""

from typing import Annotated

from litestar import Request, get
from litestar.datastructures import State
from litestar.params import Parameter
from msgspec import Struct

from projections.catalog import PROJECTIONS
from service import sql
from service.change_reads import link
from service.keys import Caller
from service.parameters import Limit, allow
from service.postgres import Connection
from service.problems import Problem
from service.reads import checkpoint_of, of

Asking = Request[Caller, None, State]

_LONGEST = 200
"""No identifier that is read is longer."""


class Hit(Struct, frozen=True):
    """Something that was found.

    ``kind`` is a resource's, ``customer`` or ``event``; ``matched`` says which of its fields it
    was found by; ``label`` tells a person what it is, amounts in minor units.
    """

    kind: str
    id: str
    customer_id: str | None
    matched: str
    label: str
    link: str


class Found(Struct, frozen=True):
    """What was found; ``more`` says that there was more than was asked for."""

    data: list[Hit]
    more: bool
    position: str


@get(
    "/search",
    operation_id="search",
    summary="What an identifier or an e-mail address belongs to",
    description="`q` is the id of a customer, subscription, payment, refund, dispute, licence key,"
    " entitlement grant, payout or checkout, an invoice's, a licence key itself, or a webhook-id,"
    " each as a whole; or an e-mail address or its beginning, in any case of its letters.",
    tags=["search"],
)
async def search(
    request: Asking,
    state: State,
    q: Annotated[str, Parameter(description="What to look for.")],
    limit: Limit = 20,
) -> Found:
    """For whoever holds a ticket and one word of it."""
    allow(request, "q", "limit")
    async with state.pool.connection() as conn:
        return await find(conn, request.user.book, q, limit)


async def find(conn: Connection, book: str, q: str, limit: int) -> Found:
    """What carries the identifier ``q``, or an address that begins with it.

    Raises:
        Problem: ``invalid-parameter`` for a ``q`` that nothing could carry.
    """
    wanted = q.strip()
    if not wanted or len(wanted) > _LONGEST:
        raise Problem("invalid-parameter", f"q: 1 to {_LONGEST} characters.")
    views = {projection.name: sql.relation(projection.view) for projection in PROJECTIONS}
    statement = sql.fill("read/search", **views)
    params = of(book, q=wanted, limit=limit + 1)
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = checkpoint_of(rows)
    found = [
        Hit(
            kind=row["kind"],
            id=row["id"],
            customer_id=row["customer_id"],
            matched=row["matched"],
            label=row["label"],
            link=link(row["kind"], row["id"]),
        )
        for row in rows
        if row["kind"] is not None
    ]
    return Found(found[:limit], len(found) > limit, str(checkpoint))
