"""``/console/{book}/money``: what came in, month by month? Currency by currency, never summed."""

from asyncio import gather
from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from service.console.ledgers import Figures, Ledger, Values, ledger, named
from service.console.money_query import MoneyQuery
from service.console.view import View, page
from service.database.reader import Queryable
from service.problems import invalid
from service.queries import metrics, resources
from service.queries.metric_known import MetricQuestion
from service.store.positions import Position

_MOST_LABELS = 12
_HALF = 560.0
_MOST_PERIODS = 120
_YEARS = 3


_Sum = Callable[[Queryable, MetricQuestion], Awaitable[Sequence[Any]]]


class Choice(Struct, frozen=True):
    """A filter that is a link."""

    name: str
    query: dict[str, str]
    is_current: bool


class MoneyPage(Struct, frozen=True):
    """The figures by currency; ``position`` closes them, and ``known_since`` says they are closed.

    All are zero where ``precedes_book``. ``changed`` counts the figures that are another one by
    what is known now.
    """

    query: MoneyQuery
    intervals: list[Choice]
    ranges: list[Choice]
    ledgers: list[Ledger]
    every: int
    half_every: int
    half: float
    position: str
    known_since: datetime | None
    precedes_book: bool
    is_position: bool
    changed: int


@page("/money", template="money.html", section="Money")
async def show_money(view: View) -> MoneyPage:
    """The figures of the last twelve months, unless others are asked for."""
    query = view.query(MoneyQuery)
    async with query.connection(view) as conn:
        position, question = await gather(
            resources.position(conn, view.book), query.question(conn, view)
        )
        if len(question.span.periods) > _MOST_PERIODS:
            reason = f"since: more than {_MOST_PERIODS} periods. Take longer ones, or the CSV."
            raise invalid(reason, "since", str(query.since), (f"{_MOST_PERIODS} periods",))
        now = await _values(conn, replace(question, known=None))
        is_past = question.known is not None and question.known.position < position.number
        values = await _values(conn, question) if is_past else now
    currencies = sorted({c for _, _, c in (*values, *now)}, key=lambda c: (c is None, c))
    end = question.known.moment if question.known else view.now
    span = question.span
    books = Figures(query.given, named(span), span.until, end, values, now)
    ledgers = [ledger(books, currency) for currency in currencies]
    return MoneyPage(
        query=query,
        intervals=_intervals(query),
        ranges=_ranges(query, view.now.year),
        ledgers=ledgers,
        every=-(-len(question.span.periods) // _MOST_LABELS),
        half_every=-(-len(question.span.periods) // (_MOST_LABELS // 2)),
        half=_HALF,
        position=str(position),
        known_since=question.known.moment if question.known else None,
        precedes_book=question.precedes_book,
        is_position=isinstance(query.known, Position),
        changed=sum(bool(cell.now) for one in ledgers for cell in one.cells),
    )


async def _values(conn: Queryable, question: MetricQuestion) -> Values:
    sums: dict[str, _Sum] = {
        "revenue": metrics.revenue, "refunds": metrics.refunds, "disputes": metrics.disputes,
    }  # fmt: skip
    if not question.product_id:
        # they belong to no product
        sums["payouts"] = metrics.payouts
    if question.known is None:
        (recurring, churned), *found = await gather(
            metrics.mrr_and_churn(conn, question), *(ask(conn, question) for ask in sums.values())
        )
    else:
        # each in a reading of its own
        recurring, churned = await metrics.mrr_and_churn(conn, question)
        found = [await ask(conn, question) for ask in sums.values()]
    series = {"mrr": recurring, "churn": churned, **dict(zip(sums, found, strict=True))}
    return {(name, one.period, one.currency): one for name in series for one in series[name]}


def _intervals(query: MoneyQuery) -> list[Choice]:
    return [
        Choice(f"by {one.interval}", one.given, one == query)
        for one in (
            replace(query, interval="week"),
            replace(query, interval="month"),
            replace(query, interval="quarter"),
        )
    ]


def _ranges(query: MoneyQuery, year: int) -> list[Choice]:
    of_years = {str(y): (date(y, 1, 1), date(y, 12, 31)) for y in range(year, year - _YEARS, -1)}
    return [
        Choice(name, replace(query, since=since, until=until).given, chosen == (since, until))
        for chosen in ((query.since, query.until),)
        for name, (since, until) in {"the latest": (None, None), **of_years}.items()
    ]
