"""Whether a customer is entitled, now or at a moment in the past."""

from collections.abc import Collection, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from msgspec import structs

from domain.access import access as decide
from domain.events import Entry
from domain.fold import Fold, decode
from domain.past import Past
from domain.policy import Policy
from projections.disputes import DISPUTES
from projections.entitlement_grants import ENTITLEMENT_GRANTS
from projections.events import EVENTS
from projections.license_keys import LICENSE_KEYS
from projections.payments import PAYMENTS
from projections.projection import Projection
from projections.refunds import REFUNDS
from projections.subscriptions import SUBSCRIPTIONS
from service.database import statements
from service.database.reader import Queryable
from service.queries.answers import AccessAnswer
from service.queries.resources import checkpoint_of, of
from service.readmodels.folding import fold_aside
from service.readmodels.streams import Target, question_entries
from service.store.positions import Position

_DECIDING: dict[str, Projection[Any]] = {
    "subscription": SUBSCRIPTIONS,
    "payment": PAYMENTS,
    "refund": REFUNDS,
    "dispute": DISPUTES,
    "entitlement_grant": ENTITLEMENT_GRANTS,
    "license_key": LICENSE_KEYS,
}
_VIEWS = {projection.name: projection.view for projection in _DECIDING.values()}

Folds = dict[str, list[Fold[Any]]]


async def access(
    conn: Queryable, book: str, customer_id: str, now: datetime, policy: Policy
) -> AccessAnswer:
    """Whether a customer is entitled at ``now``; an unknown customer is not.

    If the database's clock is ahead of ours, the answer rests on events recorded after ``now``.
    Then ``at`` is the time of the last recorded event, provided that the decision is the same at
    that time; otherwise it is ``now``, so that a clock once hours ahead ends no access early.
    """
    # even after a restore of the database: it must not lock out paying customers
    rows, checkpoint = await _rows(conn, book, customer_id, even_lost=True)
    stale = any(row["stale"] for row in rows)
    folds: Folds = {category: [] for category in _DECIDING}
    for row in rows:
        if row["memo"] is not None:
            folds[row["category"]].append(decode(row["category"], row["memo"]))
    elsewhere = {row["id"] for row in rows if row["category"] == "elsewhere"}
    answer = _answer(customer_id, folds, now, policy, checkpoint, elsewhere, stale=stale)
    recorded_at = rows[0]["recorded_at"]
    if recorded_at is not None and recorded_at > now:
        later = _answer(customer_id, folds, recorded_at, policy, checkpoint, elsewhere, stale=stale)
        if structs.replace(later, at=now) == answer:
            return later
    return answer


async def access_past(  # noqa: PLR0913 - the query, and both clocks
    conn: Queryable,
    target: Target,
    customer_id: str,
    past: Past,
    *,
    now: datetime,
    policy: Policy,
) -> AccessAnswer:
    """Whether a customer was entitled at a past moment, or as we knew it then.

    The streams that concern the customer are those of today; each is folded as it was.
    """
    rows, checkpoint = await _rows(conn, target.book, customer_id)
    streams = {f"{row['category']}-{row['id']}" for row in rows if row["category"] is not None}
    statement = statements.bind_views("queries/streams_of_customer", view=EVENTS.view)
    params = of(target.book, customer_id=customer_id, categories=list(_DECIDING))
    indexed = await (await conn.execute(statement, params)).fetchall()
    streams |= {row["stream"] for row in indexed if row["stream"]}
    entries = await question_entries(conn, target, sorted(streams), checkpoint.number)
    folds = await fold_aside(sum(map(len, entries.values())), partial(_folded, entries, past))
    elsewhere = {row["id"] for row in rows if row["category"] == "elsewhere"}
    _keep_own(folds, customer_id)
    return _answer(customer_id, folds, past.moment(now), policy, checkpoint, elsewhere)


def _folded(by_stream: Mapping[str, list[Entry]], past: Past) -> Folds:
    folds: Folds = {category: [] for category in _DECIDING}
    for stream, entries in by_stream.items():
        if (folded := past.folded(entries)) is not None:
            folds[stream.partition("-")[0]].append(folded)
    return folds


async def _rows(
    conn: Queryable, book: str, customer_id: str, *, even_lost: bool = False
) -> tuple[list[dict[str, Any]], Position]:
    params = of(book, customer_id=customer_id)
    rows = await (
        await conn.execute(statements.bind_views("queries/access", **_VIEWS), params)
    ).fetchall()
    return rows, checkpoint_of(rows, even_lost=even_lost)


def _keep_own(folds: Folds, customer_id: str) -> None:
    """Drop what concerned the customer only at another moment."""
    for category in ("subscription", "entitlement_grant", "license_key"):
        folds[category] = [f for f in folds[category] if f.state.customer_id == customer_id]
    own = {folded.state.id for folded in folds["subscription"]}
    folds["payment"] = [
        folded
        for folded in folds["payment"]
        if folded.state.customer_id == customer_id or own & {*folded.state.subscription_ids}
    ]


def _answer(  # noqa: PLR0913, PLR0917 - the decision's inputs
    customer_id: str,
    folds: Mapping[str, list[Fold[Any]]],
    at: datetime,
    policy: Policy,
    checkpoint: Position,
    elsewhere: Collection[str],
    *,
    stale: bool = False,
) -> AccessAnswer:
    decision = decide(
        folds["subscription"],
        at,
        payments=folds["payment"],
        refunds=folds["refund"],
        disputes=folds["dispute"],
        grants=folds["entitlement_grant"],
        keys=folds["license_key"],
        elsewhere=elsewhere,
        policy=policy,
    )
    return AccessAnswer(
        customer_id=customer_id,
        entitled=decision.entitled,
        until=decision.until,
        because=decision.because,
        at=at,
        stale=stale,
        position=str(checkpoint),
    )
