"""The names of products, where the provider has told them.

Webhooks carry only the id of a product. The lists of the provider's API name it next to each
subscription, so a book that was filled or compared knows the names.
"""

from collections.abc import Iterable, Mapping

from projections.events import EVENTS
from service.database import statements
from service.database.reader import Queryable


async def product_names(
    conn: Queryable, book: str, product_ids: Iterable[str | None]
) -> Mapping[str, str]:
    """The latest names of some products by id; one whose name is not known is absent."""
    ids = sorted({one for one in product_ids if one is not None})
    if not ids:
        return {}
    statement = statements.bind_views("queries/product_names", events=EVENTS.view)
    cursor = await conn.execute(statement, {"book": book, "ids": ids})
    return {row["product_id"]: row["product_name"] for row in await cursor.fetchall()}
