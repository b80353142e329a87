"""From the bytes of an event to an entry of a stream.

A delivery says two things: a fact, ``type`` at ``timestamp``, and a snapshot, ``data``, which the
provider renders when it sends and which is therefore at least as new as the fact (its guide
"Webhooks", section "Event Ordering"). Nothing is refused here: what cannot be understood gets
the verdict that says so, and can be read again by a later version.
"""

from datetime import MAXYEAR, UTC, datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from domain.catalog import AGGREGATES, BY_CATEGORY, Aggregate
from domain.events import Entry, Event, Verdict, entry_of, is_ahead
from domain.legible import UNREADABLE, nests_too_deep, presentable, readable, unread_names
from domain.observation import read_observation
from domain.payload import Moment, Name, decode, may_hold_nul, moments, normal_moment
from domain.upcasters import current_type

P = TypeVar("P")


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
    data: Raw | UnsetType = UNSET
    type: Raw | UnsetType = UNSET


_DATA = msgspec.json.Decoder(_Data)

_TYPE = b'"type":"'

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


def read(event: Event, business_id: str | None = None) -> Entry:
    """Understand a recorded event, as far as this version can. Never raises.

    Args:
        event: the recorded delivery.
        business_id: the business that the book names, if it names one; an event of another one
            is ``foreign`` (the dashboard's example sends are signed like real ones).
    """
    if event.observation is not None:
        return read_observation(event, event.observation, business_id)
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
    has_nul = body.find(b"\\") >= 0 and may_hold_nul(body)
    if guess is None or has_nul or nests_too_deep(body):
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
        return Entry(event, kind, at, verdict="foreign", unread=unread_names(unread, broken))
    aggregate = BY_CATEGORY.get(kind.partition(".")[0])
    if aggregate is None:
        return Entry(event, kind, at, verdict="unknown", unread=unread_names(unread, broken))
    try:
        payload, unread_data = decode(aggregate.payload, aggregate.decoder, envelope.data)
    except UNREADABLE:
        verdict: Verdict = "unreadable" if kind in aggregate.lifecycle.ranks else "unknown"
        return Entry(event, kind, at, verdict=verdict, unread=unread_names(unread, broken))
    unread = unread_names(unread + unread_data, broken)
    return entry_of(event, aggregate, kind, aggregate.lifecycle.rank(kind), at, payload, unread)


def snapshot(body: bytes) -> dict[str, Raw]:
    """The snapshot's fields as they stand in the bytes, under the provider's names, in one line.

    It is the ``data`` of a delivery, and the whole body of an observation. What no reader of JSON
    could take is replaced.

    Raises:
        msgspec.DecodeError: if the body is not a JSON object.
    """
    content = presentable(body)
    # one answer is one line, however the provider laid out its own
    whole = msgspec.json.format(content, indent=-1) if b"\n" in content else content
    envelope = _DATA.decode(whole)
    # no resource of the provider has both, and a delivery without data has no snapshot
    data = whole if envelope.data is UNSET or envelope.type is UNSET else envelope.data
    return msgspec.json.decode(data, type=dict[str, Raw])
