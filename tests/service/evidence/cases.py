"""A customer who paid each month and disputed a payment, and bundles of evidence about it."""

import subprocess
import sys
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import msgspec
from msgspec import Struct

from service.database.connections import Connection
from service.evidence.case import Kind, Question
from service.evidence.making import Evidence, make_evidence
from service.readmodels.projector import advance
from service.store.chain import NewEvent
from service.store.events import append
from tests.builders import NOON, at
from tests.deliveries import observation
from tests.service.proof.authority import Authority
from tests.service.proof.books import signed

MONTH = 30 * 86_400
ADA: dict[str, Any] = {"customer_id": "cus_1", "email": "ada@example.com", "name": "Ada Lovelace"}

_SUBSCRIPTION = {
    "subscription_id": "sub_1", "product_id": "pdt_pro", "quantity": 1, "created_at": at(0),
    "recurring_pre_tax_amount": 1900, "currency": "EUR", "payment_frequency_interval": "Month",
    "payment_frequency_count": 1,
}  # fmt: skip
_CARD = {
    "card_network": "visa", "card_type": "credit", "card_last_four": "4242",
    "card_issuing_country": "DE", "three_ds_status": "authenticated",
    "billing": {"street": "1 Ockham Park", "city": "London", "zipcode": "W1", "country": "GB"},
}  # fmt: skip


def data(kind: str, seconds: float, **fields: Any) -> bytes:  # noqa: ANN401
    """The body of a webhook."""
    document = {"business_id": "bus_1", "type": kind, "timestamp": at(seconds), "data": fields}
    return msgspec.json.encode(document)


def payment(n: int, customer: dict[str, Any] = ADA, **fields: Any) -> bytes:  # noqa: ANN401
    """The payment of the month ``n``."""
    return data(
        "payment.succeeded", n * MONTH + 1, payment_id=f"pay_{n}", status="succeeded",
        customer=customer, created_at=at(n * MONTH), currency="EUR", total_amount=2261, tax=361,
        subscription_id="sub_1", **_CARD, **fields,
    )  # fmt: skip


def dispute(kind: str, seconds: float, **fields: Any) -> bytes:  # noqa: ANN401
    """An event of the dispute of the last payment."""
    return data(
        f"dispute.{kind}", seconds, dispute_id="dp_1", payment_id="pay_3", amount="2261",
        currency="EUR", dispute_stage="dispute", dispute_status=f"dispute_{kind}",
        created_at=at(3 * MONTH + 500), **fields,
    )  # fmt: skip


def story(customer: dict[str, Any] = ADA, reason: str = "product_not_received") -> list[NewEvent]:
    """What happened: three payments, a delivery, a dispute of the third, and somebody else."""
    subscription = {**_SUBSCRIPTION, "customer": customer}
    bodies = [
        data("subscription.active", 0, status="active", **subscription),
        payment(1, customer),
        data("license_key.created", MONTH + 2, id="lic_1", status="active", key="ABCD-1234",
             customer_id=customer["customer_id"], payment_id="pay_1", created_at=at(MONTH + 2)),
        payment(2, customer),
        data("refund.succeeded", 2 * MONTH + 50, refund_id="ref_2", payment_id="pay_2",
             status="succeeded", amount=500, currency="EUR", created_at=at(2 * MONTH + 40)),
        payment(3, customer),
        data("entitlement_grant.delivered", 3 * MONTH + 3, id="eg_3", status="Delivered",
             customer_id=customer["customer_id"], payment_id="pay_3", entitlement_id="ent_1",
             integration_type="digital_files", delivered_at=at(3 * MONTH + 3)),
        data("payment.succeeded", 3 * MONTH + 9, payment_id="pay_else", status="succeeded",
             customer={"customer_id": "cus_2", "email": "eve@example.com"}, total_amount=1),
        dispute("opened", 3 * MONTH + 500, reason=reason),
    ]  # fmt: skip
    cart = [{"product_id": "pdt_pro", "quantity": 2}]
    read = {
        "payment_id": "pay_3", "status": "succeeded", "customer": customer, "currency": "EUR",
        "total_amount": 2261, "product_cart": cart,
    }  # fmt: skip
    return [
        *(signed(_sent(content), content=content) for content in bodies),
        observation("payment", msgspec.json.encode(read), at(3 * MONTH + 600)),
    ]


class _Stamped(msgspec.Struct):
    timestamp: datetime


def _sent(content: bytes) -> int:
    """When a webhook is sent: a second after its event, in seconds from noon."""
    return int((msgspec.json.decode(content, type=_Stamped).timestamp - NOON).total_seconds()) + 1


async def record(conn: Connection, events: list[NewEvent]) -> None:
    """Record events in the book ``test``, and let the read models follow."""
    await append(conn, "test", events)
    while await advance(conn, "test"):
        pass


class Made(Struct):
    """A bundle about a dispute, its key, and the authority that stamped its checkpoint."""

    evidence: Evidence
    files: dict[str, bytes]
    key: str
    tsa: Authority
    url: str


async def about(conn: Connection, kind: Kind = "dispute", identity: str = "dp_1") -> Evidence:
    """The bundle about a resource."""
    return await make_evidence(conn, "test", Question(kind, identity), 7)


def files_of(evidence: Evidence) -> dict[str, bytes]:
    """The files of a bundle, by a reader of ZIPs that is not ours."""
    with ZipFile(BytesIO(evidence.archive)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def unpack(files: dict[str, bytes], here: Path) -> Path:
    """Write the files of a bundle into a directory."""
    for name, content in files.items():
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_bytes(content)
    return here


def verify(
    here: Path, *args: str, script: str = "verify.py", python: str = sys.executable
) -> tuple[int, str]:
    """Run the script of a bundle as a stranger does; its exit status and what it said."""
    done = subprocess.run(
        [python, "-I", "-S", script, *args], cwd=here,
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr
