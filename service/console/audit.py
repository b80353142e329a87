"""``/console/{book}/audit``: who did what, when and why?"""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import get_args

from msgspec import Struct
from msgspec.structs import asdict, replace

from service.console.view import View, page
from service.queries import audit, paging
from service.queries.audit import AuditEntry, AuditFilter
from service.store.audit import Action

_ROWS = 50

DONE: Mapping[str, str] = {
    "create_key": "created the API key",
    "revoke_key": "revoked the API key",
    "retry": "retried the stream",
    "rebuild": "rebuilt",
    "undo_rebuild": "undid the rebuild of",
    "apply": "applied the comparison",
    "acknowledge": "acknowledged",
    "preview": "previewed a rebuild of",
    "compare": "compared the book",
}
"""Each action as a verb, which its subject follows."""


class AuditQuery(Struct, frozen=True):
    """The filters, as the form and the links have them."""

    action: Action | None = None
    who: str = ""
    subject: str = ""
    since: date | None = None
    until: date | None = None
    cursor: str | None = None

    @property
    def is_filtered(self) -> bool:
        """Whether any filter is set."""
        return self != AuditQuery(cursor=self.cursor)

    @property
    def given(self) -> dict[str, str]:
        """What links to other pages of the same list repeat."""
        named = asdict(replace(self, cursor=None))
        return {name: str(value) for name, value in named.items() if value}

    @property
    def wanted(self) -> AuditFilter:
        """The filters as the query takes them; days are whole, in UTC."""
        return AuditFilter(
            action=self.action,
            who=self.who or None,
            subject=self.subject or None,
            since=_at(self.since, time.min),
            until=_at(self.until, time.max),
        )


class Chip(Struct, frozen=True):
    """A filter that is a link."""

    name: str
    query: dict[str, str]
    is_current: bool


class Told(Struct, frozen=True):
    """An entry as a sentence: ``done`` what, and the ``path`` of it, if it has a page."""

    entry: AuditEntry
    done: str
    path: tuple[str, ...]


class AuditPage(Struct, frozen=True):
    """A page of actions, the latest first."""

    query: AuditQuery
    chips: list[Chip]
    told: list[Told]
    next_cursor: str | None


@page("/audit", template="audit.html", section="Audit", scope="audit")
async def show_audit(view: View) -> AuditPage:
    """The latest actions that match all filters."""
    query = view.query(AuditQuery)
    given = {**query.given, "cursor": query.cursor}
    order = paging.order(given, ("-at",), str, view.path)
    async with view.pooled() as conn:
        found = await audit.audit(conn, view.book, query.wanted, _ROWS, order)
    told = [_told(entry) for entry in found.data]
    return AuditPage(query, _chips(query), told, found.next_cursor)


def _told(entry: AuditEntry) -> Told:
    # a later version may have done what this one has no words for
    done = DONE.get(entry.action, f"{entry.action.replace('_', ' ')}:")
    path: tuple[str, ...] = ()
    match entry.action:
        case "apply":
            path = ("reconcile", entry.subject)
        case "acknowledge":
            path = ("attention",)
        case "create_key" | "revoke_key" | "rebuild" | "undo_rebuild" | "preview":
            path = ("operations",)
    return Told(entry, done, path)


def _chips(query: AuditQuery) -> list[Chip]:
    plain = replace(query, action=None, cursor=None)
    current = replace(query, cursor=None)
    of_action = [(name, replace(plain, action=name)) for name in get_args(Action)]
    choices = [("everything", plain), *((n.replace("_", " "), q) for n, q in of_action)]
    return [Chip(name, chosen.given, chosen == current) for name, chosen in choices]


def _at(day: date | None, of_day: time) -> datetime | None:
    return None if day is None else datetime.combine(day, of_day, UTC)
