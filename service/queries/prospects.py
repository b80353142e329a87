"""What access a customer would have if some readings of the provider were recorded."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from domain import fold
from domain.access import Access, access
from domain.events import Entry
from domain.fold import Fold
from domain.paid import subscriptions_named_by
from domain.policy import Policy
from service.database import statements
from service.database.reader import Queryable
from service.queries.resources import VIEWS, checkpoint_of, of
from service.readmodels.streams import Target, streams_entries

_DECIDING = (
    "subscription", "payment", "refund", "dispute", "entitlement_grant", "license_key",
)  # fmt: skip

Folds = dict[str, Fold[Any]]
"""Streams by name."""


class Prospect(Struct, frozen=True):
    """A customer's access and subscriptions before and after, the latter by id."""

    customer_id: str
    before: Access
    after: Access
    subscriptions_before: Mapping[str, Fold[Any]]
    subscriptions_after: Mapping[str, Fold[Any]]


async def prospect(  # noqa: PLR0913, PLR0917 - what is asked, and of what
    conn: Queryable,
    target: Target,
    customer_id: str,
    readings: Sequence[Entry],
    now: datetime,
    policy: Policy,
    others: Collection[str] = (),
) -> Prospect:
    """A customer's access at ``now``, without and with some readings.

    Args:
        conn: the connection.
        target: the book, with the index of its events.
        customer_id: whose access it is.
        readings: the entries that would be recorded, whomever they concern.
        now: the moment.
        policy: the book's.
        others: subscriptions that others have, once the readings are recorded.

    Raises:
        Problem: ``not-ready`` while the read models are built for the first time.
    """
    statement = statements.bind_views("queries/access", **VIEWS)
    cursor = await conn.execute(statement, of(target.book, customer_id=customer_id))
    rows = await cursor.fetchall()
    checkpoint = checkpoint_of(rows)
    before: Folds = {
        f"{row['category']}-{row['id']}": fold.decode(row["category"], row["memo"])
        for row in rows
        if row["memo"] is not None
    }
    elsewhere = {row["id"] for row in rows if row["category"] == "elsewhere"}
    whole = await _with(conn, target, before, readings, checkpoint.number)
    after = _own(whole, customer_id)
    told = _of(whole, "subscription").values()
    taken = {f.state.id for f in told if f.state.customer_id not in {None, customer_id}}
    elsewhere_after = (elsewhere | {*others} | taken) - _of(after, "subscription").keys()
    return Prospect(
        customer_id,
        _access(before, elsewhere, now, policy),
        _access(after, elsewhere_after, now, policy),
        _of(before, "subscription"),
        _of(after, "subscription"),
    )


async def _with(
    conn: Queryable, target: Target, before: Folds, readings: Sequence[Entry], until: int
) -> Folds:
    """The streams with the readings among their entries."""
    after, late = dict(before), dict[str, Entry]()
    for entry in readings:
        if entry.stream is None or _category(entry.stream) not in _DECIDING:
            continue
        memo = before.get(entry.stream)
        extended = fold.extend(memo, [entry]) if memo else None
        if extended is None:
            late[entry.stream] = entry
        else:
            after[entry.stream] = extended[0]
    if late:
        known = await streams_entries(conn, target, [*late], until)
        for stream, entry in late.items():
            after[stream], _ = fold.fold([*known.get(stream, ()), entry])
    return after


def _own(folds: Folds, customer_id: str) -> Folds:
    """Those that concern the customer once the readings are in."""
    named = subscriptions_named_by(customer_id, _of(folds, "payment").values())
    own = {
        name: folded
        for name, folded in folds.items()
        if _category(name) not in {"subscription", "entitlement_grant", "license_key"}
        or folded.state.customer_id == customer_id
        or (folded.state.customer_id is None and folded.state.id in named)
    }
    mine = {f.state.id for name, f in own.items() if _category(name) == "subscription"}
    return {
        name: folded
        for name, folded in own.items()
        if _category(name) != "payment"
        or folded.state.customer_id == customer_id
        or mine.intersection(folded.state.subscription_ids)
    }


def _access(folds: Folds, elsewhere: set[str], at: datetime, policy: Policy) -> Access:
    return access(
        _of(folds, "subscription").values(),
        at,
        payments=[*_of(folds, "payment").values()],
        refunds=[*_of(folds, "refund").values()],
        disputes=[*_of(folds, "dispute").values()],
        grants=[*_of(folds, "entitlement_grant").values()],
        keys=[*_of(folds, "license_key").values()],
        elsewhere=elsewhere,
        policy=policy,
    )


def _of(folds: Folds, category: str) -> dict[str, Fold[Any]]:
    return {f.state.id: f for name, f in folds.items() if _category(name) == category}


def _category(stream: str) -> str:
    return stream.partition("-")[0]
