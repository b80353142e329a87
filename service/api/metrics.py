"""Money and metrics, by day, week or month and by currency."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar, get_args

from litestar.handlers import HTTPRouteHandler

from service.api.endpoint import ApiRequest, pooled
from service.api.lists import ReadPage, list_route
from service.api.parameters import choice, since, until
from service.api.query import ListQuery
from service.database.connections import Connection
from service.queries import metrics, resources
from service.queries.metrics import (
    Churn,
    Disputes,
    Mrr,
    Refunds,
    Revenue,
    Series,
    Subscriptions,
)
from service.queries.periods import Interval, Span, span

R = TypeVar("R")

_PERIODS = (
    " Periods are whole, in UTC, and weeks begin on Monday. The first contains `created_at_gte` and"
    " the last contains `created_at_lte`: `2026-03-31` includes the 31st, and with `interval=month`"
    " all of March. By default they are the last thirty days, twelve weeks or twelve months; at"
    " most 1,000. They are computed on request, so late events change past periods."
)
_HOLD = " A hold or a pause counts as churned when it begins, and as reactivated when it ends."
_EXCLUDED = (
    " `trial` and `on_demand` hold trials and on-demand mandates, which the other figures exclude."
    " A subscription is on trial while its current billing period is the trial: `trial_period_days`"
    " is more than 0, `previous_billing_date` is at most a day after `created_at`, and"
    " `next_billing_date` at most `trial_period_days` and a day after it. A subscription with"
    " `on_demand: true` is charged on demand."
)


class MrrSeries(Series[Mrr], frozen=True):
    """Monthly recurring revenue, and its movements: a row per period and currency."""


class SubscriptionsSeries(Series[Subscriptions], frozen=True):
    """Numbers of subscriptions, and their movements: a row per period and currency."""


class ChurnSeries(Series[Churn], frozen=True):
    """Rates of churn: a row per period and currency."""


class RevenueSeries(Series[Revenue], frozen=True):
    """Succeeded payments: a row per period and currency."""


class RefundsSeries(Series[Refunds], frozen=True):
    """Succeeded refunds: a row per period and currency."""


class DisputesSeries(Series[Disputes], frozen=True):
    """Disputes by outcome: a row per period and currency."""


class MetricQuery(ListQuery, frozen=True, kw_only=True):
    """The parameters of every metric."""

    interval: Annotated[Interval, choice("How long a period is.", get_args(Interval))] = "month"
    created_at_gte: Annotated[datetime | None, since("happened")] = None
    created_at_lte: Annotated[datetime | None, until("happened")] = None


def _metric(
    name: str, summary: str, means: str
) -> Callable[[ReadPage[Connection, MetricQuery, Series[Any]]], HTTPRouteHandler]:
    return list_route(
        f"/metrics/{name}",
        connection=pooled,
        operation_id=f"get_{name}_metric",
        summary=summary,
        description=means + _PERIODS,
        tags=["metrics"],
    )


async def _series(
    request: ApiRequest,
    conn: Connection,
    query: MetricQuery,
    read: Callable[[Connection, str, Span], Awaitable[list[R]]],
) -> tuple[list[R], str]:
    """The rows of a metric, and the position that they reflect."""
    first, last = query.created_at_gte, query.created_at_lte
    periods = span(query.interval, first, last, datetime.now(UTC))
    position = await resources.position(conn, request.user.book)
    return await read(conn, request.user.book, periods), str(position)


@_metric(
    "mrr",
    "Monthly recurring revenue, and its movements",
    "MRR is the sum, over the subscriptions that are active or past_due when the period ends, of"
    " `recurring_pre_tax_amount` scaled from its payment frequency to a twelfth of a year of 365"
    " days. `new` is the MRR of first activations, and of trials that became paid; `known` that of"
    " subscriptions that were older than the book at their first event; `expansion` and"
    " `contraction` the effect of changed amounts and currencies; `churned` the MRR of"
    " subscriptions that left those statuses, and `reactivated` of those that came back."
    + _HOLD + _EXCLUDED,
)  # fmt: skip
async def get_mrr(request: ApiRequest, conn: Connection, query: MetricQuery) -> MrrSeries:
    """Each movement at the time when it happened in the world."""
    return MrrSeries(*await _series(request, conn, query, metrics.mrr))


@_metric(
    "subscriptions",
    "The number of subscriptions, and what changed it",
    "`active` counts the subscriptions that are active or past_due when the period ends; `new`"
    " those that became so for the first time, `known` those that were older than the book at their"
    " first event, `churned` those that ceased to be, and `reactivated` those that became so again;"
    " `switched` is the number that changed to this currency minus the number that changed from it."
    + _HOLD + _EXCLUDED,
)  # fmt: skip
async def get_subscriptions(
    request: ApiRequest, conn: Connection, query: MetricQuery
) -> SubscriptionsSeries:
    """A subscription that leaves and comes back in one period counts in both."""
    return SubscriptionsSeries(*await _series(request, conn, query, metrics.subscriptions))


@_metric(
    "churn",
    "The rates of churn, by subscriptions and by revenue",
    "`churn_rate` is the fraction of the subscriptions active or past_due at the beginning of the"
    " period that ceased to be so in it; `mrr_churn_rate` is the same fraction of their recurring"
    " revenue." + _HOLD,
)  # fmt: skip
async def get_churn(request: ApiRequest, conn: Connection, query: MetricQuery) -> ChurnSeries:
    """Customers who came back are not subtracted."""
    return ChurnSeries(*await _series(request, conn, query, metrics.churn))


@_metric(
    "revenue",
    "The succeeded payments",
    "`amount` is the sum of `total_amount`, including tax, of the payments that were made in the"
    " period (`created_at`) and have succeeded. Payments that only replaced a payment method do not"
    " count.",
)  # fmt: skip
async def get_revenue(request: ApiRequest, conn: Connection, query: MetricQuery) -> RevenueSeries:
    """Before refunds, disputes and the provider's fees."""
    return RevenueSeries(*await _series(request, conn, query, metrics.revenue))


@_metric(
    "refunds",
    "The succeeded refunds",
    "`amount` is the sum of the refunds that were made in the period (`created_at`) and have"
    " succeeded, whenever the payment was made.",
)  # fmt: skip
async def get_refunds(request: ApiRequest, conn: Connection, query: MetricQuery) -> RefundsSeries:
    """In the currency of the refund."""
    return RefundsSeries(*await _series(request, conn, query, metrics.refunds))


@_metric(
    "disputes",
    "The disputes, by outcome",
    "`amount` is the sum of the disputes that were opened in the period (`created_at`). They are"
    " counted by their current status: `open`, `won`, `lost` (including accepted and expired) or"
    " `cancelled`.",
)  # fmt: skip
async def get_disputes(request: ApiRequest, conn: Connection, query: MetricQuery) -> DisputesSeries:
    """A dispute that ends later changes the period in which it was opened."""
    return DisputesSeries(*await _series(request, conn, query, metrics.disputes))


METRIC_ROUTES = [get_mrr, get_subscriptions, get_churn, get_revenue, get_refunds, get_disputes]
