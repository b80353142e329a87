"""From the bytes of a delivery to an entry of a stream.

A delivery says two things: a fact, ``type`` at ``timestamp``, and a snapshot, ``data``, which the
provider renders when it sends and which is therefore at least as new as the fact (its guide
"Webhooks", section "Event Ordering"). Nothing is refused here: what cannot be understood gets
the verdict that says so, and can be read again by a later version.
"""

from collections.abc import Iterable
from datetime import MAXYEAR, UTC, datetime, timedelta
from typing import Any, Generic, Literal, TypeVar, get_args

import msgspec
from msgspec import Raw, Struct

from domain.catalog import AGGREGATES, BY_CATEGORY, Aggregate
from domain.legible import UNREADABLE, Path, presentable, readable
from domain.payload import (
    Customer,
    Moment,
    Name,
    decode,
    may_hold_nul,
    moments,
    normal_moment,
)
from domain.upcasters import current_type

P = TypeVar("P")

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
    """A recorded delivery, as the store holds it. Times are UTC; ``sent_at`` has whole seconds.

    ``revision`` is how many other tellings of its webhook-id were recorded before it.
    """

    position: int
    webhook_id: str
    sent_at: datetime
    recorded_at: datetime
    body_sha256: bytes
    body: bytes
    revision: int = 0


