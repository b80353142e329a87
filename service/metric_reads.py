"""Metrics, from sums over the read models: a row for each period and currency, none left out."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, TypeVar

from msgspec import Struct

from projections.catalog import BY_NAME
from service import sql
from service.metric_answers import Churn, Disputes, Mrr, Refunds, Revenue, Subscriptions
from service.periods import Span
from service.postgres import Connection

R = TypeVar("R", Revenue, Refunds, Disputes)


class _Moved(Struct):
    """What one kind of movement did in one period."""

    count: int = 0
    amount: int = 0


class _Month(Struct, frozen=True):
    """What there was when a period began, and what moved in it, by kind."""

    period: datetime
    currency: str | None
    mrr: int
    active: int
    moved: Mapping[str, _Moved]

    def amount(self, *kinds: str) -> int:
        return sum(self.moved[kind].amount for kind in kinds if kind in self.moved)

    def count(self, *kinds: str) -> int:
        return sum(self.moved[kind].count for kind in kinds if kind in self.moved)


async def mrr(conn: Connection, book: str, span: Span) -> list[Mrr]:
    """Recurring revenue at the end of each period, and what moved it."""
    return [
        Mrr(
            period=one.period,
            currency=one.currency,
            mrr=one.mrr + one.amount(*one.moved),
            new=one.amount("new"),
            expansion=one.amount("expansion"),
            contraction=one.amount("contraction"),
            churned=one.amount("churned"),
            reactivated=one.amount("reactivated"),
        )
        for one in await _movements(conn, book, span)
    ]


async def subscriptions(conn: Connection, book: str, span: Span) -> list[Subscriptions]:
    """How many there were at the end of each period, and who came and went."""
    return [
        Subscriptions(
            period=one.period,
            currency=one.currency,
            active=one.active + _net(one),
            new=one.count("new"),
            churned=one.count("churned"),
            reactivated=one.count("reactivated"),
        )
        for one in await _movements(conn, book, span)
    ]


async def churn(conn: Connection, book: str, span: Span) -> list[Churn]:
    """What was lost of what there was when each period began."""
    return [
        Churn(
            period=one.period,
            currency=one.currency,
            subscriptions_at_start=one.active,
            churned=one.count("churned"),
            churn_rate=_rate(one.count("churned"), one.active),
            mrr_at_start=one.mrr,
            churned_mrr=-one.amount("churned"),
            mrr_churn_rate=_rate(-one.amount("churned"), one.mrr),
        )
        for one in await _movements(conn, book, span)
    ]


async def revenue(conn: Connection, book: str, span: Span) -> list[Revenue]:
    """What came in."""
    return _filled(await _rows(conn, "metrics/revenue", "payments", book, span), span, Revenue)


async def refunds(conn: Connection, book: str, span: Span) -> list[Refunds]:
    """What was returned."""
    return _filled(await _rows(conn, "metrics/refunds", "refunds", book, span), span, Refunds)


async def disputes(conn: Connection, book: str, span: Span) -> list[Disputes]:
    """What was disputed."""
    return _filled(await _rows(conn, "metrics/disputes", "disputes", book, span), span, Disputes)


async def _movements(conn: Connection, book: str, span: Span) -> list[_Month]:
    rows = await _rows(conn, "metrics/movements", "events", book, span)
    moved: dict[str | None, dict[datetime | None, dict[str, _Moved]]] = {}
    for row in rows:
        of_currency = moved.setdefault(row["currency"], defaultdict(dict))
        of_currency[row["period"]][row["kind"]] = _Moved(row["count"], row["amount"])
    found = [one for currency in moved for one in _running(currency, moved[currency], span)]
    return sorted(found, key=_place)


def _running(
    currency: str | None, moved: Mapping[datetime | None, Mapping[str, _Moved]], span: Span
) -> Iterator[_Month]:
    mrr = active = 0
    # what has no period comes before all
    for period in (None, *span.periods):
        one = _Month(period or span.periods[0], currency, mrr, active, moved.get(period, {}))
        if period is not None:
            yield one
        mrr += one.amount(*one.moved)
        active += _net(one)


def _net(one: _Month) -> int:
    return one.count("new", "reactivated") - one.count("churned")


async def _rows(
    conn: Connection, name: str, read_model: str, book: str, span: Span
) -> list[dict[str, Any]]:
    view = sql.relation(BY_NAME[read_model].view)
    params = {
        "book": book, "interval": span.interval, "since": span.periods[0], "until": span.until,
    }  # fmt: skip
    found = await conn.execute(sql.fill(name, **{read_model: view}), params)
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


def _place(row: _Month | Revenue | Refunds | Disputes) -> tuple[datetime, str]:
    return row.period, row.currency or ""


def _rate(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
