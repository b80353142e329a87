"""Events as the store holds them, and entries of streams: events as they were understood.

An event comes from one of two sources. A delivery is a webhook: it states a fact and carries a
snapshot. An observation is an answer of the provider's API: a snapshot without a fact.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal, get_args

from msgspec import Struct

from domain.catalog import Aggregate
from domain.payload import Customer

Verdict = Literal[
    "applied", "confirmed", "inferred", "unexpected", "unknown", "unreadable", "foreign"
]
"""Our verdict on an event; stored in read models and returned by the API."""

ATTENTION = frozenset(get_args(Verdict)) - {"applied", "confirmed"}
"""The verdicts that need a person's attention."""

Key = tuple[datetime, int, datetime, str, bytes]
"""The order of a stream: when it happened, rank of the type, when it was sent, webhook-id, hash
of the body. All signed or in the body, so that arrival cannot change it."""


_NO_KEY: Key = (datetime.min.replace(tzinfo=UTC), 0, datetime.min.replace(tzinfo=UTC), "", b"")


# sent_at has whole seconds, and is of another clock
TOLERANCE = timedelta(seconds=5)
"""How far apart the clocks of an event and of its sending may be, and how soon is at once."""


class Event(Struct, frozen=True, gc=False):
    """A recorded event, as the store holds it. Times are UTC; ``sent_at`` has whole seconds.

    Attributes:
        webhook_id: of a delivery; of an observation a name for what was read.
        sent_at: when a delivery was sent; the ``Date`` of an observation.
        revision: how many other tellings of its webhook-id were recorded before a delivery.
        observation: what was asked for an observation, as JSON (``observation.Asked``); None of a
            delivery.
    """

    position: int
    webhook_id: str
    sent_at: datetime
    recorded_at: datetime
    body_sha256: bytes
    body: bytes
    revision: int = 0
    observation: str | None = None


class Observed(Struct, frozen=True, array_like=True, gc=False):
    """What an entry is that was read at the provider.

    Attributes:
        lacks: the payload's fields that it leaves out because it is a row of a list, or because
            only webhooks carry them.
        listed: whether it is a row of a list.
    """

    lacks: tuple[str, ...] = ()
    listed: bool = False


class Entry(Struct, frozen=True, gc=False):
    """An event as it was understood.

    Attributes:
        type: the provider's type, by its name of today; empty where the body names none, as in an
            observation.
        occurred_at: the body's ``timestamp``, of a ledger row its own time; ``sent_at`` where
            that cannot be read; of an observation the earliest moment at which it can have been
            rendered.
        aggregate, id: the stream that the entry belongs to; None where it belongs to none.
        payload: the aggregate's payload, present where there is a stream.
        status: the snapshot's status in our spelling; None where the snapshot has none.
        customer: whom it concerns, where it says so.
        verdict: set where nothing is left for the fold to decide.
        unread: the fields that could not be read.
        stream: the stream's name, ``category-id``: a name that people type and that is stored.
        key: the entry's place in its stream.
        observed: set for an observation, None for a delivery.
    """

    event: Event
    type: str
    occurred_at: datetime
    aggregate: Aggregate | None = None
    id: str = ""
    payload: Any = None
    status: str | None = None
    customer: Customer | None = None
    verdict: Verdict | None = None
    unread: tuple[str, ...] = ()
    stream: str | None = None
    key: Key = _NO_KEY
    observed: Observed | None = None


def is_ahead(at: datetime, sent_at: datetime) -> bool:
    """Whether an event is stamped implausibly: nothing is sent before it happens."""
    return at > sent_at + TOLERANCE


def entry_of(  # noqa: PLR0913, PLR0917 - all that an entry has
    event: Event,
    aggregate: Aggregate,
    kind: str,
    rank: int,
    at: datetime,
    payload: Any,  # noqa: ANN401 - of the aggregate's type
    unread: tuple[str, ...],
    observed: Observed | None = None,
) -> Entry:
    """The entry that an event with this payload is."""
    identity, status = payload.id, payload.status
    if observed is not None and status is None:
        # the provider gives a balance no status: there it is
        status = aggregate.only_status
    if status is not None and status not in aggregate.lifecycle.known:
        # grants come capitalised on the wire, disputes with a prefix
        status = status.lower().removeprefix(aggregate.status_prefix)
    if aggregate.immutable:
        at = moment_of(event, aggregate, at, payload)
    return Entry(
        event,
        kind,
        at,
        aggregate,
        identity,
        payload,
        status,
        payload.who,
        None,
        unread,
        f"{aggregate.category}-{identity}",
        (at, rank, event.sent_at, event.webhook_id, event.body_sha256),
        observed,
    )


def moment_of(
    event: Event,
    aggregate: Aggregate,
    at: datetime,
    payload: Any,  # noqa: ANN401 - of the aggregate's type
) -> datetime:
    """When it happened that an event stamped ``at`` tells of.

    A row that never changes stands by its own ``created_at``, however late it is sent and however
    often; but nothing is sent before it is made.
    """
    made = payload.created_at if aggregate.immutable else None
    return at if made is None or made - event.sent_at > TOLERANCE else made
