"""``/console/{book}/customers`` and the like: the newest of one kind."""

from typing import Any

from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from projections.customers import CUSTOMERS
from projections.payments import PAYMENTS
from projections.projection import Projection
from projections.subscriptions import SUBSCRIPTIONS
from service.console.customer import Row, row
from service.console.facts import LISTED
from service.console.view import View, page
from service.queries import paging, resources

_ROWS = 25


class ListQuery(Struct, frozen=True):
    """What to show: of a status, a customer or a subscription; and where the page begins."""

    status: str = ""
    customer_id: str = ""
    subscription_id: str = ""
    cursor: str | None = None


class ListPage(Struct, frozen=True):
    """The newest of one kind, with the statuses to choose from.

    ``of`` has the resources of which they are, by the names of the filters.
    """

    name: str
    kind: str
    status: str
    of: dict[str, str]
    statuses: tuple[str, ...]
    columns: tuple[str, ...]
    rows: list[Row]
    next_cursor: str | None


def _list(projection: Projection[Any]) -> HTTPRouteHandler:
    statuses = projection.aggregate.lifecycle.statuses if projection.aggregate else ()
    category = projection.aggregate.category if projection.aggregate else "customer"

    async def newest(view: View) -> ListPage:
        query = view.query(ListQuery)
        of = {
            name: value
            for name, value in (
                ("customer_id", query.customer_id), ("subscription_id", query.subscription_id),
            )
            if value and name in projection.filters
        }  # fmt: skip
        filters = {"status": query.status, **of} if statuses else {}
        given = {**filters, "cursor": query.cursor}
        sort = f"-{projection.sorts[0]}"
        async with view.pipelined() as conn:
            found = await resources.page(
                conn,
                view.book,
                projection,
                filters={name: value or None for name, value in filters.items()},
                order=await paging.checked_order(conn, view.book, given, (sort,), str, view.path),
                limit=_ROWS,
                response_days=view.response_days,
            )
        rows = [row(projection, one) for one in found.data]
        columns = LISTED.get(projection.name, ())
        return ListPage(
            projection.name, category, query.status, of, tuple(statuses), columns, rows,
            found.next_cursor,
        )  # fmt: skip

    route = page(f"/{projection.name}", template="list.html", section=projection.name.capitalize())
    return route(newest)


LISTS = [_list(projection) for projection in (CUSTOMERS, SUBSCRIPTIONS, PAYMENTS)]
"""A page for each kind that the navigation names."""
