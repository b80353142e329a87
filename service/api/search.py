"""Search: what an identifier or an address belongs to."""

from litestar import get
from msgspec import Struct

from projections.catalog import PROJECTIONS
from projections.search_terms import folded
from service.api.endpoint import Asking, asking, taking, thinned_page
from service.api.parameter_kinds import BOM, FIELDS, LIMIT
from service.api.parameters import QueryParameter, wrong
from service.database import statements
from service.database.connections import Connection
from service.queries.changes import link
from service.queries.resources import checkpoint_of, of

_LONGEST = 8_000
"""A webhook-id may be of any length; many proxies let no longer URL pass."""


def _wanted(name: str, given: str) -> str:
    wanted = given.strip()
    if not wanted or len(wanted) > _LONGEST:
        raise wrong(name, given, f"text of 1 to {_LONGEST} characters")
    return wanted


_Q = QueryParameter(
    name="q",
    description="What to look for.",
    schema={"type": "string", "minLength": 1, "maxLength": _LONGEST},
    read=_wanted,
    required=True,
)


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
    summary="What an identifier, an e-mail address or a name belongs to",
    description="`q` is the id of a customer, subscription, payment, refund, dispute, licence key,"
    " entitlement grant, payout or checkout, an invoice's, a licence key itself, or a webhook-id,"
    " each as a whole; or, in any case of its letters, an e-mail address or its beginning, or the"
    " beginning of any word of a name. Those that a customer had before find them too.",
    tags=["search"],
    opt=taking(_Q, LIMIT, FIELDS, BOM),
)
async def search(request: Asking) -> Found:
    """For whoever holds a ticket and one word of it."""
    async with asking(request) as (conn, given):
        found = await find(conn, request.user.book, given["q"], given["limit"])
    return thinned_page(found, given["fields"])


async def find(conn: Connection, book: str, q: str, limit: int) -> Found:
    """What carries the identifier ``q``, or an address or a word of a name that begins with it."""
    views = {projection.name: statements.relation(projection.view) for projection in PROJECTIONS}
    statement = statements.fill("read/search", **views)
    params = of(book, q=q, term=folded(q), limit=limit + 1)
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
