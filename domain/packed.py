"""Events without their bodies, packed: what the fold needs of one, to be folded later.

Not a storage format: written and read by the same version, within one rebuild.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from domain.catalog import AGGREGATES, Aggregate
from domain.events import Entry, Event, Observed, entry_of

P = TypeVar("P")


class Packed(Struct, Generic[P], frozen=True, array_like=True, gc=False):
    """What the fold needs of an event; ``payload`` is that of its aggregate."""

    position: int
    webhook_id: str
    revision: int
    sent_at: datetime
    body_sha256: bytes
    type: str
    occurred_at: datetime
    payload: P
    unread: tuple[str, ...] = ()
    observed: Observed | None = None


_ENCODER = msgspec.msgpack.Encoder()
_DECODERS: dict[str, msgspec.msgpack.Decoder[list[Packed[Any]]]] = {
    a.category: msgspec.msgpack.Decoder(list[Packed[a.payload]])  # type: ignore[name-defined]
    for a in AGGREGATES
}


def packed(  # noqa: PLR0913, PLR0917 - all that is kept
    event: Event,
    kind: str,
    at: datetime,
    payload: P,
    unread: tuple[str, ...] = (),
    observed: Observed | None = None,
) -> Packed[P]:
    """What is kept of an event of this type, which happened then."""
    return Packed(
        event.position, event.webhook_id, event.revision, event.sent_at, event.body_sha256,
        kind, at, payload, unread, observed,
    )  # fmt: skip


def pack(some: Sequence[Packed[Any]]) -> bytes:
    """Events of streams of one aggregate, as bytes."""
    return _ENCODER.encode(some)


def unpack(aggregate: Aggregate, content: bytes) -> list[Entry]:
    """Their entries; the events have no body, and ``sent_at`` for ``recorded_at``."""
    ranks, rank = aggregate.lifecycle.ranks, aggregate.lifecycle.rank
    return [
        entry_of(
            Event(p.position, p.webhook_id, p.sent_at, p.sent_at, p.body_sha256, b"", p.revision),
            aggregate,
            p.type,
            ranks[p.type] if p.type in ranks else rank(p.type),
            p.occurred_at,
            p.payload,
            p.unread,
            p.observed,
        )
        for p in _DECODERS[aggregate.category].decode(content)
    ]
