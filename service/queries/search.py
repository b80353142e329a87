"""Search by identifier, e-mail address or name."""

from collections.abc import Mapping
from functools import cache
from typing import Any, LiteralString

from msgspec import Struct
from psycopg.sql import Composable, Composed, Identifier, Literal, Placeholder

from domain.currency import money
from projections.catalog import PROJECTIONS
from projections.search_terms import bare, folded
from service.database import statements
from service.database.connections import Connection
from service.queries.changes import link
from service.queries.resources import checkpoint_of, of


class Hit(Struct, frozen=True):
    """A resource, customer or event that matches.

    ``matched`` names the field that matches; ``label`` describes it for a person.
    """

    kind: str
    id: str
    customer_id: str | None
    matched: str
    label: str
    link: str


class SearchAnswer(Struct, frozen=True):
    """The matches; ``more`` says that there are more than ``limit``."""

    data: list[Hit]
    more: bool
    position: str


async def find(conn: Connection, book: str, q: str, limit: int) -> SearchAnswer:
    """Resources with the identifier ``q``, and customers with an address or name that begins so."""
    params = of(book, q=q, term=folded(q), bare=bare(q) or folded(q), limit=limit + 1)
    rows = await (await conn.execute(statement(), params)).fetchall()
    checkpoint = checkpoint_of(rows)
    hits = [
        Hit(
            kind=row["kind"],
            id=row["id"],
            customer_id=row["customer_id"],
            matched=row["matched"],
            label=_label(row),
            link=link(row["kind"], row["id"]),
        )
        for row in rows
        if row["kind"] is not None
    ]
    return SearchAnswer(hits[:limit], len(hits) > limit, str(checkpoint))


@cache
def statement() -> LiteralString:
    """The statement of a search, put together from its parts."""
    views = {projection.name: statements.relation(projection.view) for projection in PROJECTIONS}

    def by(field: str, begins: str) -> Composed:
        return statements.fill(
            "queries/customers_of_term", **views, field=Literal(field), begins=Placeholder(begins)
        )

    def name_of(product: Composable) -> Composed:
        return statements.fill("queries/product_name", **views, product=product)

    filled = statements.fill(
        "queries/search",
        **views,
        by_name=by("name", "bare"),
        by_email=by("email", "term"),
        of_subscription=name_of(Identifier("s", "product_id")),
        of_license_key=name_of(Identifier("l", "product_id")),
    )
    # safe as a literal: the files and the quoted names are part of the code
    literal: LiteralString = filled.as_string()
    return literal


def _label(row: Mapping[str, Any]) -> str:
    label: str = row["label"]
    return label if row["amount"] is None else f"{label}, {money(row['amount'], row['currency'])}"
