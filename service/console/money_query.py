"""What the pages about money are asked: periods, both clocks, a product; and its question."""

import re
from contextlib import AbstractAsyncContextManager
from datetime import date, datetime
from zoneinfo import ZoneInfo

from msgspec import Struct
from msgspec.structs import asdict

from service.console.view import View
from service.database.reader import Queryable
from service.problems import Problem, invalid
from service.queries.metric_known import Booking, MetricQuestion
from service.queries.metric_questions import Periods, metric_question
from service.queries.periods import Interval, known_zone
from service.store.positions import PATTERN, Position, parse

_DAYS = "a day such as 2026-03-31, or the position of an answer"


class MoneyQuery(Struct, frozen=True, kw_only=True):
    """The filters, as the form and the links have them; a month is a month of the zone ``tz``."""

    interval: Interval = "month"
    since: date | None = None
    until: date | None = None
    tz: str = "UTC"
    known_at: str = ""
    product_id: str = ""
    booked_by: Booking = "created_at"

    @property
    def given(self) -> dict[str, str]:
        """What links to other pages about money repeat: all that differs from the default."""
        plain = asdict(MoneyQuery())
        return {n: str(v) for n, v in asdict(self).items() if n in plain and v != plain[n]}

    @property
    def is_refined(self) -> bool:
        """Whether something is asked that no link asks."""
        return any(
            (self.tz != "UTC", self.known_at, self.product_id, self.booked_by != "created_at")
        )

    @property
    def known(self) -> date | Position | None:
        """The day, or the position, up to which the book is read; None for all of it.

        Raises:
            Problem: ``invalid-parameter``.
        """
        if not self.known_at:
            return None
        try:
            if re.fullmatch(PATTERN, self.known_at):
                return parse(self.known_at)
            return date.fromisoformat(self.known_at)
        except ValueError:
            raise invalid(f"known_at: use {_DAYS}.", "known_at", self.known_at, (_DAYS,)) from None

    @property
    def zone(self) -> str:
        """The time zone.

        Raises:
            Problem: ``invalid-parameter``.
        """
        try:
            return known_zone(self.tz)
        except ValueError:
            use = "a name such as Europe/Berlin or UTC"
            reason = f"tz: {self.tz!r} is not a known time zone. Use {use}."
            raise invalid(reason, "tz", self.tz, (use,)) from None

    def connection(self, view: View) -> AbstractAsyncContextManager[Queryable]:
        """A shared connection, unless what was known is asked, or all of a product is added up."""
        plain = not (self.known_at or self.product_id)
        return view.pipelined() if plain else view.pooled()

    async def question(
        self, conn: Queryable, view: View, period: date | None = None
    ) -> MetricQuestion:
        """The question that all metrics are asked; of one period only, by its first day.

        Raises:
            Problem: ``invalid-parameter``; ``not-ready``.
        """
        today = view.now.astimezone(ZoneInfo(self.zone)).date()
        # what has not begun has no figures
        until = min(self.until, today) if self.until else None
        first, last = (self.since, until) if period is None else (period, period)
        return await metric_question(
            conn,
            view.book,
            Periods(self.interval, first, last, self.zone),
            now=view.now,
            known_at=self.known,
            product_id=self.product_id or None,
            booked_by=self.booked_by,
        )


def period_name(period: datetime, interval: Interval) -> str:
    """A period in words: ``March 2026``, ``Q1 2026``, ``week of 2 Mar 2026``, ``2 Mar 2026``."""
    if interval == "month":
        return f"{period:%B %Y}"
    if interval == "quarter":
        return f"Q{(period.month + 2) // 3} {period.year}"
    day = f"{period.day} {period:%b %Y}"
    return day if interval == "day" else f"week of {day}"


def brief_name(period: datetime, interval: Interval) -> str:
    """A period at the head of a row: ``Mar 2026``."""
    return f"{period:%b %Y}" if interval == "month" else period_name(period, interval)


def short_name(period: datetime, interval: Interval) -> str:
    """A period below a column of a chart."""
    if interval == "month":
        return f"{period:%b}" if period.month > 1 else f"{period:%b %Y}"
    if interval == "quarter":
        return period_name(period, interval)
    return f"{period.day} {period:%b}"


def day_of_period(given: str) -> date:
    """The day on which a period begins, in its time zone, as a link has it.

    Raises:
        Problem: ``invalid-parameter``.
    """
    try:
        return date.fromisoformat(given)
    except ValueError:
        reason = f"period: {given[:50]!r} is not a day such as 2026-03-01, on which one begins."
        raise Problem("invalid-parameter", f"{reason} Open it from a figure.") from None
