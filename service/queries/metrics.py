"""The metrics: money and subscriptions in each period and currency, none left out.

Amounts are in minor units of ``currency``, which is null where the provider gives none. A period
is named by its beginning.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from msgspec import Struct, structs

from domain.recurring import Kind
from service.database.reader import Queryable
from service.queries.metric_answers import (
    Churn,
    Disputes,
    Mrr,
    Payouts,
    Refunds,
    Revenue,
    Subscriptions,
)
from service.queries.metric_known import MetricQuestion
from service.queries.metric_products import Counted
from service.queries.metric_rows import (
    DISPUTED,
    PAID,
    PAID_OUT,
    REFUNDED,
    movement_rows,
    sum_rows,
)
from service.queries.periods import Span

R = TypeVar("R", Revenue, Refunds, Disputes, Payouts)


class _Total(Struct, frozen=True):
    """A number of subscriptions, and their monthly value."""

    count: int = 0
    amount: int = 0


_Moved = Mapping[Kind, _Total]
_ByPeriod = Mapping[datetime | None, _Moved]


class _Standing(Struct, frozen=True):
    """The subscriptions at a moment: recurring ones, trials and on-demand mandates."""

    recurring: _Total = _Total()
    trial: _Total = _Total()
    on_demand: _Total = _Total()


class _Period(Struct, frozen=True):
    """A period: its standing at both ends, and the movements between them by kind."""

    period: datetime
    currency: str | None
    begin: _Standing
    end: _Standing
    moved: _Moved

    def amount(self, *kinds: Kind) -> int:
        return _sum(self.moved, kinds).amount

    def count(self, *kinds: Kind) -> int:
        return _sum(self.moved, kinds).count


async def mrr(conn: Queryable, question: MetricQuestion) -> list[Mrr]:
    """Monthly recurring revenue at the end of each period, and its movements."""
    return [_mrr(entry) for entry in await _periods(conn, question)]


async def subscriptions(conn: Queryable, question: MetricQuestion) -> list[Subscriptions]:
    """Subscriptions at the end of each period, and how many came and went."""
    return [
        Subscriptions(
            period=entry.period,
            currency=entry.currency,
            active=entry.end.recurring.count,
            new=entry.count("new"),
            churned=entry.count("churned"),
            reactivated=entry.count("reactivated"),
            known=entry.count("known"),
            switched=entry.count("switched_to") - entry.count("switched_from"),
            trial=entry.end.trial.count,
            on_demand=entry.end.on_demand.count,
        )
        for entry in await _periods(conn, question)
    ]


async def churn(conn: Queryable, question: MetricQuestion) -> list[Churn]:
    """Subscriptions and revenue lost, of those at the start of each period."""
    return [_churn(entry) for entry in await _periods(conn, question)]


async def mrr_and_churn(conn: Queryable, question: MetricQuestion) -> tuple[list[Mrr], list[Churn]]:
    """Both, of one reading of the movements."""
    periods = await _periods(conn, question)
    return [_mrr(entry) for entry in periods], [_churn(entry) for entry in periods]


async def revenue(conn: Queryable, question: MetricQuestion) -> list[Revenue]:
    """Payments that succeeded."""
    return await _sums(conn, "queries/metrics/revenue", PAID, question, Revenue)


async def refunds(conn: Queryable, question: MetricQuestion) -> list[Refunds]:
    """Refunds that succeeded."""
    return await _sums(conn, "queries/metrics/refunds", REFUNDED, question, Refunds)


async def disputes(conn: Queryable, question: MetricQuestion) -> list[Disputes]:
    """Disputes that were opened, and how they ended."""
    return await _sums(conn, "queries/metrics/disputes", DISPUTED, question, Disputes)


async def payouts(conn: Queryable, question: MetricQuestion) -> list[Payouts]:
    """Payouts that arrived at the merchant's bank."""
    return await _sums(conn, "queries/metrics/payouts", PAID_OUT, question, Payouts)


