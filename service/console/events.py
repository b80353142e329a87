"""``/console/{book}/events``: what came? With filters that are links, and a live tail."""

from datetime import UTC, date, datetime, time

from msgspec import Struct
from msgspec.structs import asdict, replace

from domain.events import ATTENTION
from service.console.view import View, page
from service.console.wording import MARKS, VERDICTS
from service.queries import events, paging
from service.queries.answers import IndexedEvent

_ROWS = 25
_SORT = "-position"
_TO_LOOK_AT = "to look at"
_MEANINGS = {
    **VERDICTS,
    **MARKS,
    _TO_LOOK_AT: f"What a person should look at: {', '.join(sorted(ATTENTION))}.",
}


class EventsQuery(Struct, frozen=True):
    """The filters, as the form and the links have them."""

    verdict: str = ""
    type: str = ""
    stream: str = ""
    customer_id: str = ""
    late: bool = False
    revision: bool = False
    since: date | None = None
    until: date | None = None
    cursor: str | None = None

    @property
    def verdicts(self) -> tuple[str, ...]:
        """The verdicts; ``attention`` is all that a person should look at."""
        if self.verdict == "attention":
            return tuple(sorted(ATTENTION))
        return (self.verdict,) if self.verdict in ATTENTION else ()

    @property
    def is_filtered(self) -> bool:
        """Whether any filter is set."""
        return self != EventsQuery(cursor=self.cursor)

    @property
    def given(self) -> dict[str, str]:
        """What links to other pages of the same list repeat."""
        named = {name: value for name, value in asdict(self).items() if value and name != "cursor"}
        return {name: "true" if value is True else str(value) for name, value in named.items()}

    @property
    def filters(self) -> dict[str, object]:
        """The filters as the query takes them."""
        return {
            "verdict": [*self.verdicts],
            "type": self.type or None,
            "stream": self.stream or None,
            "customer_id": self.customer_id or None,
            "late": self.late or None,
            "revision": self.revision or None,
        }


class Chip(Struct, frozen=True):
    """A filter that is a link, and in a sentence what it lets through."""

    name: str
    query: dict[str, str]
    is_current: bool
    means: str


class EventsPage(Struct, frozen=True):
    """A page of events, the latest first; ``position`` is where the live tail goes on."""

    query: EventsQuery
    chips: list[Chip]
    events: list[IndexedEvent]
    next_cursor: str | None
    position: str


@page("/events", template="events.html", section="Events")
async def list_events(view: View) -> EventsPage:
    """The latest events that match all filters."""
    query = view.query(EventsQuery)
    async with view.pipelined() as conn:
        given = {**query.given, "cursor": query.cursor}
        found = await events.page(
            conn,
            view.book,
            {name: value or None for name, value in query.filters.items()},
            0,
            since=_at(query.since, time.min),
            until=_at(query.until, time.max),
            order=await paging.checked_order(conn, view.book, given, (_SORT,), int, view.path),
            limit=_ROWS,
        )
    return EventsPage(query, _chips(query), found.data, found.next_cursor, found.position)


def _at(day: date | None, of_day: time) -> datetime | None:
    return None if day is None else datetime.combine(day, of_day, UTC)


def _chips(query: EventsQuery) -> list[Chip]:
    plain = replace(query, verdict="", late=False, revision=False, cursor=None)
    choices = [
        ("all", plain),
        (_TO_LOOK_AT, replace(plain, verdict="attention")),
        *((verdict, replace(plain, verdict=verdict)) for verdict in sorted(ATTENTION)),
        ("late", replace(plain, late=True)),
        ("revision", replace(plain, revision=True)),
    ]
    current = replace(query, cursor=None)
    return [
        Chip(name, chosen.given, chosen == current, _MEANINGS.get(name, ""))
        for name, chosen in choices
    ]
