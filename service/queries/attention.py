"""Groups of events that need a person's attention, and which of them a person has looked at."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from psycopg.sql import Composed

from projections.events import EVENTS
from service.database import statements
from service.database.connections import Connection
from service.database.reader import Queryable
from service.problems import Problem
from service.queries.resources import checkpoint_of, of
from service.store.audit import Act, Actor, Group, acknowledge_group


class Acknowledgement(Struct, frozen=True):
    """Who has looked at a group, when, up to which event, and what they noted.

    ``actor`` says what ``who`` is: the id of an API `key`, whose ``label`` follows, or an `account`
    of the operating system.
    """

    event_position: str
    at: datetime
    actor: Actor
    who: str
    label: str | None
    note: str


class AttentionGroup(Struct, frozen=True):
    """The events of one verdict and type.

    ``fresh`` counts those that nobody has acknowledged: they came after the acknowledged event, or
    got this verdict later because another event came late.
    """

    verdict: str
    type: str
    count: int
    fresh: int
    first_position: str
    first_at: datetime
    latest_position: str
    last_at: datetime
    acknowledged: Acknowledgement | None


class Attention(Struct, frozen=True):
    """All events that need attention, grouped by verdict and type."""

    data: list[AttentionGroup]
    position: str


async def attention(conn: Queryable, book: str, most: int | None = None) -> Attention:
    """The groups of a book by verdict and type.

    With ``most``, no more of a group are counted than so many, next to those acknowledged:
    to count all takes as long as there are many.
    """
    rows = await (
        await conn.execute(by_groups("queries/attention"), of(book, most=most))
    ).fetchall()
    groups = [_group(row) for row in rows if row["verdict"] is not None]
    return Attention(groups, str(checkpoint_of(rows)))


async def acknowledge(
    conn: Connection, book: str, group: Group, until: int, act: Act
) -> AttentionGroup:
    """Record that a person has looked at the events of a group up to a position.

    The group stays in the list; what comes later is ``fresh`` again. The last acknowledgement of a
    group counts, so one with an earlier position takes back a part of it.

    Args:
        conn: takes part in no transaction, or in that of the caller.
        book: the book.
        group: the verdict and the type.
        until: a position that the person has seen, such as ``latest_position``.
        act: who, with the note as its reason.

    Raises:
        Problem: ``not-found`` if the group has no event up to there.
    """
    statement = statements.fill("queries/attention_until", view=statements.relation(EVENTS.view))
    params = of(book, verdict=group.verdict, type=group.type, until=until)
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = checkpoint_of(rows)
    if not rows[0]["count"]:
        raise Problem(
            "not-found", f"This book has no event of type {group.type!r} that is {group.verdict},"
            f" up to position {until}."
        )  # fmt: skip
    # not what the read models have not shown to anybody
    until = min(until, checkpoint.number)
    await acknowledge_group(conn, book, group, until, rows[0]["count"], act)
    found = (await attention(conn, book)).data
    return next(one for one in found if (one.verdict, one.type) == (group.verdict, group.type))


def by_groups(name: str) -> Composed:
    """A statement that walks through the groups of events that need attention."""
    view = statements.relation(EVENTS.view)
    groups = statements.fill("queries/attention_groups", view=view)
    return statements.fill(name, view=view, groups=groups)


def _group(row: Mapping[str, Any]) -> AttentionGroup:
    acknowledged = None
    if row["acknowledged"] is not None:
        acknowledged = Acknowledgement(
            str(row["acknowledged"]), row["at"], row["actor"], row["who"], row["label"], row["note"]
        )
    return AttentionGroup(
        verdict=row["verdict"],
        type=row["type"],
        count=row["count"],
        fresh=row["fresh"],
        first_position=str(row["first"]),
        first_at=row["first_at"],
        latest_position=str(row["latest"]),
        last_at=row["last_at"],
        acknowledged=acknowledged,
    )
