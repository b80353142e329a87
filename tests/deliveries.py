"""Verified deliveries, as the store takes them."""

import itertools
from datetime import datetime
from hashlib import sha256

from service.store.events import Delivery
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
