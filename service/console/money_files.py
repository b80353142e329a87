"""The figures about money, and the rows behind them, as CSV for a spreadsheet."""

import csv
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from io import StringIO
from typing import Any

from litestar import Response, get
from litestar.response import Stream
from msgspec import Struct

from service.console.money_query import MoneyQuery, day_of_period
from service.console.money_rows import RowsQuery, metric_of, parts
from service.console.responses import HEADERS
from service.console.view import ConsoleRequest, View, view_of
from service.database.connections import Connection
from service.problems import Problem
from service.queries import metrics
from service.queries.csv_cells import cell
from service.queries.metric_known import MetricQuestion
from service.queries.metric_parts import Parts

_METRICS: Mapping[str, Callable[[Connection, MetricQuestion], Awaitable[list[Any]]]] = {
    "revenue": metrics.revenue, "refunds": metrics.refunds, "disputes": metrics.disputes,
    "payouts": metrics.payouts, "mrr": metrics.mrr, "churn": metrics.churn,
}  # fmt: skip
_COLUMNS = (
    "kind", "id", "at", "currency", "amount", "fee", "movement", "customer.customer_id",
    "customer.email", "customer.name", "event_position",
)  # fmt: skip
_ROWS = 1_000


@get("/{book:str}/money/{metric:str}/figures.csv")
async def download_figures(request: ConsoleRequest) -> Response[str]:
    """One metric, a row for each period and currency."""
    view = view_of(request, "read")
    query, metric = view.query(MoneyQuery), view.name("metric")
    if metric not in _METRICS:
        raise Problem("not-found", f"There are no figures of the name {metric!r}.")
    async with view.pooled() as conn:
        found = await _METRICS[metric](conn, await query.question(conn, view))
    columns = found[0].__struct_fields__ if found else ("period", "currency")
    content = _written([columns, *_rows(found, columns)])
    return Response(content, media_type="text/csv", headers=_headers(view, metric))


@get("/{book:str}/money/{metric:str}/rows.csv")
async def download_rows(request: ConsoleRequest) -> Stream:
    """All rows behind a figure."""
    view = view_of(request, "read")
    metric, query = metric_of(view), view.query(RowsQuery)
    async with view.pooled() as conn:
        question = await query.question(conn, view, day_of_period(query.period))
        first = await parts(conn, view, query, question, _ROWS)
    content = _lines(view, query, question, first)
    name = f"{metric}-{query.period}-{query.currency}"
    return Stream(content, media_type="text/csv", headers=_headers(view, name))


async def _lines(
    view: View, query: RowsQuery, question: MetricQuestion, first: Parts
) -> AsyncIterator[str]:
    """A page at a time, each read when the browser has taken the last."""
    yield _written([_COLUMNS])
    page = first
    while True:
        yield _written(_rows(page.data, _COLUMNS))
        if page.next_cursor is None:
            return
        async with view.pooled() as conn:
            page = await parts(conn, view, query, question, _ROWS, page.next_cursor)


def _rows(found: Iterable[Struct], columns: Sequence[str]) -> Iterable[list[object]]:
    return ([cell(_value(one, column)) for column in columns] for one in found)


def _value(row: Any, column: str) -> object:  # noqa: ANN401 - of any metric
    for name in column.split("."):
        row = getattr(row, name) if row is not None else None
    return row


def _written(rows: Iterable[Sequence[object]]) -> str:
    written = StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()


def _headers(view: View, name: str) -> dict[str, str]:
    plain = "".join(
        c if (c.isascii() and c.isalnum()) or c in "-_" else "-" for c in f"{view.book}-{name}"
    )
    return {**HEADERS, "content-disposition": f'attachment; filename="{plain}.csv"'}
