"""``/console/{book}``: is anything wrong now?"""

from asyncio import gather
from datetime import datetime

from msgspec import Struct

from service.console.charts import Column
from service.console.checks import Check, ask, checks
from service.console.disputes import OPENED, Due, urgency
from service.console.view import View, page
from service.console.wording import MOST_COUNTED, counted
from service.queries import disputes, paging, resources
from service.queries.activity import Activity, activity

_DUE_SHOWN = 5


class HomePage(Struct, frozen=True):
    """What to look at now, what came in the last day, and the disputes due next."""

    checks: list[Check]
    activity: list[Activity]
    columns: list[Column]
    due: list[Due]
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
            disputes.due(
                conn, view.book, OPENED, response_days=view.response_days, now=view.now,
                limit=_DUE_SHOWN, order=paging.order({}, ("created_at",), str, view.path),
            ),
            ask(conn, view),
        )  # fmt: skip
    last = webhooks.get(view.book)
    found = checks(asked, view, last, due.data[0] if due.data else None)
    columns = [_column(hour) for hour in came.data]
    shown = [Due(one, *urgency(one.respond_by, view.now)) for one in due.data]
    return HomePage(found, came.data, columns, shown, due.next_cursor is not None, last)


def _column(hour: Activity) -> Column:
    parts = (("plain", float(hour.events - hour.attention)), ("wait", float(hour.attention)))
    said = f"{hour.events} events, {counted(hour.attention)} for a person to look at"
    return Column(f"{hour.at:%H}", parts, f"{hour.at:%H:%M} UTC: {said}")
