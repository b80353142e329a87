"""New events, and the hash chain that they are linked into.

The chain, version 1. Each event's ``link`` is SHA-256 over the previous event's link (32 zero
bytes before the first) and every stored column but the body, with the body's hash in its place,
in this canonical encoding:

    "daybook-link-1" ‖ previous link ‖ field ‖ field ‖ …

The fields, in this order: book, position, source, webhook_id, revision, sent_at, recorded_at,
webhook_timestamp, webhook_signature, headers, verified_by, body_sha256, salt. Each is its length
as 8 bytes, big-endian, and its bytes; NULL is the length 2^64-1 and no bytes. Text is UTF-8,
numbers are decimal text, times are decimal text of the microseconds since 1970-01-01T00:00Z.

A link must not reveal a body that was erased, to somebody who guesses it. The signature hides a
delivery's; every other event has 32 random bytes for that, its ``salt``.
"""

import struct
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import ClassVar, Literal

from msgspec import Struct

LINK = b"daybook-link-1"
"""What every preimage of a link begins with: the version of the encoding."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

_length = struct.Struct(">Q").pack
_NULL = _length(2**64 - 1)

Source = Literal["webhook", "api"]
"""Where an event comes from."""


def fingerprint(secret: str) -> str:
    """A short name for a webhook's secret that does not reveal it: ``verified_by`` of an event."""
    return sha256(b"daybook-secret-1" + secret.encode()).hexdigest()[:16]


class Delivery(Struct, frozen=True, gc=False):
    """A verified request that is not yet recorded.

    ``webhook_timestamp`` and ``webhook_signature`` are verbatim; ``headers`` is a JSON object of
    the other stored request headers; ``verified_by`` is the fingerprint of the secret.
    """

    webhook_id: str
    sent_at: datetime
    webhook_timestamp: str
    webhook_signature: str
    headers: str
    verified_by: str
    body: bytes
    body_sha256: bytes

    source: ClassVar[Source] = "webhook"
    salt: ClassVar[None] = None


class Observation(Struct, frozen=True, gc=False):
    """A resource that was read at the provider and is not yet recorded.

    ``webhook_id`` names what was read, such as ``GET /subscriptions/sub_1``; ``headers`` is a
    ``domain.observation.Asked`` as JSON; ``verified_by`` is the fingerprint of the API key. It was
    compared with what the book knew at the position ``compared_at``.
    """

    webhook_id: str
    sent_at: datetime
    headers: str
    verified_by: str | None
    body: bytes
    body_sha256: bytes
    salt: bytes
    compared_at: int

    source: ClassVar[Source] = "api"
    webhook_timestamp: ClassVar[None] = None
    webhook_signature: ClassVar[None] = None


NewEvent = Delivery | Observation
"""What becomes an event when it is recorded."""


class Columns(Struct, frozen=True, gc=False):
    """The columns of a recorded event that its link covers, of any source."""

    source: str
    webhook_id: str
    sent_at: datetime
    webhook_timestamp: str | None
    webhook_signature: str | None
    headers: str
    verified_by: str | None
    body_sha256: bytes
    salt: bytes | None


def compute_link(  # noqa: PLR0913, PLR0917 - all that the link covers
    previous: bytes,
    book: str,
    position: int,
    revision: int,
    recorded_at: datetime,
    event: NewEvent | Columns,
) -> bytes:
    """Compute the link of an event, as the chain above defines it."""
    return sha256(link_preimage(previous, book, position, revision, recorded_at, event)).digest()


def link_preimage(  # noqa: PLR0913, PLR0917 - all that the link covers
    previous: bytes,
    book: str,
    position: int,
    revision: int,
    recorded_at: datetime,
    event: NewEvent | Columns,
) -> bytes:
    """What the link of an event is the SHA-256 of."""
    fields = (
        book.encode(),
        b"%d" % position,
        event.source.encode(),
        event.webhook_id.encode(),
        b"%d" % revision,
        b"%d" % _micros(event.sent_at),
        b"%d" % _micros(recorded_at),
        _utf8(event.webhook_timestamp),
        _utf8(event.webhook_signature),
        event.headers.encode(),
        _utf8(event.verified_by),
        event.body_sha256,
        event.salt,
    )
    prefixed = [
        part
        for field in fields
        for part in ((_NULL,) if field is None else (_length(len(field)), field))
    ]
    return b"".join([LINK, previous, *prefixed])


def _utf8(value: str | None) -> bytes | None:
    return None if value is None else value.encode()


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // _MICROSECOND
