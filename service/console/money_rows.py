"""``/console/{book}/money/{metric}``: what is this figure made of?"""

import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from service.console.money_query import MoneyQuery, day_of_period, period_name
from service.console.view import View, page
from service.database.reader import Queryable
from service.problems import Problem, invalid
from service.queries import metrics, paging, resources
from service.queries.metric_known import MetricQuestion
from service.queries.metric_parts import Figure, Part, Parts, Wanted, parts_of_mrr, parts_of_sum
from service.queries.metric_products import Counted
from service.queries.metric_rows import DISPUTED, PAID, PAID_OUT, REFUNDED

_ROWS = 50
_SORT = "-at"

_COUNTED: Mapping[str, Counted] = {
    "revenue": PAID, "refunds": REFUNDED, "disputes": DISPUTED, "payouts": PAID_OUT,
}  # fmt: skip
_SUMS: Mapping[str, Callable[[Queryable, MetricQuestion], Awaitable[list[Any]]]] = {
    "revenue": metrics.revenue, "refunds": metrics.refunds, "disputes": metrics.disputes,
    "payouts": metrics.payouts,
}  # fmt: skip

_QUESTIONS: Mapping[str, str] = {
    "revenue": "Which payments make up the revenue of {period}?",
    "refunds": "Which refunds were made in {period}?",
    "disputes": "Which disputes were opened in {period}?",
    "payouts": "Which payouts arrived in {period}?",
    "mrr": "Which subscriptions recur at the end of {period}?",
    "mrr_at_start": "Which subscriptions recur at the start of {period}?",
    "new": "Which subscriptions were new in {period}?",
    "expansion": "Which subscriptions grew in {period}?",
    "contraction": "Which subscriptions shrank in {period}?",
    "churned": "Which subscriptions left in {period}?",
    "reactivated": "Which subscriptions came back in {period}?",
    "known": "Which subscriptions of {period} are older than the book?",
    "trial": "Which subscriptions are on trial at the end of {period}?",
    "on_demand": "Which mandates on demand stand at the end of {period}?",
}


class RowsQuery(MoneyQuery, frozen=True, kw_only=True):
    """The figure: of which period, by its first day, and in which currency."""

    period: str = ""
    currency: str = ""
    figure: Figure = "mrr"
    cursor: str | None = None

    @property
    def of_figure(self) -> dict[str, str]:
        """What links to other pages of the same rows repeat."""
        named = {"period": self.period, "currency": self.currency}
        return {**self.given, **named, "figure": self.figure}


class RowsPage(Struct, frozen=True):
    """The rows, whose amounts add up to ``total``; of payouts the fees to ``fee``, too.

    There are none where ``precedes_book``.
    """

    metric: str
    question: str
    period: str
    query: RowsQuery
    currency: str | None
    total: int
    fee: int
    count: int | None
    known_since: datetime | None
    precedes_book: bool
    parts: list[Part]
    next_cursor: str | None

    @property
    def counted(self) -> str:
        """What ``count`` counts."""
        counted = "payments" if self.metric == "revenue" else self.metric
        return counted.removesuffix("s") if self.count == 1 else counted

    @property
    def stands(self) -> bool:
        """Whether the rows are subscriptions that stand at a moment, and not movements."""
        return self.metric == "mrr" and all(part.movement is None for part in self.parts)

    @property
    def moves(self) -> bool:
        """Whether the rows are movements of several kinds."""
        return len({part.movement for part in self.parts}) > 1


@page("/money/{metric:str}", template="money_rows.html", section="Money")
async def show_rows(view: View) -> RowsPage:
    """The figure, and a page of its rows."""
    metric, query = metric_of(view), view.query(RowsQuery)
    async with view.pooled() as conn:
        question = await query.question(conn, view, day_of_period(query.period))
        found = await parts(conn, view, query, question, _ROWS)
        total, fee, count = await _figure(conn, metric, query, question)
    name = metric if metric in _COUNTED else query.figure
    period = period_name(question.span.periods[0], question.span.interval)
    return RowsPage(
        metric=metric,
        question=_QUESTIONS[name].format(period=period),
        period=period,
        query=query,
        currency=None if query.currency == "none" else query.currency or None,
        total=total,
        fee=fee,
        count=count,
        known_since=question.known.moment if question.known else None,
        precedes_book=question.precedes_book,
        parts=found.data,
        next_cursor=found.next_cursor,
    )


def metric_of(view: View) -> str:
    """The metric that the path names.

    Raises:
        Problem: ``not-found``.
    """
    metric = view.name("metric")
    if metric not in {*_COUNTED, "mrr"}:
        raise Problem("not-found", f"There are no figures of the name {metric!r}.")
    return metric


async def parts(  # noqa: PLR0913, PLR0917 - the question, and where its answer begins
    conn: Queryable,
    view: View,
    query: RowsQuery,
    question: MetricQuestion,
    limit: int,
    cursor: str | None = None,
) -> Parts:
    """A page of the rows behind a figure.

    Raises:
        Problem: ``invalid-parameter``; ``too-many-events``; ``book-was-restored``.
    """
    metric = metric_of(view)
    if not re.fullmatch("none|[A-Za-z]{3}", query.currency):
        reason = f"currency: {query.currency[:20]!r} is neither a currency such as EUR nor none."
        raise invalid(reason, "currency", query.currency[:20], ("EUR", "none"))
    given = {**query.of_figure, "metric": metric, "cursor": cursor or query.cursor}
    order = await paging.checked_order(conn, view.book, given, (_SORT,), str, view.path)
    reflected = await resources.position(conn, view.book)
    wanted = Wanted(query.currency or None, limit, order, reflected)
    if metric in _COUNTED:
        return await parts_of_sum(conn, _COUNTED[metric], question, wanted)
    return await parts_of_mrr(conn, query.figure, question, wanted)


async def _figure(
    conn: Queryable, metric: str, query: RowsQuery, question: MetricQuestion
) -> tuple[int, int, int | None]:
    """The figure as the metric has it, its fees, and how many rows it has, where that is known."""
    wanted = None if query.currency == "none" else query.currency
    if metric in _COUNTED:
        rows = await _SUMS[metric](conn, question)
        for one in rows:
            if one.currency == wanted:
                count = {"revenue": "payments"}.get(metric, metric)
                return one.amount, getattr(one, "fee", 0), getattr(one, count)
        return 0, 0, 0
    recurring, churned = await metrics.mrr_and_churn(conn, question)
    for mrr, churn in zip(recurring, churned, strict=True):
        if mrr.currency == wanted:
            row: Any = churn if query.figure == "mrr_at_start" else mrr
            return getattr(row, query.figure), 0, None
    return 0, 0, None
