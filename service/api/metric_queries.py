"""The parameters of metrics, and of the rows that they are made of."""

from datetime import UTC, date, datetime
from typing import Annotated, get_args

from service.api.parameters import KnownAt, choice, day_or_time, text, time_zone
from service.api.query import ListQuery, PageQuery
from service.database.connections import Connection
from service.queries.metric_known import Booking, MetricQuestion
from service.queries.metric_parts import Figure
from service.queries.metric_questions import Periods, metric_question
from service.queries.periods import Interval

_Interval = Annotated[Interval, choice("How long a period is.", get_args(Interval))]
_From = Annotated[date | None, day_or_time("Only what happened then or later.")]
_To = Annotated[date | None, day_or_time("Only what happened then or earlier.")]
_Zone = Annotated[
    str,
    time_zone(
        "The time zone in which periods begin, such as `Europe/Berlin`: a name of the IANA"
        " database."
    ),
]
_Product = Annotated[
    str | None,
    text(
        "Only what is of this product: the subscriptions to it, the payments whose cart or"
        " subscription has it (with their whole amount), and their refunds and disputes. A"
        " change to or from another product is `switched`, an `expansion` or a `contraction`."
    ),
]
_Booked = Annotated[
    Booking,
    choice(
        "The date by which they count: `created_at`, when they were made; or `status_since`,"
        " when they reached their status, such as when a refund succeeded or a dispute was"
        " lost.",
        get_args(Booking),
    ),
]
_Currency = Annotated[
    str | None, text("Only those in this currency; `none` for those that name none.")
]


class PeriodQuery(ListQuery, frozen=True, kw_only=True):
    """The parameters of every metric."""

    interval: _Interval = "month"
    created_at_gte: _From = None
    created_at_lte: _To = None
    tz: _Zone = "UTC"
    known_at: KnownAt = None


class MetricQuery(PeriodQuery, frozen=True, kw_only=True):
    """The parameters of a metric of what is sold."""

    product_id: _Product = None


class BookedQuery(MetricQuery, frozen=True, kw_only=True):
    """The parameters of a metric of things that are made at one time and decided at another."""

    booked_by: _Booked = "created_at"


class PayoutsQuery(PeriodQuery, frozen=True, kw_only=True):
    """The parameters of the metric of payouts, which belong to no product."""

    booked_by: _Booked = "created_at"


class RowsQuery(PageQuery, frozen=True, kw_only=True):
    """The parameters of the rows of every metric."""

    interval: _Interval = "month"
    created_at_gte: _From = None
    created_at_lte: _To = None
    tz: _Zone = "UTC"
    known_at: KnownAt = None
    currency: _Currency = None


class MrrRowsQuery(RowsQuery, frozen=True, kw_only=True):
    """The parameters of the rows of recurring revenue."""

    product_id: _Product = None
    figure: Annotated[
        Figure,
        choice(
            "The figure whose rows are asked for: of `mrr`, `trial` and `on_demand` the"
            " subscriptions at the end of the last period, of `mrr_at_start` those at the beginning"
            " of the first; of the others the movements in all periods.",
            get_args(Figure),
        ),
    ] = "mrr"


class BookedRowsQuery(RowsQuery, frozen=True, kw_only=True):
    """The parameters of the rows of payments, refunds and disputes."""

    product_id: _Product = None
    booked_by: _Booked = "created_at"


class PayoutRowsQuery(RowsQuery, frozen=True, kw_only=True):
    """The parameters of the rows of payouts."""

    booked_by: _Booked = "created_at"


async def question_of(
    conn: Connection, book: str, query: PeriodQuery | RowsQuery
) -> MetricQuestion:
    """What a query asks a metric of a book.

    Raises:
        Problem: as ``metric_question``.
    """
    return await metric_question(
        conn,
        book,
        Periods(query.interval, query.created_at_gte, query.created_at_lte, query.tz),
        now=datetime.now(UTC),
        known_at=query.known_at,
        product_id=getattr(query, "product_id", None),
        booked_by=getattr(query, "booked_by", "created_at"),
    )
