"""The work list of renewals that have not come."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from msgspec.structs import asdict

from service.api.endpoint import ApiRequest, pooled
from service.api.lists import list_route
from service.api.parameters import text, whole
from service.api.query import PageQuery
from service.database.connections import Connection
from service.queries import paging, renewals
from service.queries.renewals import OverdueRenewals

_MOST_HOURS = 24 * 366


class OverdueQuery(PageQuery, frozen=True, kw_only=True):
    """The parameters of the work list."""

    hours_gte: Annotated[
        int, whole("Only those that are overdue for so many hours or more.", 0, _MOST_HOURS)
    ] = 1
    product_id: Annotated[str | None, text("Only those of this product.")] = None


@list_route(
    "/subscriptions/overdue",
    connection=pooled,
    operation_id="list_overdue_renewals",
    summary="List active subscriptions whose renewal is overdue, the longest first",
    description="Their `next_billing_date` has passed, they were not to end then, and neither a"
    " renewal nor a hold was recorded: a webhook may be missing. In access they have the rule"
    " `renewal_awaited`. `daybook reconcile` asks the provider about each.",
    tags=["subscriptions"],
)
async def list_overdue_renewals(
    request: ApiRequest, conn: Connection, query: OverdueQuery
) -> OverdueRenewals:
    """A page of the work list."""
    book, given, path = request.user.book, asdict(query), request.scope["path"]
    return await renewals.overdue(
        conn,
        book,
        product_id=query.product_id,
        patience=timedelta(hours=query.hours_gte),
        now=datetime.now(UTC),
        limit=query.limit,
        order=await paging.checked_order(conn, book, given, ("next_billing_date",), str, path),
    )
