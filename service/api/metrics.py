"""Money and metrics, by day, week, month or quarter and by currency, now or as they were known."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from litestar.handlers import HTTPRouteHandler

from service.api.endpoint import ApiRequest, pooled
from service.api.lists import ReadPage, list_route
from service.api.metric_queries import (
    BookedQuery,
    MetricQuery,
    PayoutsQuery,
    PeriodQuery,
    question_of,
)
from service.database.connections import Connection
from service.queries import metrics, resources
from service.queries.metric_answers import (
    Churn,
    Disputes,
    Mrr,
    Payouts,
    Refunds,
    Revenue,
    Series,
    Subscriptions,
)
from service.queries.metric_known import MetricQuestion

R = TypeVar("R")

_PERIODS = (
    " Periods are whole, in UTC or in the time zone `tz`, and weeks begin on Monday. The first"
    " contains `created_at_gte` and the last contains `created_at_lte`: `2026-03-31` includes the"
    " 31st, and with `interval=month` all of March. By default they are the last thirty days,"
    " twelve weeks, twelve months or four quarters; at most 1,000. Late events"
    " change past periods; with `known_at` they stay as they were known then."
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


class PayoutsSeries(Series[Payouts], frozen=True):
    """Payouts that arrived: a row per period and currency."""


class DisputesSeries(Series[Disputes], frozen=True):
    """Disputes by outcome: a row per period and currency."""


Q = TypeVar("Q", bound=PeriodQuery)


def _metric(
    name: str, summary: str, means: str
) -> Callable[[ReadPage[Connection, Q, Series[Any]]], HTTPRouteHandler]:
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
    query: PeriodQuery,
    read: Callable[[Connection, MetricQuestion], Awaitable[list[R]]],
) -> tuple[list[R], str]:
    """The rows of a metric, and the position that they reflect."""
    position = await resources.position(conn, request.user.book)
    return await read(conn, await question_of(conn, request.user.book, query)), str(position)


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
    " period (`booked_by`) and have succeeded. Payments that only replaced a payment method do not"
    " count.",
)  # fmt: skip
async def get_revenue(request: ApiRequest, conn: Connection, query: BookedQuery) -> RevenueSeries:
    """Before refunds, disputes and the provider's fees."""
    return RevenueSeries(*await _series(request, conn, query, metrics.revenue))


@_metric(
    "refunds",
    "The succeeded refunds",
    "`amount` is the sum of the refunds that were made in the period, or that succeeded in it"
    " (`booked_by`), and have succeeded, whenever the payment was made.",
)  # fmt: skip
async def get_refunds(request: ApiRequest, conn: Connection, query: BookedQuery) -> RefundsSeries:
    """In the currency of the refund."""
    return RefundsSeries(*await _series(request, conn, query, metrics.refunds))


@_metric(
    "disputes",
    "The disputes, by outcome",
    "`amount` is the sum of the disputes that were opened in the period, or that reached their"
    " current status in it (`booked_by`). They are counted by that status: `open`, `won`, `lost`"
    " (including accepted and expired) or `cancelled`.",
)  # fmt: skip
async def get_disputes(request: ApiRequest, conn: Connection, query: BookedQuery) -> DisputesSeries:
    """A dispute that ends later changes the period in which it was opened."""
    return DisputesSeries(*await _series(request, conn, query, metrics.disputes))


@_metric(
    "payouts",
    "The payouts that arrived",
    "`amount` is the sum of the payouts that were made in the period, or that arrived in it"
    " (`booked_by`), and have the status `success`; `fee` is what the provider took for them. A"
    " payout that fails later no longer counts.",
)
async def get_payouts(request: ApiRequest, conn: Connection, query: PayoutsQuery) -> PayoutsSeries:
    """In the currency of the payout, which need not be that of the payments."""
    return PayoutsSeries(*await _series(request, conn, query, metrics.payouts))


METRIC_ROUTES = [
    get_mrr, get_subscriptions, get_churn, get_revenue, get_refunds, get_disputes, get_payouts,
]  # fmt: skip
