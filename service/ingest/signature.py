"""Verification: a request becomes a delivery, or is refused with the reason.

Standard Webhooks over the raw bytes, with any of the book's secrets and any of the signatures in
the header; the signature must be at most five minutes old or early. What can be said of the headers
is said first, so that nobody's body is read in vain.
"""

import hmac
import math
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import msgspec
from msgspec import Struct
from standardwebhooks import Webhook
from standardwebhooks.webhooks import hmac_data

from service.problems import refusal
from service.store.events import Delivery

SIGNED_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

KEPT_HEADERS = ("content-type", "content-encoding", "user-agent")
"""The other headers that are kept. Not all: an endpoint's custom headers may be credentials."""


_SECONDS = re.compile(r"[0-9]{1,12}")
_ENTRY = re.compile(r"(?<!\S)v1,[A-Za-z0-9+/]+={0,2}(?!\S)")
MAX_SIGNATURES = 8
"""The first of them are considered; a rotation has two."""

_TOLERANCE = timedelta(minutes=5)


class _Webhook(Webhook):
    """The library's signing, for bodies that are not UTF-8 too.

    A signed body is kept whatever it holds; the library signs text only.
    """

    def digest(self, webhook_id: str, stamp: str, body: bytes) -> bytes:
        """The bytes of the signature over a delivery."""
        return hmac_data(self._whsecret, f"{webhook_id}.{stamp}.".encode() + body)


class Signed(Struct, frozen=True):
    """Headers that may sign a body: well formed, and of now."""

    headers: Mapping[str, str]
    sent_at: datetime
    signatures: Sequence[bytes]


class Verifier:
    """The secrets of one book, the current one and rotated ones."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [(fingerprint(secret), _Webhook(secret)) for secret in secrets]

    def verify(self, signed: Signed, body: bytes) -> Delivery:
        """The delivery that a request is, if its signature holds.

        Each secret costs one pass over the body, however many signatures there are.

        Args:
            signed: what ``signed_by`` made of the request's headers.
            body: the exact bytes.

        Raises:
            Problem: ``signature-refused``, with the reason in its detail.
        """
        headers = signed.headers
        kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
        return Delivery(
            webhook_id=headers["webhook-id"],
            sent_at=signed.sent_at,
            webhook_timestamp=headers["webhook-timestamp"],
            webhook_signature=headers["webhook-signature"],
            headers=msgspec.json.encode(kept).decode(),
            verified_by=self._verified_by(signed, body),
            body=body,
            body_sha256=sha256(body).digest(),
        )

    def _verified_by(self, signed: Signed, body: bytes) -> str:
        webhook_id = signed.headers["webhook-id"]
        # as the number that the library signs: without leading zeros
        stamp = str(math.floor(signed.sent_at.timestamp()))
        for name, secret in self._secrets:
            right = secret.digest(webhook_id, stamp, body)
            # all of them: the time does not tell which one it was
            if sum(hmac.compare_digest(right, one) for one in signed.signatures):
                return name
        raise refusal("unknown-signature", "None of its signatures matches a secret of this book.")


def signed_by(headers: Mapping[str, str]) -> Signed:
    """What the headers of a request say of its signature, before its body is read.

    Args:
        headers: names in lower case.

    Raises:
        Problem: ``signature-refused``, with the reason in its detail.
    """
    if missing := [name for name in SIGNED_HEADERS if not headers.get(name)]:
        raise refusal("missing-header", f"Missing header: {', '.join(missing)}.")
    if not _SECONDS.fullmatch(headers["webhook-timestamp"]):
        raise refusal("bad-timestamp", "webhook-timestamp is not a number of seconds.")
    entries = _ENTRY.findall(headers["webhook-signature"])
    if not entries:
        raise refusal("malformed-signature", "webhook-signature is malformed: no 'v1,' and base64.")
    signatures: list[bytes] = []
    for entry in entries[:MAX_SIGNATURES]:
        # one that is malformed hides none behind it
        with suppress(ValueError):
            signatures.append(b64decode(entry.removeprefix("v1,")))
    return Signed(headers, _sent_at(int(headers["webhook-timestamp"])), signatures)


def _sent_at(seconds: int) -> datetime:
    off = seconds - datetime.now(UTC).timestamp()
    if abs(off) > _TOLERANCE.total_seconds():
        reason = "new" if off > 0 else "old"
        raise refusal(
            "stale-timestamp",
            f"webhook-timestamp is too {reason}: more than five minutes from this server's clock.",
        )
    return datetime.fromtimestamp(seconds, UTC)


def signed_headers(secret: str, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers with which a sender of the book's ``secret`` sends ``body``."""
    stamp = str(math.floor(at.timestamp()))
    signature = b64encode(_Webhook(secret).digest(webhook_id, stamp, body)).decode()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signature}",
    }


def check_secret(secret: str) -> None:
    """See that a text can sign.

    Raises:
        ValueError: if it is no secret as the provider gives one.
    """
    try:
        _Webhook(secret)
    except Exception:  # noqa: BLE001 - the library raises several kinds
        raise ValueError("a secret is whsec_ and base64, as the dashboard shows it") from None


def fingerprint(secret: str) -> str:
    """A short name for a secret that does not lead back to it."""
    return sha256(b"daybook-secret-1" + secret.encode()).hexdigest()[:16]
