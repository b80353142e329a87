"""Metrics, from sums over the read models: a row for each period and currency, none left out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct

from domain.recurring import Kind
from projections.catalog import BY_NAME
from service.database import statements
from service.database.connections import Connection
from service.queries.metric_answers import Churn, Disputes, Mrr, Refunds, Revenue, Subscriptions
from service.queries.periods import Span

R = TypeVar("R", Revenue, Refunds, Disputes)


class _Total(Struct, frozen=True):
    """How many, and what they come to in a month."""

    count: int = 0
    amount: int = 0


_Moved = Mapping[Kind, _Total]


class _Standing(Struct, frozen=True):
    """What there is at a moment: what recurs, and beside it the trials and mandates on demand."""

    recurring: _Total = _Total()
    trial: _Total = _Total()
    on_demand: _Total = _Total()


class _Period(Struct, frozen=True):
    """What there is when a period begins and when it ends, and what moved in between, by kind."""

    period: datetime
    currency: str | None
    begin: _Standing
    end: _Standing
    moved: _Moved

    def amount(self, *kinds: Kind) -> int:
        return _sum(self.moved, kinds).amount

    def count(self, *kinds: Kind) -> int:
        return _sum(self.moved, kinds).count


async def mrr(conn: Connection, book: str, span: Span) -> list[Mrr]:
    """Recurring revenue at the end of each period, and what moved it."""
    return [
        Mrr(
            period=one.period,
            currency=one.currency,
            mrr=one.end.recurring.amount,
            new=one.amount("new"),
            expansion=one.amount("expansion", "switched_to"),
            contraction=one.amount("contraction", "switched_from"),
            churned=one.amount("churned"),
            reactivated=one.amount("reactivated"),
            known=one.amount("known"),
            trial=one.end.trial.amount,
            on_demand=one.end.on_demand.amount,
        )
        for one in await _periods(conn, book, span)
    ]


async def subscriptions(conn: Connection, book: str, span: Span) -> list[Subscriptions]:
    """How many there were at the end of each period, and who came and went."""
    return [
        Subscriptions(
            period=one.period,
            currency=one.currency,
            active=one.end.recurring.count,
            new=one.count("new"),
            churned=one.count("churned"),
            reactivated=one.count("reactivated"),
            known=one.count("known"),
            switched=one.count("switched_to") - one.count("switched_from"),
            trial=one.end.trial.count,
            on_demand=one.end.on_demand.count,
        )
        for one in await _periods(conn, book, span)
    ]


async def churn(conn: Connection, book: str, span: Span) -> list[Churn]:
    """What was lost of what there was when each period began."""
    return [
        Churn(
            period=one.period,
            currency=one.currency,
            subscriptions_at_start=one.begin.recurring.count,
            churned=one.count("churned"),
            churn_rate=_rate(one.count("churned"), one.begin.recurring.count),
            mrr_at_start=one.begin.recurring.amount,
            churned_mrr=-one.amount("churned"),
            mrr_churn_rate=_rate(-one.amount("churned"), one.begin.recurring.amount),
        )
        for one in await _periods(conn, book, span)
    ]


async def revenue(conn: Connection, book: str, span: Span) -> list[Revenue]:
    """What came in."""
    return _filled(
        await _rows(conn, "queries/metrics/revenue", "payments", book, span), span, Revenue
    )


async def refunds(conn: Connection, book: str, span: Span) -> list[Refunds]:
    """What was returned."""
    return _filled(
        await _rows(conn, "queries/metrics/refunds", "refunds", book, span), span, Refunds
    )


async def disputes(conn: Connection, book: str, span: Span) -> list[Disputes]:
    """What was disputed."""
    return _filled(
        await _rows(conn, "queries/metrics/disputes", "disputes", book, span), span, Disputes
    )


async def _periods(conn: Connection, book: str, span: Span) -> list[_Period]:
    rows = await _rows(conn, "queries/metrics/movements", "events", book, span)
    moved: dict[str | None, dict[datetime | None, dict[Kind, _Total]]] = {}
    for row in rows:
        of_currency = moved.setdefault(row["currency"], defaultdict(dict))
        of_currency[row["period"]][row["kind"]] = _Total(row["count"], row["amount"])
    found = [one for currency in moved for one in _running(currency, moved[currency], span)]
    return sorted(found, key=_place)


def _running(
    currency: str | None, by_period: Mapping[datetime | None, _Moved], span: Span
) -> Iterator[_Period]:
    # what has no period comes before all
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
    # the amount of what went is negative
    return _Total(
        begin.count + gained.count - lost.count, begin.amount + gained.amount + lost.amount
    )


def _sum(moved: _Moved, kinds: Iterable[Kind]) -> _Total:
    found = [moved[kind] for kind in kinds if kind in moved]
    return _Total(sum(one.count for one in found), sum(one.amount for one in found))


async def _rows(
    conn: Connection, name: str, read_model: str, book: str, span: Span
) -> list[dict[str, Any]]:
    view = statements.relation(BY_NAME[read_model].view)
    params = {
        "book": book, "interval": span.interval, "since": span.periods[0], "until": span.until,
    }  # fmt: skip
    found = await conn.execute(statements.fill(name, **{read_model: view}), params)
    return await found.fetchall()


def _filled(rows: Iterable[Mapping[str, Any]], span: Span, kind: type[R]) -> list[R]:
    known = {(row["period"], row["currency"]): kind(**row) for row in rows}
    empty = dict.fromkeys(kind.__struct_fields__, 0)
    found = [
        known.get((period, currency)) or kind(**{**empty, "period": period, "currency": currency})
        for period in span.periods
        for currency in {currency for _, currency in known}
    ]
    return sorted(found, key=_place)


def _place(row: _Period | Revenue | Refunds | Disputes) -> tuple[datetime, str]:
    return row.period, row.currency or ""


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
