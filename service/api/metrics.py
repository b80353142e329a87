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
    " The periods are whole, in UTC, weeks from Monday on: from the one that holds `created_at_gte`"
    " to the one that holds `created_at_lte`, so that `2026-03-31` includes the 31st, and with"
    " `interval=month` all of March; by default the last thirty days, or twelve weeks or months; at"
    " most 1,000. They are computed on request, so late events change past periods."
)
_HOLD = " A hold or a pause counts as churned when it begins, and as reactivated when it ends."
_BESIDE = (
    " Trials and mandates on demand are not in it but in `trial` and `on_demand`. A subscription is"
    " on trial while its current billing period is the trial: `trial_period_days` is more than 0,"
    " `previous_billing_date` at most a day after `created_at`, and `next_billing_date` at most"
    " `trial_period_days` and a day after it. One with `on_demand: true` is charged at will."
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
    "Monthly recurring revenue, and what moved it",
    "MRR is the sum, over the subscriptions that are active or past_due when the period ends, of"
    " `recurring_pre_tax_amount` scaled from its payment frequency to a twelfth of a year of 365"
    " days. `new` is what first activations added, and trials when they became paid; `known` what"
    " was older than the book when its first event came; `expansion` and `contraction` what changed"
    " amounts and currencies did; `churned` what left those statuses; `reactivated` what came back"
    " to them." + _HOLD + _BESIDE,
)  # fmt: skip
async def get_mrr(request: ApiRequest, conn: Connection, query: MetricQuery) -> MrrSeries:
    """Each movement at the time when it happened in the world."""
    return MrrSeries(*await _series(request, conn, query, metrics.mrr))


@_metric(
    "subscriptions",
    "How many subscriptions there are, and who came and went",
    "`active` counts those that are active or past_due when the period ends; `new` those that"
    " became so for the first time, `known` those that were older than the book when their first"
    " event came, `churned` those that ceased to be, `reactivated` those that became so again,"
    " `switched` those that changed to this currency, less those that changed from it."
    + _HOLD + _BESIDE,
)  # fmt: skip
async def get_subscriptions(
    request: ApiRequest, conn: Connection, query: MetricQuery
) -> SubscriptionsSeries:
    """A subscription that leaves and comes back in one period counts in both."""
    return SubscriptionsSeries(*await _series(request, conn, query, metrics.subscriptions))


@_metric(
    "churn",
    "What was lost of what there was",
    "`churn_rate` is the subscriptions that ceased to be active or past_due in the period, of those"
    " that were when it began; `mrr_churn_rate` the same of their recurring revenue." + _HOLD,
)  # fmt: skip
async def get_churn(request: ApiRequest, conn: Connection, query: MetricQuery) -> ChurnSeries:
    """Those who came back are not taken off."""
    return ChurnSeries(*await _series(request, conn, query, metrics.churn))


@_metric(
    "revenue",
    "What payments took",
    "`amount` is the `total_amount`, tax included, of the payments that were made in the period"
    " (`created_at`) and have succeeded; a payment that only replaced a payment method is none.",
)  # fmt: skip
async def get_revenue(request: ApiRequest, conn: Connection, query: MetricQuery) -> RevenueSeries:
    """Before refunds, disputes and the provider's fees."""
    return RevenueSeries(*await _series(request, conn, query, metrics.revenue))


@_metric(
    "refunds",
    "What refunds returned",
    "`amount` is that of the refunds that were made in the period (`created_at`) and have"
    " succeeded, whenever the payment was.",
)  # fmt: skip
async def get_refunds(request: ApiRequest, conn: Connection, query: MetricQuery) -> RefundsSeries:
    """In the currency of the refund."""
    return RefundsSeries(*await _series(request, conn, query, metrics.refunds))


@_metric(
    "disputes",
    "What was disputed, and how it ended",
    "`amount` is that of the disputes that were opened in the period (`created_at`), counted by how"
    " they stand now: `open`, `won`, `lost` (accepted and expired too) or `cancelled`.",
)  # fmt: skip
async def get_disputes(request: ApiRequest, conn: Connection, query: MetricQuery) -> DisputesSeries:
    """A dispute that ends later changes the period in which it was opened."""
    return DisputesSeries(*await _series(request, conn, query, metrics.disputes))


METRIC_ROUTES = [get_mrr, get_subscriptions, get_churn, get_revenue, get_refunds, get_disputes]