def _mrr(entry: _Period) -> Mrr:
    return Mrr(
        period=entry.period,
        currency=entry.currency,
        mrr=entry.end.recurring.amount,
        new=entry.amount("new"),
        expansion=entry.amount("expansion", "switched_to"),
        contraction=entry.amount("contraction", "switched_from"),
        churned=entry.amount("churned"),
        reactivated=entry.amount("reactivated"),
        known=entry.amount("known"),
        trial=entry.end.trial.amount,
        on_demand=entry.end.on_demand.amount,
    )


def _churn(entry: _Period) -> Churn:
    start, churned = entry.begin.recurring, entry.count("churned")
    churned_mrr = -entry.amount("churned")
    return Churn(
        period=entry.period,
        currency=entry.currency,
        subscriptions_at_start=start.count,
        churned=churned,
        churn_rate=_rate(churned, start.count),
        mrr_at_start=start.amount,
        churned_mrr=churned_mrr,
        mrr_churn_rate=_rate(churned_mrr, start.amount),
    )


async def _periods(conn: Queryable, question: MetricQuestion) -> list[_Period]:
    span, rows = question.span, await movement_rows(conn, question)
    moved: dict[str | None, dict[datetime | None, dict[Kind, _Total]]] = {}
    for row in rows:
        of_currency = moved.setdefault(row["currency"], defaultdict(dict))
        of_currency[row["period"]][row["kind"]] = _Total(row["count"], row["amount"])
    periods = [p for currency in moved for p in _running(currency, moved[currency], span)]
    return sorted(periods, key=lambda p: (p.period, p.currency or ""))


def _running(currency: str | None, by_period: _ByPeriod, span: Span) -> Iterator[_Period]:
    # movements before the first period have none
    begin = _after(_Standing(), by_period.get(None, {}))
    for period in span.periods:
        moved = by_period.get(period, {})
        end = _after(begin, moved)
        yield _Period(period, currency, begin, end, moved)
        begin = end


def _after(begin: _Standing, moved: _Moved) -> _Standing:
    changed = _sum(moved, ("expansion", "contraction")).amount
    came: tuple[Kind, ...] = ("new", "known", "reactivated", "switched_to")
    recurring = _change(begin.recurring, moved, came, ("churned", "switched_from"))
    return _Standing(
        recurring=_Total(recurring.count, recurring.amount + changed),
        trial=_change(begin.trial, moved, ("trial_began",), ("trial_ended",)),
        on_demand=_change(begin.on_demand, moved, ("on_demand_began",), ("on_demand_ended",)),
    )


def _change(begin: _Total, moved: _Moved, came: tuple[Kind, ...], went: tuple[Kind, ...]) -> _Total:
    gained, lost = _sum(moved, came), _sum(moved, went)
    # amounts of lost subscriptions are negative
    amount = begin.amount + gained.amount + lost.amount
    return _Total(begin.count + gained.count - lost.count, amount)


def _sum(moved: _Moved, kinds: Iterable[Kind]) -> _Total:
    totals = [moved[kind] for kind in kinds if kind in moved]
    return _Total(sum(total.count for total in totals), sum(total.amount for total in totals))


async def _sums(
    conn: Queryable,
    name: str,
    counted: Counted,
    question: MetricQuestion,
    kind: type[R],
) -> list[R]:
    rows = await sum_rows(conn, name, counted, question)
    known = {(row["period"], row["currency"]): kind(**row) for row in rows}
    empty = dict.fromkeys(kind.__struct_fields__, 0)
    filled = [
        # the period as the question writes it, with the offset of its time zone
        structs.replace(known[period, currency], period=period)
        if (period, currency) in known
        else kind(**{**empty, "period": period, "currency": currency})
        for period in question.span.periods
        for currency in {currency for _, currency in known}
    ]
    return sorted(filled, key=lambda row: (row.period, row.currency or ""))


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
