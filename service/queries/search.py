"""Search: what an identifier, an e-mail address or a name belongs to."""

from msgspec import Struct

from projections.catalog import PROJECTIONS
from projections.search_terms import folded
from service.database import statements
from service.database.connections import Connection
from service.queries.changes import link
from service.queries.resources import checkpoint_of, of


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


async def find(conn: Connection, book: str, q: str, limit: int) -> Found:
    """What carries the identifier ``q``, or an address or a word of a name that begins with it."""
    views = {projection.name: statements.relation(projection.view) for projection in PROJECTIONS}
    statement = statements.fill("queries/search", **views)
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
