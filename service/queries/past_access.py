"""Whether customers were entitled at a moment in the past, or as we knew it then."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from domain.events import Entry
from domain.fold import Fold
from domain.paid import subscriptions_named_by
from domain.past import Past
from domain.policy import Policy
from projections.events import EVENTS
from service.database import statements
from service.database.reader import Queryable
from service.queries.access import (
    DECIDING,
    Held,
    Rows,
    by_customer,
    decided,
    elsewhere_of,
    held_rows,
)
from service.queries.answers import AccessAnswer, AccessAnswers
from service.queries.resources import checkpoint_of
from service.readmodels.folding import fold_aside
from service.readmodels.streams import Target, question_entries

_OWN = ("subscription", "entitlement_grant", "license_key")


async def past_access_of(  # noqa: PLR0913 - the query, and both clocks
    conn: Queryable,
    target: Target,
    customer_id: str,
    past: Past,
    *,
    now: datetime,
    policy: Policy,
) -> AccessAnswer:
    """Whether a customer was entitled at a past moment, or as we knew it then."""
    answers = await past_access_of_customers(
        conn, target, [customer_id], past, now=now, policy=policy
    )
    return answers.data[0]


async def past_access_of_customers(  # noqa: PLR0913 - as for one
    conn: Queryable,
    target: Target,
    customer_ids: Sequence[str],
    past: Past,
    *,
    now: datetime,
    policy: Policy,
) -> AccessAnswers:
    """The same for several customers, in the order of ``customer_ids``.

    The streams that concern a customer are those of today; each is folded as it was.

    Raises:
        Problem: ``too-many-events``; ``busy``.
    """
    rows = await held_rows(conn, target.book, customer_ids)
    checkpoint = checkpoint_of(rows)
    heard = await _heard(conn, target.book, customer_ids, past)
    streams = {customer_id: _streams(found) for customer_id, found in heard.items()}
    for row in rows:
        if row["category"] is not None:
            streams[row["customer_id"]].add(f"{row['category']}-{row['id']}")
    every = sorted({stream for some in streams.values() for stream in some})
    entries = await question_entries(conn, target, every, past.known_until(checkpoint.number))
    by_id = by_customer(customer_ids, rows)

    def decide() -> list[AccessAnswer]:
        folds, at = _folded(entries, past), past.moment(now)
        held = [_held_then(i, folds, streams[i], by_id[i]) for i in customer_ids]
        for one in held:
            one.known = one.known or any(row["known"] for row in heard[one.customer_id])
        return [decided(one, at, policy, checkpoint) for one in held]

    return AccessAnswers(await fold_aside(sum(map(len, entries.values())), decide), str(checkpoint))


async def _heard(
    conn: Queryable, book: str, customer_ids: Sequence[str], past: Past
) -> dict[str, Rows]:
    """Which streams the index names for each customer, and whether the customer was known then."""
    statement = statements.bind_views("queries/streams_of_customers", view=EVENTS.view)
    # a position is exact, and stands instead of the time at which it was recorded
    known_at = past.known_at if past.until is None else None
    params = {
        "book": book, "customer_ids": list(customer_ids), "categories": list(DECIDING),
        "as_of": past.until_moment, "known_at": known_at, "until": past.until,
    }  # fmt: skip
    rows = await (await conn.execute(statement, params)).fetchall()
    return by_customer(customer_ids, rows)


def _streams(rows: Rows) -> set[str]:
    return {row["stream"] for row in rows if row["stream"] is not None}


def _folded(entries: Mapping[str, list[Entry]], past: Past) -> dict[str, Fold[Any]]:
    """The streams as they were, without those of which nothing had happened or was known."""
    folds = {stream: past.folded(told) for stream, told in entries.items()}
    return {stream: folded for stream, folded in folds.items() if folded is not None}


def _held_then(
    customer_id: str, folds: Mapping[str, Fold[Any]], streams: Iterable[str], rows: Rows
) -> Held:
    """What the book held, without what concerned the customer only at another moment."""
    held = Held(customer_id, elsewhere=elsewhere_of(rows))
    for stream in sorted(streams):
        if (folded := folds.get(stream)) is not None:
            held.folds[stream.partition("-")[0]].append(folded)
    folds_of = held.folds
    named = subscriptions_named_by(customer_id, folds_of["payment"])
    for category in _OWN:
        folds_of[category] = [
            folded
            for folded in folds_of[category]
            if folded.state.customer_id == customer_id
            or (folded.state.customer_id is None and folded.state.id in named)
        ]
    own = {folded.state.id for folded in folds_of["subscription"]}
    folds_of["payment"] = [
        folded
        for folded in folds_of["payment"]
        if folded.state.customer_id == customer_id or own & {*folded.state.subscription_ids}
    ]
    # refunds and disputes are of payments, which may be another's
    held.known = any(folds_of[category] for category in (*_OWN, "payment"))
    return held
