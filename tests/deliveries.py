"""Verified deliveries and observations, as the store takes them."""

import itertools
from datetime import datetime, timedelta
from hashlib import sha256

import msgspec

from domain.observation import Asked
from service.store.chain import Delivery, Observation
from tests.builders import sent

_numbers = itertools.count(1)


def delivery(
    content: bytes, webhook_id: str | None = None, sent_at: datetime | None = None
) -> Delivery:
    """A verified delivery."""
    sent_at = sent_at or sent(content)
    return Delivery(
        webhook_id=webhook_id or f"msg_d{next(_numbers)}",
        sent_at=sent_at,
        webhook_timestamp=str(int(sent_at.timestamp())),
        webhook_signature="v1,c2lnbmVk",
        headers="{}",
        verified_by="0123456789abcdef",
        body=content,
        body_sha256=sha256(content).digest(),
    )


def observation(  # noqa: PLR0913 - as many things can differ
    kind: str,
    content: bytes,
    stamp: datetime,
    *,
    name: str | None = None,
    listed: bool = False,
    compared_at: int = 0,
) -> Observation:
    """A resource that was read at the provider; ``stamp`` is the answer's ``Date``."""
    answered = stamp + timedelta(seconds=0.5)
    path = name or f"GET /{kind}s/{next(_numbers)}"
    asked = Asked(kind, path, answered - timedelta(seconds=0.2), answered, listed, stamp)
    return Observation(
        webhook_id=path,
        sent_at=stamp,
        headers=msgspec.json.encode(asked).decode(),
        verified_by="fedcba9876543210",
        body=content,
        body_sha256=sha256(content).digest(),
        salt=bytes(range(32)),
        compared_at=compared_at,
    )
