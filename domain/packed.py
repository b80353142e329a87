"""Entries without their bodies, packed: what the fold needs of an event, to be folded later.

Not a storage format: written and read by the same version, within one rebuild.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from domain.catalog import AGGREGATES, Aggregate
from domain.events import Entry, Event, entry_of

P = TypeVar("P")


class _Packed(Struct, Generic[P], frozen=True, array_like=True, gc=False):
    position: int
    webhook_id: str
    sent_at: datetime
    body_sha256: bytes
    type: str
    occurred_at: datetime
    payload: P


_ENCODER = msgspec.msgpack.Encoder()
_DECODERS: dict[str, msgspec.msgpack.Decoder[list[_Packed[Any]]]] = {
    a.category: msgspec.msgpack.Decoder(list[_Packed[a.payload]])  # type: ignore[name-defined]
    for a in AGGREGATES
}


def pack(entries: Iterable[Entry]) -> bytes:
    """Entries of streams of one aggregate, as bytes."""
    return _ENCODER.encode([
        _Packed(
            e.event.position, e.event.webhook_id, e.event.sent_at, e.event.body_sha256,
            e.type, e.occurred_at, e.payload,
        )
        for e in entries
    ])  # fmt: skip


def unpack(aggregate: Aggregate, packed: bytes) -> list[Entry]:
    """The entries again; their events have no body, and ``sent_at`` for ``recorded_at``."""
    ranks, rank = aggregate.lifecycle.ranks, aggregate.lifecycle.rank
    return [
        entry_of(
            Event(p.position, p.webhook_id, p.sent_at, p.sent_at, p.body_sha256, b""),
            aggregate,
            p.type,
            ranks[p.type] if p.type in ranks else rank(p.type),
            p.occurred_at,
            p.payload,
            (),
        )
        for p in _DECODERS[aggregate.category].decode(packed)
    ]
