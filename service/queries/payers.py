"""Whom the refunds and disputes concern that name no customer: whoever made the payment.

Looked up when it is asked, since the payment may be told of later than what became of it.
"""

from typing import Any

from projections.disputes import DISPUTES
from projections.payments import PAYMENTS
from projections.refunds import REFUNDS
from service.database import statements
from service.database.reader import Queryable

_OF_PAYMENTS = ("refund", "dispute")
_VIEWS = {projection.name: projection.view for projection in (PAYMENTS, REFUNDS, DISPUTES)}


async def streams_of_payer(conn: Queryable, book: str, customer_id: str) -> list[str]:
    """The streams of refunds and disputes without a customer, of this customer's payments."""
    params = {"book": book, "customer_id": customer_id}
    found = await conn.execute(statements.bind_views("queries/streams_of_payer", **_VIEWS), params)
    return [row["stream"] for row in await found.fetchall()]


async def with_payers(
    conn: Queryable, book: str, rows: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Rows of the index of events; who made the payment where ``customer_id`` would be null."""
    ids: dict[str, set[str]] = {category: set() for category in _OF_PAYMENTS}
    for row in rows:
        category, _, identity = (row["stream"] or "").partition("-")
        if row["customer_id"] is None and category in ids:
            ids[category].add(identity)
    if not any(ids.values()):
        return rows
    params = {f"{category}_ids": list(some) for category, some in ids.items()}
    found = await conn.execute(
        statements.bind_views("queries/payers", **_VIEWS), {"book": book, **params}
    )
    payers = {row["stream"]: row["customer_id"] for row in await found.fetchall()}
    return [{**row, "customer_id": row["customer_id"] or payers.get(row["stream"])} for row in rows]
