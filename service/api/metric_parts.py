"""The rows behind a figure of a metric: with the same parameters, their amounts add up to it."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from litestar.handlers import HTTPRouteHandler
from msgspec.structs import asdict

from service.api.endpoint import ApiRequest, pooled
from service.api.lists import ReadPage, list_route
from service.api.metric_queries import (
    BookedRowsQuery,
    MrrRowsQuery,
    PayoutRowsQuery,
    RowsQuery,
    question_of,
)
from service.database.connections import Connection
from service.queries import metric_parts, paging, resources
from service.queries.metric_known import MetricQuestion
from service.queries.metric_parts import Parts, Wanted
from service.queries.metric_products import Counted
from service.queries.metric_rows import DISPUTED, PAID, PAID_OUT, REFUNDED

Q = TypeVar("Q", bound=RowsQuery)

_SAME = (
    " The same parameters as of the metric; for one of its rows give its `period` as"
    " `created_at_gte` and as `created_at_lte`, and its `currency`. The amounts of all pages add up"
    " to the figure, also as it was known at `known_at`. The latest first."
)


class MetricParts(Parts, frozen=True):
    """What a figure is made of: a page of payments, refunds, payouts, disputes or subscriptions."""


def _rows(
    name: str, summary: str, means: str
) -> Callable[[ReadPage[Connection, Q, MetricParts]], HTTPRouteHandler]:
    return list_route(
        f"/metrics/{name}/rows",
        connection=pooled,
        operation_id=f"list_{name}_metric_rows",
        summary=summary,
        description=means + _SAME,
        tags=["metrics"],
    )


async def _parts(
    request: ApiRequest,
    conn: Connection,
    query: RowsQuery,
    read: Callable[[MetricQuestion, Wanted], Awaitable[Parts]],
) -> MetricParts:
    book, path = request.user.book, request.scope["path"]
    wanted = Wanted(
        query.currency,
        query.limit,
        await paging.checked_order(conn, book, asdict(query), ("-at",), str, path),
        await resources.position(conn, book),
    )
    found = await read(await question_of(conn, book, query), wanted)
    return MetricParts(found.data, found.next_cursor, found.position)


async def _counted(
    request: ApiRequest, conn: Connection, query: RowsQuery, counted: Counted
) -> MetricParts:
    async def read(question: MetricQuestion, wanted: Wanted) -> Parts:
        return await metric_parts.parts_of_sum(conn, counted, question, wanted)

    return await _parts(request, conn, query, read)


@_rows(
    "mrr",
    "List what recurring revenue, or one of its movements, is made of",
    "The subscriptions or the movements behind one `figure`; those of churn are the movements"
    " `churned`, and its start `mrr_at_start`.",
)
async def list_mrr_rows(request: ApiRequest, conn: Connection, query: MrrRowsQuery) -> MetricParts:
    """One row for each subscription that stands, or each movement."""

    async def read(question: MetricQuestion, wanted: Wanted) -> Parts:
        return await metric_parts.parts_of_mrr(conn, query.figure, question, wanted)

    return await _parts(request, conn, query, read)


@_rows("revenue", "List the payments behind the revenue", "The payments that were summed.")
async def list_revenue_rows(
    request: ApiRequest, conn: Connection, query: BookedRowsQuery
) -> MetricParts:
    """One row for each payment."""
    return await _counted(request, conn, query, PAID)


@_rows("refunds", "List the refunds behind the sum", "The refunds that were summed.")
async def list_refunds_rows(
    request: ApiRequest, conn: Connection, query: BookedRowsQuery
) -> MetricParts:
    """One row for each refund."""
    return await _counted(request, conn, query, REFUNDED)


@_rows("disputes", "List the disputes behind the sums", "The disputes that were summed.")
async def list_disputes_rows(
    request: ApiRequest, conn: Connection, query: BookedRowsQuery
) -> MetricParts:
    """One row for each dispute, whatever its outcome."""
    return await _counted(request, conn, query, DISPUTED)


@_rows("payouts", "List the payouts behind the sum", "The payouts that were summed.")
async def list_payouts_rows(
    request: ApiRequest, conn: Connection, query: PayoutRowsQuery
) -> MetricParts:
    """One row for each payout."""
    return await _counted(request, conn, query, PAID_OUT)


METRIC_ROWS_ROUTES = [
    list_mrr_rows, list_revenue_rows, list_refunds_rows, list_disputes_rows, list_payouts_rows,
]  # fmt: skip
