"""Is this customer entitled: now, or at a moment in the past, as far as it was known."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from domain.access import Policy, paid_periods
from domain.access import access as decide
from domain.fold import Fold, decode
from projections.entitlement_grants import ENTITLEMENT_GRANTS
from projections.events import EVENTS
from projections.payments import PAYMENTS
from projections.projection import Projection
from projections.subscriptions import SUBSCRIPTIONS
from service import sql
from service.answers import AccessAnswer
from service.past import Past
from service.reader import Reading
from service.reads import checkpoint_of, of
from service.streams import Target, stream_entries

_DECIDING: dict[str, Projection[Any]] = {
    "subscription": SUBSCRIPTIONS,
    "entitlement_grant": ENTITLEMENT_GRANTS,
    "payment": PAYMENTS,
}
_VIEWS = {projection.name: projection.view for projection in _DECIDING.values()}


async def access(
    conn: Reading, book: str, customer_id: str, at: datetime, policy: Policy
) -> AccessAnswer:
    """Whether a customer is entitled at ``at``; one of whom nothing is recorded is not."""
    params = of(book, customer_id=customer_id, at=at)
    rows = await (await conn.execute(sql.over("read/access", **_VIEWS), params)).fetchall()
    checkpoint, stale = checkpoint_of(rows), any(row["stale"] for row in rows)
    folds: dict[str, list[Fold[Any]]] = {category: [] for category in _DECIDING}
    for row in rows:
        if row["category"] is not None:
            folds[row["category"]].append(decode(row["category"], row["memo"]))
    return _answer(customer_id, folds, at, policy, checkpoint, stale=stale)


async def access_past(  # noqa: PLR0913 - the question, and both clocks
    conn: Reading,
    target: Target,
    customer_id: str,
    asked: Past,
    *,
    now: datetime,
    policy: Policy,
) -> AccessAnswer:
    """The same as it was at a moment, as it was known at one: folded afresh from the events."""
    statement = sql.over("read/streams_of_customer", view=EVENTS.view)
    params = of(target.book, customer_id=customer_id, categories=list(_DECIDING))
    rows = await (await conn.execute(statement, params)).fetchall()
    checkpoint = checkpoint_of(rows)
    folds: dict[str, list[Fold[Any]]] = {category: [] for category in _DECIDING}
    for stream in (row["stream"] for row in rows if row["stream"]):
        folded = asked.folded(await stream_entries(conn, target, stream, checkpoint))
        if folded is not None and folded.state.customer_id == customer_id:
            folds[stream.partition("-")[0]].append(folded)
    return _answer(customer_id, folds, asked.moment(now), policy, checkpoint)


def _answer(  # noqa: PLR0913 - what is decided, and what it rests on
    customer_id: str,
    folds: Mapping[str, list[Fold[Any]]],
    at: datetime,
    policy: Policy,
    checkpoint: int,
    *,
    stale: bool = False,
) -> AccessAnswer:
    decided = decide(
        folds["subscription"],
        at,
        grants=folds["entitlement_grant"],
        paid_until=paid_periods(folds["payment"]),
        policy=policy,
    )
    return AccessAnswer(
        customer_id=customer_id,
        entitled=decided.entitled,
        until=decided.until,
        because=decided.because,
        at=at,
        stale=stale,
        position=str(checkpoint),
    )
