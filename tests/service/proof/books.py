"""Books with events of every source and really signed, and superusers who tamper with them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import LiteralString

import psycopg

from service.database.connections import Connection, connect
from service.ingest.signature import secret_of, signed_headers
from service.proof.verify import Report, verify_chain
from service.store.chain import Delivery, NewEvent, fingerprint
from service.store.events import append
from tests.builders import NOON, OTHER_SECRET, SECRET, at, body
from tests.conftest import as_owner
from tests.deliveries import delivery, observation

HELD = {"test": (secret_of(SECRET), secret_of(OTHER_SECRET))}


def signed(n: int, secret: str = SECRET, *, content: bytes | None = None) -> Delivery:
    """A webhook with the signature of a secret."""
    content = (
        body("payment.succeeded", "succeeded", at(n), f"pay_{n}") if content is None else content
    )
    made = delivery(content, f"msg_{n}", at(n))
    headers = signed_headers(secret, made.webhook_id, made.sent_at, content)
    return Delivery(
        webhook_id=made.webhook_id,
        sent_at=made.sent_at,
        webhook_timestamp=headers["webhook-timestamp"],
        webhook_signature=headers["webhook-signature"],
        headers='{"content-type":"application/json"}',
        verified_by=fingerprint(secret),
        body=content,
        body_sha256=made.body_sha256,
    )


def of_every_source() -> list[NewEvent]:
    """Webhooks of two secrets, a revision, one that is not JSON, one with leading zeros, a read."""
    again = signed(1, content=b"another body under the same id")
    stamp = f"00{int((NOON + timedelta(seconds=7)).timestamp())}"
    padded = signed(7)
    padded = Delivery(
        padded.webhook_id, padded.sent_at, stamp, f"v1,AAAA {padded.webhook_signature}",
        padded.headers, padded.verified_by, padded.body, padded.body_sha256,
    )  # fmt: skip
    return [
        signed(1),
        again,
        signed(2, OTHER_SECRET),
        signed(3, content=b""),
        signed(4, content=b"\xff\x00" * 3000),
        padded,
        observation("payment", b'{"payment_id":"pay_1"}', at(8)),
    ]


async def fill(conn: Connection, events: int) -> None:
    """Append so many webhooks to the book ``test``."""
    for first in range(0, events, 500):
        await append(conn, "test", [signed(n) for n in range(first, min(first + 500, events))])


def tamper(url: str, *texts: LiteralString, **values: int) -> None:
    """Run statements as the superuser, with no trigger and no constraint in the way."""
    with psycopg.connect(as_owner(url)) as owner:
        owner.execute("set session_replication_role = replica")
        owner.execute("alter table store.event drop constraint event_pkey")
        for text in texts:
            owner.execute(text, values or None)
        owner.execute("alter table store.event add primary key (book, position)")


async def verified(url: str, sizes: Sequence[int] = (), processes: int | None = None) -> Report:
    """Verify the book ``test``."""
    async with await connect(url) as conn:
        (report,) = await verify_chain(conn, ["test"], HELD, {"test": sizes}, processes=processes)
        return report
