"""From what somebody asks to the question that a metric answers."""

from datetime import date, datetime

from msgspec import Struct

from service.database.reader import Queryable
from service.queries import resources
from service.queries.clocks import known_by
from service.queries.metric_known import Booking, MetricQuestion
from service.queries.periods import Interval, span
from service.store.positions import Position


class Periods(Struct, frozen=True):
    """The periods that somebody asks for, as ``span`` takes them."""

    interval: Interval = "month"
    first: date | None = None
    last: date | None = None
    zone: str = "UTC"


async def metric_question(  # noqa: PLR0913 - all that may be asked
    conn: Queryable,
    book: str,
    periods: Periods,
    *,
    now: datetime,
    known_at: date | Position | None = None,
    product_id: str | None = None,
    booked_by: Booking = "created_at",
) -> MetricQuestion:
    """The question; without a last period, they end with what was known at ``known_at``.

    Raises:
        Problem: ``invalid-parameter``; ``not-ready`` before the book is opened; ``behind`` where
            the read models have not come to ``known_at`` yet.
    """
    known = await known_by(conn, book, known_at, now)
    end = known.moment if known and known.position else now
    return MetricQuestion(
        target=await resources.target_of(conn, book),
        span=span(periods.interval, periods.first, periods.last, end, periods.zone),
        known=known,
        product_id=product_id,
        booked_by=booked_by,
    )
