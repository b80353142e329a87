"""``/console/{book}/disputes``: what must be answered by when?"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from msgspec import Struct

from domain.dispute import AWAITING, LIFECYCLE
from service.console.view import View, page
from service.database.reader import Queryable
from service.queries import disputes, paging
from service.queries.disputes import DueDispute, ReachedDispute

_ANSWERED = "challenged"
_DECIDED = tuple(s for s in LIFECYCLE.statuses if s not in {AWAITING, _ANSWERED})
_ROWS = 25
_LATEST = 10
"""How many are shown of those that await nothing."""

_SORT = "created_at"
_SOON, _A_DAY = timedelta(days=3), timedelta(days=1)

_ALL = dict.fromkeys((
    "dispute_stage", "currency", "amount_gte", "amount_lte", "created_at_gte", "created_at_lte",
))  # fmt: skip
_OPENED: Mapping[str, object] = {**_ALL, "status": AWAITING}
"""The filters of the work list that select all disputes which await an answer."""


class DisputesQuery(Struct, frozen=True):
    """Where the page begins."""

    cursor: str | None = None


class Due(Struct, frozen=True):
    """A dispute that awaits an answer, and how long there is: in words, and how urgent that is."""

    dispute: DueDispute
    left: str
    tone: str


class DisputesPage(Struct, frozen=True):
    """The work list, the most urgent first; those last answered, and those last decided.

    ``is_first`` says that the work list begins at its beginning: only then the others are shown.
    """

    due: list[Due]
    next_cursor: str | None
    is_first: bool
    overdue: int
    soon: int
    answered: list[ReachedDispute]
    more_answered: bool
    decided: list[ReachedDispute]
    more_decided: bool
    response_days: int


@page("/disputes", template="disputes.html", section="Disputes")
async def show_disputes(view: View) -> DisputesPage:
    """What is due, and what became of the rest."""
    query = view.query(DisputesQuery)
    async with view.pipelined() as conn:
        found = await _due(conn, view, _OPENED, query.cursor)
        answered = await disputes.reached(conn, view.book, (_ANSWERED,), _LATEST + 1)
        decided = await disputes.reached(conn, view.book, _DECIDED, _LATEST + 1)
    due = [Due(one, *urgency(one.respond_by, view.now)) for one in found.data]
    return DisputesPage(
        due=due,
        next_cursor=found.next_cursor,
        is_first=query.cursor is None,
        overdue=sum(one.dispute.overdue for one in due),
        soon=sum(one.tone != "plain" and not one.dispute.overdue for one in due),
        answered=answered[:_LATEST],
        more_answered=len(answered) > _LATEST,
        decided=decided[:_LATEST],
        more_decided=len(decided) > _LATEST,
        response_days=view.response_days,
    )


async def _due(
    conn: Queryable, view: View, filters: Mapping[str, object], cursor: str | None
) -> disputes.DueDisputes:
    given = {**filters, "cursor": cursor}
    return await disputes.due(
        conn, view.book, filters, response_days=view.response_days, now=view.now, limit=_ROWS,
        order=await paging.checked_order(conn, view.book, given, (_SORT,), str, view.path),
    )  # fmt: skip


def urgency(respond_by: datetime, now: datetime) -> tuple[str, str]:
    """How long there is to answer, in words, and its tone: ``bad``, ``wait`` or ``plain``."""
    left = respond_by - now
    if left <= timedelta():
        return f"overdue for {_days(-left)}", "bad"
    return f"in {_days(left)}", "plain" if left > _SOON else "wait"


def _days(length: timedelta) -> str:
    """A length in whole days, or in hours where it is less than two days."""
    if length < 2 * _A_DAY:
        hours = int(length / timedelta(hours=1))
        return "less than an hour" if not hours else f"{hours} hour{'s' * (hours != 1)}"
    return f"{length.days} days"
