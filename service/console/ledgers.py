"""The tables and charts of the money page: all figures in one currency."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlencode

from msgspec import Struct

from service.console.charts import Column
from service.console.money_query import brief_name, period_name, short_name
from service.console.wording import figure, money, number, percent
from service.queries.periods import Span

Values = Mapping[tuple[str, datetime, str | None], Any]
"""The rows of all metrics, by metric, period and currency."""


class Named(Struct, frozen=True):
    """A period: its beginning, and its name in words, at the head of a row and below a column."""

    begin: datetime
    name: str
    brief: str
    short: str


def named(span: Span) -> list[Named]:
    """The periods of a span; in each currency they have the same names."""
    return [
        Named(
            period, *(say(period, span.interval) for say in (period_name, brief_name, short_name))
        )
        for period in span.periods
    ]


class Figures(Struct, frozen=True):
    """What was asked, and what came back.

    Attributes:
        given: what links repeat of the question.
        periods: all of them.
        until: when the last one ends.
        end: up to when the figures are known; a period that ends later is open.
        values: the figures as they were asked for.
        now: the same by all that is known now.
    """

    given: Mapping[str, str]
    periods: list[Named]
    until: datetime
    end: datetime
    values: Values
    now: Values


class Shown(Struct, frozen=True):
    """A column: the field of a metric that it shows, and the figure whose rows it leads to.

    One that is ``rare`` is left out where all of it is zero.
    """

    head: str
    metric: str
    field: str
    kind: Literal["money", "count", "rate"] = "money"
    figure: str = ""
    rare: bool = False


IN_AND_OUT = (
    Shown("Payments", "revenue", "payments", "count"),
    Shown("Revenue", "revenue", "amount"),
    Shown("Refunds", "refunds", "refunds", "count"),
    Shown("Refunded", "refunds", "amount"),
    Shown("Disputes", "disputes", "disputes", "count", rare=True),
    Shown("Disputed", "disputes", "amount", rare=True),
    Shown("Payouts", "payouts", "payouts", "count"),
    Shown("Paid out", "payouts", "amount"),
    Shown("Fees", "payouts", "fee"),
)
RECURRING = (
    Shown("MRR", "mrr", "mrr", figure="mrr"),
    Shown("New", "mrr", "new", figure="new"),
    Shown("Expansion", "mrr", "expansion", figure="expansion"),
    Shown("Contraction", "mrr", "contraction", figure="contraction"),
    Shown("Churned", "mrr", "churned", figure="churned"),
    Shown("Reactivated", "mrr", "reactivated", figure="reactivated"),
    Shown("Older than the book", "mrr", "known", figure="known", rare=True),
    Shown("On trial", "mrr", "trial", figure="trial", rare=True),
    Shown("On demand", "mrr", "on_demand", figure="on_demand", rare=True),
)
CHURN = (
    Shown("At the start", "churn", "subscriptions_at_start", "count", "mrr_at_start"),
    Shown("Left", "churn", "churned", "count", "churned"),
    Shown("Rate", "churn", "churn_rate", "rate", "churned"),
    Shown("MRR at the start", "churn", "mrr_at_start", figure="mrr_at_start"),
    Shown("MRR that left", "churn", "churned_mrr", figure="churned"),
    Shown("Rate of MRR", "churn", "mrr_churn_rate", "rate", "churned"),
)


class Cell(Struct, frozen=True):
    """A figure in words; ``now`` is what it is by all that is known now, where that differs.

    One that ``leads`` to rows does so below ``metric``, by its line's query and its ``figure``.
    """

    text: str
    metric: str
    figure: str
    leads: bool
    now: str
    is_zero: bool


class Line(Struct, frozen=True):
    """A period, and its figures, whose links have ``query``; ``is_open`` while it has not ended.

    ``query`` is as it stands in an address.
    """

    name: str
    is_open: bool
    query: str
    cells: list[Cell]


class Table(Struct, frozen=True):
    """Some figures of all periods."""

    columns: list[Shown]
    lines: list[Line]

    @property
    def has_figures(self) -> bool:
        """Whether any is not zero."""
        return any(cell.leads or cell.now for line in self.lines for cell in line.cells)


class Ledger(Struct, frozen=True):
    """All figures in one currency, in tables; and the columns of their charts."""

    currency: str | None
    in_and_out: Table
    recurring: Table
    churn: Table
    money_columns: list[Column]
    mrr_columns: list[Column]
    moved_columns: list[Column]

    @property
    def has_money(self) -> bool:
        """Whether anything was paid, given back or paid out."""
        return self.in_and_out.has_figures

    @property
    def recurs(self) -> bool:
        """Whether any subscription was in this currency."""
        return self.recurring.has_figures

    @property
    def cells(self) -> list[Cell]:
        """Every figure."""
        tables = (self.in_and_out, self.recurring, self.churn)
        return [cell for table in tables for line in table.lines for cell in line.cells]


def ledger(figures: Figures, currency: str | None) -> Ledger:
    """All figures in one currency."""

    def of(metric: str, field: str, period: Named) -> int:
        row = figures.values.get((metric, period.begin, currency))
        return getattr(row, field) if row else 0

    return Ledger(
        currency=currency,
        in_and_out=_table(figures, IN_AND_OUT, currency),
        recurring=_table(figures, RECURRING, currency),
        churn=_table(figures, CHURN, currency),
        money_columns=[
            _column(
                period, currency,
                {"Revenue": of("revenue", "amount", period)},
                {"Refunded": of("refunds", "amount", period)},
            )
            for period in figures.periods
        ],
        mrr_columns=[
            _column(period, currency, {"MRR at the end": of("mrr", "mrr", period)})
            for period in figures.periods
        ],
        moved_columns=[
            _column(
                period, currency,
                {n: of("mrr", n.lower(), period) for n in ("New", "Expansion", "Reactivated")}
                | {"Older than the book": of("mrr", "known", period)},
                {n: -of("mrr", n.lower(), period) for n in ("Churned", "Contraction")},
            )
            for period in figures.periods
        ],
    )  # fmt: skip


_TONES = {
    "Revenue": "ink", "Refunded": "bad", "MRR at the end": "ink", "New": "good",
    "Expansion": "good-2", "Reactivated": "good-3", "Older than the book": "plain",
    "Churned": "bad", "Contraction": "bad-2",
}  # fmt: skip


def _column(
    period: Named,
    currency: str | None,
    above: Mapping[str, int],
    below: Mapping[str, int] | None = None,
) -> Column:
    parts = {**above, **(below or {})}
    said = [f"{name} {money(value, currency)}" for name, value in parts.items() if value]
    return Column(
        period.short,
        tuple((_TONES[name], value) for name, value in above.items()),
        f"{period.name}: {', '.join(said) or 'nothing'}",
        tuple((_TONES[name], value) for name, value in (below or {}).items()),
    )


def _table(figures: Figures, columns: tuple[Shown, ...], currency: str | None) -> Table:
    of_columns = {
        shown.head: [_cell(figures, shown, period.begin, currency) for period in figures.periods]
        for shown in columns
    }
    seen = [
        shown
        for shown in columns
        if not shown.rare or any(cell.leads or cell.now for cell in of_columns[shown.head])
    ]
    ends = [*(period.begin for period in figures.periods[1:]), figures.until]
    # once: to encode it for each line would take a fifth of the page
    query = urlencode({**figures.given, "currency": currency or "none"})
    lines = [
        Line(
            period.brief,
            until > figures.end,
            f"{query}&period={period.begin.date()}",
            [of_columns[shown.head][place] for shown in seen],
        )
        for place, (period, until) in enumerate(zip(figures.periods, ends, strict=True))
    ]
    return Table(seen, lines)


def _cell(figures: Figures, shown: Shown, period: datetime, currency: str | None) -> Cell:
    key = (shown.metric, period, currency)
    value = latest = _value(figures.values.get(key), shown)
    if figures.now is not figures.values:
        latest = _value(figures.now.get(key), shown)
    return Cell(
        _text(value, shown, currency),
        "mrr" if shown.figure else shown.metric,
        shown.figure,
        leads=bool(value),
        now="" if value == latest else _text(latest, shown, currency),
        is_zero=value == 0,
    )


def _value(row: Any, shown: Shown) -> float | None:  # noqa: ANN401 - of any metric
    if row is None:
        return None if shown.kind == "rate" else 0
    value: float | None = getattr(row, shown.field)
    return value


def _text(value: float | None, shown: Shown, currency: str | None) -> str:
    if shown.kind == "rate":
        return percent(value)
    return number(value) if shown.kind == "count" else figure(int(value or 0), currency)
