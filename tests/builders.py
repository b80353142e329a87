"""Bodies, events and entries, as the provider would make them."""

import itertools
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec

from domain.events import Entry, Event
from domain.observation import Asked
from domain.payload import Moment
from domain.reading import read

NOON = datetime(2026, 5, 3, 12, 0, 0, tzinfo=UTC)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - for tests
OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"  # noqa: S105 - for tests

_numbers = itertools.count(1)

_IDENTITY = {
    "subscription": "subscription_id",
    "payment": "payment_id",
    "refund": "refund_id",
    "dispute": "dispute_id",
    "license_key": "id",
}


def at(seconds: float) -> datetime:
    """A moment, in seconds from noon."""
    return NOON + timedelta(seconds=seconds)


def body(
    kind: str,
    status: str | None,
    when: datetime = NOON,
    identity: str = "x_1",
    customer: str | dict[str, Any] | None = "cus_1",
    **fields: Any,  # noqa: ANN401
) -> bytes:
    """The body of one webhook, compact as the provider sends it."""
    category = kind.partition(".")[0]
    data: dict[str, Any] = {_IDENTITY.get(category, "id"): identity}
    if category == "dispute":
        data["dispute_status"] = status and f"dispute_{status}"
    else:
        data["status"] = status
    if customer and category in {"license_key", "entitlement_grant"}:
        data["customer_id"] = customer
    elif isinstance(customer, dict):
        data["customer"] = customer
    elif customer:
        data["customer"] = {
            "customer_id": customer,
            "email": f"{customer}@example.com",
            "name": "Ada",
        }
    data = {**fields, **data} if "payment_id" in data else {**data, **fields}
    document = {"business_id": "bus_1", "type": kind, "timestamp": when, "data": data}
    return msgspec.json.encode(document)


def event(
    content: bytes,
    position: int = 1,
    webhook_id: str | None = None,
    sent_at: datetime | None = None,
    revision: int = 0,
) -> Event:
    """A recorded delivery."""
    return Event(
        position=position,
        webhook_id=webhook_id or f"msg_{next(_numbers)}",
        sent_at=sent_at.replace(microsecond=0) if sent_at else sent(content),
        recorded_at=NOON,
        body_sha256=sha256(content).digest(),
        body=content,
        revision=revision,
    )


def entry(  # noqa: PLR0913 - as many things can differ
    kind: str,
    status: str | None,
    seconds: float,
    *,
    position: int,
    sent: float | None = None,
    webhook_id: str | None = None,
    revision: int = 0,
    **fields: Any,  # noqa: ANN401
) -> Entry:
    """An entry that happened at ``seconds`` and was sent at ``sent``, at once by default."""
    content = body(kind, status, at(seconds), **fields)
    sent_at = at(seconds if sent is None else sent)
    return read(event(content, position, webhook_id or f"msg_{position}", sent_at, revision))


def observed(  # noqa: PLR0913 - as many things can differ
    category: str,
    status: str | None,
    seconds: float,
    *,
    position: int = 1,
    listed: bool = False,
    took: float = 0.2,
    **fields: Any,  # noqa: ANN401
) -> Entry:
    """A resource that was read at the provider; the answer's ``Date`` was at ``seconds``."""
    stamp = at(seconds).replace(microsecond=0)
    content = msgspec.json.encode(
        msgspec.json.decode(body(f"{category}.", status, **fields))["data"]
    )
    return read(observation(category, content, stamp, position, listed=listed, took=took))


def observation(  # noqa: PLR0913 - as many things can differ
    category: str,
    content: bytes,
    stamp: datetime | None,
    position: int = 1,
    *,
    listed: bool = False,
    took: float = 0.2,
) -> Event:
    """A recorded observation of a resource of this category, whose answer has this ``Date``."""
    answered = (stamp or NOON) + timedelta(seconds=0.5)
    asked = Asked(
        kind=category,
        path=f"/{category}s/x_1",
        requested_at=answered - timedelta(seconds=took),
        answered_at=answered,
        listed=listed,
        date=stamp,
    )
    return Event(
        position=position,
        webhook_id=asked.path,
        sent_at=asked.sent_at,
        recorded_at=NOON,
        body_sha256=sha256(content).digest(),
        body=content,
        observation=msgspec.json.encode(asked).decode(),
    )


def sent(content: bytes) -> datetime:
    """When a body was sent of which nothing says so: at noon or, if it happened later, then."""
    try:
        happened = _STAMPED.decode(content).timestamp
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return NOON
    return max(NOON, happened.replace(microsecond=0)) if happened else NOON


class _Stamped(msgspec.Struct):
    timestamp: Moment | None = None


_STAMPED = msgspec.json.Decoder(_Stamped)
