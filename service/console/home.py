"""``/console/{book}``: is anything wrong now?"""

from asyncio import gather
from datetime import datetime

from msgspec import Struct

from service.console.charts import Column
from service.console.checks import Check, ask, checks
from service.console.disputes import urgency
from service.console.view import View, page
from service.console.wording import MOST_COUNTED, counted
from service.queries import disputes, resources
from service.queries.activity import Activity, activity
from service.queries.disputes import FirstDue

_DUE_SHOWN = 5


class Next(Struct, frozen=True):
    """A dispute that awaits an answer, and how long there is: in words, and how urgent that is."""

    dispute: FirstDue
    left: str
    tone: str


class HomePage(Struct, frozen=True):
    """What to look at now, what came in the last day, and the disputes due next."""

    checks: list[Check]
    activity: list[Activity]
    columns: list[Column]
    due: list[Next]
    more_due: bool
    last_webhook_at: datetime | None

    @property
    def wrong(self) -> int:
        """How many checks somebody should look at."""
        return sum(check.tone in {"bad", "wait"} for check in self.checks)

    @property
    def total(self) -> int:
        """The events of the last day."""
        return sum(hour.events for hour in self.activity)


@page("", template="home.html", section="Today")
async def home(view: View) -> HomePage:
    """What somebody on call sees first."""
    async with view.pipelined() as conn:
        # not the last event: readings at the provider come even if no webhook does
        webhooks, came, due, asked = await gather(
            resources.last_webhooks(conn, [view.book]),
            activity(conn, view.book, "hour", view.now, refusals=False, most=MOST_COUNTED),
            disputes.first_due(conn, view.book, view.response_days, _DUE_SHOWN + 1),
            ask(conn, view),
        )  # fmt: skip
    last = webhooks.get(view.book)
    found = checks(asked, view, last, due[0] if due else None)
    columns = [_column(hour) for hour in came.data]
    shown = [Next(one, *urgency(one.respond_by, view.now)) for one in due[:_DUE_SHOWN]]
    return HomePage(found, came.data, columns, shown, len(due) > _DUE_SHOWN, last)


def _column(hour: Activity) -> Column:
    parts = (("plain", float(hour.events - hour.attention)), ("wait", float(hour.attention)))
    said = f"{hour.events} events, {counted(hour.attention)} for a person to look at"
    return Column(f"{hour.at:%H}", parts, f"{hour.at:%H:%M} UTC: {said}")
