"""Observations: resources as the provider's API showed them.

An observation is a snapshot without a fact. It was rendered while the request was under way: after
the request began, and before the answer's ``Date`` had passed. Both ends are told by the provider's
clock, which also stamps the facts: ``Date``, and ``Date`` less the time that the answer took. It
stands at the earlier end; facts until the later one may explain what it shows.
"""

from datetime import datetime, timedelta

import msgspec
from msgspec import Raw, Struct

from domain.catalog import BY_CATEGORY
from domain.events import Entry, Event, Observed, Verdict, entry_of
from domain.legible import UNREADABLE, readable, unread_names
from domain.payload import Customer, Moment, Name, decode

CUSTOMER = "customer"
"""The kind of resource that has no lifecycle: an observation of it says who somebody is."""


class Asked(Struct, frozen=True, omit_defaults=True):
    """What was asked at the provider, and when; stored with each observation.

    Attributes:
        kind: the category of the resource, such as ``subscription``, or ``customer``.
        path: what was asked, with its query.
        requested_at, answered_at: when the request began and the answer ended, by our clock.
        listed: whether the resource is a row of a list, which leaves fields out.
        date: the answer's ``Date``, in whole seconds; None if it had none.

    A ``Date`` that lies ahead of our clock by more than five minutes does not count: nothing that
    happens until then could change what the reading shows.
    """

    kind: Name
    path: str
    requested_at: Moment
    answered_at: Moment
    listed: bool = False
    date: Moment | None = None

    @property
    def is_ahead(self) -> bool:
        """Whether the ``Date`` cannot be true."""
        return self.date is not None and self.date - self.answered_at > _AHEAD

    @property
    def sent_at(self) -> datetime:
        """When the answer was sent, in whole seconds: its ``Date``, or else by our clock."""
        if self.date is None or self.is_ahead:
            return self.answered_at.replace(microsecond=0)
        return self.date

    @property
    def rendered_after(self) -> datetime:
        """The earliest moment at which the resource can have been rendered."""
        if self.date is None or self.is_ahead:
            return self.requested_at
        return self.date - max(self.answered_at - self.requested_at, _NO_TIME)


_NO_TIME = timedelta()

# as far ahead as a webhook may be stamped
_AHEAD = timedelta(minutes=5)


class _Owned(Struct, frozen=True, gc=False):
    business_id: str | None = None


_ASKED = msgspec.json.Decoder(Asked)
_FIELDS = msgspec.json.Decoder(dict[str, Raw])
_OWNED = msgspec.json.Decoder(_Owned)
_CUSTOMER = msgspec.json.Decoder(Customer)


def read_observation(event: Event, observation: str, business_id: str | None) -> Entry:
    """Understand a recorded observation, as far as this version can. Never raises.

    The arguments are those of ``reading.read``; ``observation`` is the event's.
    """
    try:
        asked = _ASKED.decode(observation)
    except UNREADABLE:
        return Entry(event, "", event.sent_at, verdict="unreadable", observed=Observed())
    at = min(asked.rendered_after, event.sent_at)
    body, broken = readable(event.body)
    try:
        fields = _FIELDS.decode(body)
        if _is_foreign(body, business_id):
            return _without_stream(event, at, "foreign", asked)
        if asked.kind == CUSTOMER:
            customer, unread = decode(Customer, _CUSTOMER, body)
            names = unread_names(unread, broken)
            return _without_stream(event, at, "confirmed", asked, customer, names)
        aggregate = BY_CATEGORY.get(asked.kind)
        if aggregate is None:
            return _without_stream(event, at, "unknown", asked)
        payload, unread = decode(aggregate.payload, aggregate.decoder, body)
    except UNREADABLE:
        return _without_stream(event, at, "unreadable", asked)
    lacks = tuple(
        name
        for name, encoded in aggregate.fields
        if encoded not in fields
        and aggregate.webhook_only.get(name, "*" if asked.listed else "") in {"*", payload.status}
    )
    return entry_of(
        event,
        aggregate,
        "",
        aggregate.lifecycle.rank(""),
        at,
        payload,
        (*unread_names(unread, broken), *(("Date",) if asked.is_ahead else ())),
        Observed(lacks, asked.listed),
    )


def _is_foreign(body: bytes, business_id: str | None) -> bool:
    """Whether a resource names another business than the book; rows of lists name none."""
    try:
        named = _OWNED.decode(body).business_id
    except msgspec.ValidationError:
        return False
    # what cannot be read names none
    return bool(business_id and named and named not in {business_id, "\0"})


def _without_stream(  # noqa: PLR0913, PLR0917 - all that such an entry has
    event: Event,
    at: datetime,
    verdict: Verdict,
    asked: Asked,
    customer: Customer | None = None,
    unread: tuple[str, ...] = (),
) -> Entry:
    key = (at, 0, event.sent_at, event.webhook_id, event.body_sha256)
    return Entry(
        event, "", at, customer=customer, verdict=verdict, unread=unread, key=key,
        observed=Observed(listed=asked.listed),
    )  # fmt: skip