class Entry(Struct, frozen=True, gc=False):
    """An event as it was understood.

    Attributes:
        type: the provider's type, by its name of today; empty where the body names none.
        occurred_at: the body's ``timestamp``, of a ledger row its own time; ``sent_at`` where
            that cannot be read.
        aggregate, id: the stream that the entry belongs to; None where it belongs to none.
        payload: the aggregate's payload, present where there is a stream.
        status: the snapshot's status in our spelling; None where the snapshot has none.
        customer: whom it concerns, where it says so.
        verdict: set where nothing is left for the fold to decide.
        unread: the fields that could not be read.
        stream: the stream's name, ``category-id``: a name that people type and that is stored.
        key: the entry's place in its stream.
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


class _Envelope(Struct, frozen=True, gc=False):
    type: Name
    timestamp: Moment | None = None
    business_id: str | None = None
    data: Raw = Raw(b"")


class _Whole(Struct, Generic[P], frozen=True, gc=False):
    """The envelope with its payload, read in one pass."""

    type: Name
    timestamp: Moment
    business_id: str
    data: P


_ENVELOPE = msgspec.json.Decoder(_Envelope)


class _Data(Struct, frozen=True, gc=False):
    data: Raw


_DATA = msgspec.json.Decoder(_Data)

_TYPE = b'"type":"'

_LONGEST_NAME = 200

_ENOUGH = 4
"""Bytes of a type that tell one category from all others; whether it is that one, its rank says."""

# by what stands in the bytes of nearly every body, compact as the provider sends it
_WHOLE = {
    a.category.encode()[:_ENOUGH]: (
        a,
        msgspec.json.Decoder(_Whole[a.payload]),  # type: ignore[name-defined]
        moments(a.payload),
        a.lifecycle.ranks,
    )
    for a in AGGREGATES
}


# clocks differ: by so much an event may seem to be sent before it happened
def read(event: Event, business_id: str | None = None) -> Entry:
    """Understand a recorded event, as far as this version can. Never raises.

    Args:
        event: the recorded delivery.
        business_id: the business that the book names, if it names one; an event of another one
            is ``foreign`` (the dashboard's example sends are signed like real ones).
    """
    quick = read_at_once(event.body, event.sent_at, business_id)
    if quick is None:
        return _read_with_care(event, business_id)
    aggregate, kind, rank, at, payload = quick
    return entry_of(event, aggregate, kind, rank, at, payload, ())


Quick = tuple[Aggregate, str, int, datetime, Any]
"""An aggregate, the type of an event and its rank there, when it happened, and its payload."""


def read_at_once(body: bytes, sent_at: datetime, business_id: str | None) -> Quick | None:
    """What a body says that is as nearly all are; None of any other, which ``read`` understands."""
    start = body.find(_TYPE, 0, 200)
    if start < 0:
        start = body.rfind(_TYPE)
    start += len(_TYPE)
    guess = _WHOLE.get(body[start : start + _ENOUGH])
    # one byte is found much faster than several, and most bodies hold no backslash
    if guess is None or (body.find(b"\\") >= 0 and may_hold_nul(body)):
        return None
    aggregate, decoder, times, ranks = guess
    try:
        # the decoder does not look into the texts that it skips
        body.isascii() or body.decode()
        whole = decoder.decode(body)
    except UNREADABLE:
        return None
    kind, at, payload = whole.type, whole.timestamp, whole.data
    rank = ranks.get(kind)
    if rank is None or (business_id and whole.business_id != business_id):
        return None
    if at.tzinfo is not UTC or at.year == MAXYEAR or (at > sent_at and is_ahead(at, sent_at)):
        return None
    for moment in times(payload):
        if moment is not None and (moment.tzinfo is not UTC or moment.year == MAXYEAR):
            return None
    return aggregate, kind, rank, at, payload


def is_ahead(at: datetime, sent_at: datetime) -> bool:
    """Whether an event is stamped implausibly: nothing is sent before it happens."""
    return at > sent_at + TOLERANCE


def _read_with_care(event: Event, business_id: str | None) -> Entry:
    body, broken = readable(event.body)
    try:
        envelope, unread = decode(_Envelope, _ENVELOPE, body)
    except UNREADABLE:
        return Entry(event, "", event.sent_at, verdict="unreadable")
    at = envelope.timestamp and normal_moment(envelope.timestamp)
    if at is None or is_ahead(at, event.sent_at):
        at, unread = event.sent_at, (*unread, "timestamp")
    kind = current_type(envelope.type)
    if business_id and envelope.business_id and envelope.business_id != business_id:
        return Entry(event, kind, at, verdict="foreign", unread=_unread(unread, broken))
    aggregate = BY_CATEGORY.get(kind.partition(".")[0])
    if aggregate is None:
        return Entry(event, kind, at, verdict="unknown", unread=_unread(unread, broken))
    try:
        payload, unread_data = decode(aggregate.payload, aggregate.decoder, envelope.data)
    except UNREADABLE:
        verdict: Verdict = "unreadable" if kind in aggregate.lifecycle.ranks else "unknown"
        return Entry(event, kind, at, verdict=verdict, unread=_unread(unread, broken))
    unread = _unread(unread + unread_data, broken)
    return entry_of(event, aggregate, kind, aggregate.lifecycle.rank(kind), at, payload, unread)


def _unread(named: Iterable[str], broken: Iterable[Path]) -> tuple[str, ...]:
    """The names of the fields that could not be read, and of those that nobody reads."""
    names = dict.fromkeys(named)
    for path in broken:
        within = path[1:] if path[:1] == ("data",) else path
        # of a customer each field is named for itself
        name = ".".join(within[: 2 if within[:1] == ("customer",) else 1])
        # it is shown, and stored in a column
        name = name.replace("\0", "\ufffd")[:_LONGEST_NAME]
        if name and not names.keys() & {name, within[0]}:
            names[name] = None
    return tuple(names)


def entry_of(  # noqa: PLR0913, PLR0917 - all that an entry has
    event: Event,
    aggregate: Aggregate,
    kind: str,
    rank: int,
    at: datetime,
    payload: Any,  # noqa: ANN401 - of the aggregate's type
    unread: tuple[str, ...],
) -> Entry:
    """The entry that an event with this payload is."""
    identity, status = payload.id, payload.status
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


def snapshot(body: bytes) -> dict[str, Raw]:
    """The snapshot's fields as they stand in the bytes, under the provider's names, in one line.

    What no reader of JSON could take is replaced.

    Raises:
        msgspec.DecodeError: if the body has no readable ``data``.
    """
    content = presentable(body)
    # one answer is one line, however the provider laid out its own
    whole = msgspec.json.format(content, indent=-1) if b"\n" in content else content
    return msgspec.json.decode(_DATA.decode(whole).data, type=dict[str, Raw])
