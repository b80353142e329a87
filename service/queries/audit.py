"""The audit log: a page of who did what to a book, when and why."""

from datetime import UTC, datetime

from msgspec import Struct, convert

from service.database.reader import Queryable
from service.database.statements import text
from service.queries.paging import Cursor, Order
from service.store.audit import Action, Actor
from service.store.positions import BEGINNING

_LAST = datetime.max.replace(tzinfo=UTC)


class AuditFilter(Struct, frozen=True, kw_only=True):
    """Which entries; None does not filter."""

    action: Action | None = None
    who: str | None = None
    subject: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditEntry(Struct, frozen=True):
    """One action: ``who`` did ``action`` to ``subject``, for the ``reason`` given.

    ``actor`` says what ``who`` is: the id of an API `key`, whose ``label`` follows; a `person` at
    the console, by the name that a proxy asserts; an `account` of the operating system that ran a
    command, as `account@host`; or the `service` itself.
    ``request_id`` is that of the request, null for a command.
    """

    audit_id: str
    at: datetime
    # a later version, at work on the same database, may know others
    action: str
    actor: Actor
    who: str
    label: str | None
    subject: str
    reason: str | None
    request_id: str | None


class AuditPage(Struct, frozen=True):
    """A page of actions, the latest first; pass ``next_cursor`` for more, null on the last page."""

    data: list[AuditEntry]
    next_cursor: str | None


async def audit(
    conn: Queryable, book: str, wanted: AuditFilter, limit: int, order: Order[str]
) -> AuditPage:
    """A page of what was done to a book, the latest first."""
    after = order.after or Cursor(b"", "", _LAST, "", 0, b"")
    params = {
        "book": book, "before": after.at, "last": after.key, "limit": limit + 1,
        "action": wanted.action, "who": wanted.who, "subject": wanted.subject,
        "since": wanted.since, "until": wanted.until,
    }  # fmt: skip
    rows = await (await conn.execute(text("queries/audit"), params)).fetchall()
    found = [convert(row, AuditEntry) for row in rows[:limit]]
    following = None
    if len(rows) > limit:
        following = order.following(found[-1].at, found[-1].audit_id, BEGINNING)
    return AuditPage(found, following)
