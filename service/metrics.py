"""Money and metrics, by day, week or month and by currency."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

from litestar import Request, get
from litestar.datastructures import State

from service import metric_reads, reads
from service.keys import Caller
from service.metric_answers import (
    Churn,
    Disputes,
    Mrr,
    Refunds,
    Revenue,
    Series,
    Subscriptions,
)
from service.parameters import allow
from service.periods import Interval, Span, span
from service.postgres import Connection
from service.ranges import Since, Until, moment

R = TypeVar("R")
Asking = Request[Caller, None, State]

_PERIODS = (
    " The periods are whole, in UTC, weeks from Monday on; by themselves the last thirty days, or"
    " twelve weeks or months. What is known changes them afterwards too: they are asked anew."
)


def _route(name: str, summary: str, means: str) -> dict[str, Any]:
    return {
        "path": f"/metrics/{name}",
        "operation_id": f"get_{name}_metric",
        "summary": summary,
        "description": means + _PERIODS,
        "tags": ["metrics"],
    }


async def _series(
    request: Asking,
    state: State,
    read: Callable[[Connection, str, Span], Awaitable[list[R]]],
    interval: Interval,
    ends: tuple[str | None, str | None],
) -> Series[R]:
    allow(request, "interval", "created_at_gte", "created_at_lte")
    since, until = moment("created_at_gte", ends[0]), moment("created_at_lte", ends[1])
    asked = span(interval, since, until, datetime.now(UTC))
    async with state.pool.connection() as conn:
        position = await reads.position(conn, request.user.book)
        return Series(await read(conn, request.user.book, asked), str(position))


@get(**_route(
    "mrr",
    "Monthly recurring revenue, and what moved it",
    "MRR is the sum, over the subscriptions that are active or past_due when the period ends, of"
    " `recurring_pre_tax_amount` scaled from its payment frequency to a twelfth of a year; `new` is"
    " what activations from pending added, `expansion` and `contraction` what changed amounts did,"
    " `churned` what left those statuses, `reactivated` what came back to them.",
))  # fmt: skip
async def get_mrr(
    request: Asking,
    state: State,
    interval: Interval = "month",
    created_at_gte: Since = None,
    created_at_lte: Until = None,
) -> Series[Mrr]:
    """Each movement at the time when it happened in the world."""
    ends = created_at_gte, created_at_lte
    return await _series(request, state, metric_reads.mrr, interval, ends)


@get(**_route(
    "subscriptions",
    "How many subscriptions there are, and who came and went",
    "`active` counts those that are active or past_due when the period ends; `new` those that"
    " became so from pending, `churned` those that ceased to be, `reactivated` those"
    " that became so again.",
))  # fmt: skip
async def get_subscriptions(
    request: Asking,
    state: State,
    interval: Interval = "month",
    created_at_gte: Since = None,
    created_at_lte: Until = None,
) -> Series[Subscriptions]:
    """A subscription that leaves and comes back in one period counts in both."""
    ends = created_at_gte, created_at_lte
    return await _series(request, state, metric_reads.subscriptions, interval, ends)


@get(**_route(
    "churn",
    "What was lost of what there was",
    "`churn_rate` is the subscriptions that ceased to be active or past_due in the period, of those"
    " that were when it began; `mrr_churn_rate` the same of their recurring revenue.",
))  # fmt: skip
async def get_churn(
    request: Asking,
    state: State,
    interval: Interval = "month",
    created_at_gte: Since = None,
    created_at_lte: Until = None,
) -> Series[Churn]:
    """A subscription that is on hold has churned, and is reactivated when it recovers."""
    ends = created_at_gte, created_at_lte
    return await _series(request, state, metric_reads.churn, interval, ends)


@get(**_route(
    "revenue",
    "What payments took",
    "`amount` is the `total_amount`, tax included, of the payments that were made in the period"
    " (`created_at`) and have succeeded; a payment that only replaced a payment method is none.",
))  # fmt: skip
async def get_revenue(
    request: Asking,
    state: State,
    interval: Interval = "month",
    created_at_gte: Since = None,
    created_at_lte: Until = None,
) -> Series[Revenue]:
    """Before refunds, disputes and the provider's fees."""
    ends = created_at_gte, created_at_lte
    return await _series(request, state, metric_reads.revenue, interval, ends)


@get(**_route(
    "refunds",
    "What refunds returned",
    "`amount` is that of the refunds that were made in the period (`created_at`) and have"
    " succeeded, whenever the payment was.",
))  # fmt: skip
async def get_refunds(
    request: Asking,
    state: State,
    interval: Interval = "month",
    created_at_gte: Since = None,
    created_at_lte: Until = None,
) -> Series[Refunds]:
    """In the currency of the refund."""
    ends = created_at_gte, created_at_lte
    return await _series(request, state, metric_reads.refunds, interval, ends)


@get(**_route(
    "disputes",
    "What was disputed, and how it ended",
    "`amount` is that of the disputes that were opened in the period (`created_at`), counted by how"
    " they stand now: `open`, `won`, `lost` (accepted and expired too) or `cancelled`.",
))  # fmt: skip
async def get_disputes(
    request: Asking,
    state: State,
    interval: Interval = "month",
    created_at_gte: Since = None,
    created_at_lte: Until = None,
) -> Series[Disputes]:
    """A dispute that ends later changes the period in which it was opened."""
    ends = created_at_gte, created_at_lte
    return await _series(request, state, metric_reads.disputes, interval, ends)


METRIC_ROUTES = [get_mrr, get_subscriptions, get_churn, get_revenue, get_refunds, get_disputes]
