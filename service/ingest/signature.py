"""Signature verification: a request becomes a delivery, or is refused with a reason.

Standard Webhooks over the raw bytes: one of the signatures in the header must match one of the
book's secrets, and its timestamp must be within five minutes of our clock. Headers are checked
first, so that no body is read needlessly.

A book in test mode may accept older timestamps. The provider's stand-in for rehearsals has a clock
that lags behind ours, and stamps its webhooks with it: so each event is close to its delivery, as
it is with the provider, and the fold reads it alike. A timestamp from the future is never accepted.
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

from service.problems import Problem, refusal
from service.store.chain import Delivery, fingerprint

SIGNED_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

KEPT_HEADERS = ("content-type", "content-encoding", "user-agent")
"""The other headers that are stored. Not all: an endpoint's custom headers may be credentials."""

_SECONDS = re.compile(r"[0-9]{1,12}")
_ENTRY = re.compile(r"(?<!\S)v1,[A-Za-z0-9+/]+={0,2}(?!\S)")
MAX_SIGNATURES = 8
"""How many signatures of a request are checked; a rotation has two."""

_TOLERANCE = timedelta(minutes=5)


class _Webhook(Webhook):
    """The library's signing, extended to bodies that are not UTF-8.

    A signed body is stored whatever it contains; the library signs text only.
    """

    @property
    def key(self) -> bytes:
        """The key of the HMAC."""
        return bytes(self._whsecret)

    def digest(self, webhook_id: str, stamp: str, body: bytes) -> bytes:
        """The signature of a delivery, as bytes."""
        return hmac_data(self._whsecret, f"{webhook_id}.{stamp}.".encode() + body)


class Signed(Struct, frozen=True):
    """Well-formed, current headers that may sign a body."""

    headers: Mapping[str, str]
    sent_at: datetime
    signatures: Sequence[bytes]


class Verifier:
    """Verifies deliveries with the secrets of one book, current and rotated.

    ``max_age``: how old a timestamp may be; see ``signed_by``.
    """

    def __init__(self, secrets: Sequence[str], max_age: timedelta | None = None) -> None:
        self.max_age = max_age or _TOLERANCE
        self._secrets = [(fingerprint(secret), _Webhook(secret)) for secret in secrets]

    def verify(self, signed: Signed, body: bytes) -> Delivery:
        """The delivery of a request whose signature is valid.

        Each secret costs one pass over the body, however many signatures there are.

        Args:
            signed: the result of ``signed_by`` for the request's headers.
            body: the exact bytes.

        Raises:
            Problem: ``signature-refused``, with the reason in its detail.
        """
        headers = signed.headers
        stored = {name: headers[name] for name in KEPT_HEADERS if name in headers}
        return Delivery(
            webhook_id=headers["webhook-id"],
            sent_at=signed.sent_at,
            webhook_timestamp=headers["webhook-timestamp"],
            webhook_signature=headers["webhook-signature"],
            headers=msgspec.json.encode(stored).decode(),
            verified_by=self._verified_by(signed, body),
            body=body,
            body_sha256=sha256(body).digest(),
        )

    def _verified_by(self, signed: Signed, body: bytes) -> str:
        webhook_id = signed.headers["webhook-id"]
        # the library signs it as a number: without leading zeros
        stamp = str(math.floor(signed.sent_at.timestamp()))
        for name, secret in self._secrets:
            expected = secret.digest(webhook_id, stamp, body)
            # compare all of them, so that timing does not show which one matched
            if sum(hmac.compare_digest(expected, signature) for signature in signed.signatures):
                return name
        raise refusal(
            "unknown-signature", "None of the webhook's signatures matches a secret of this book."
        )


def signed_by(headers: Mapping[str, str], max_age: timedelta = _TOLERANCE) -> Signed:
    """The signature of a request by its headers, before its body is read.

    Args:
        headers: names in lower case.
        max_age: how old its timestamp may be.

    Raises:
        Problem: ``signature-refused``, with the reason in its detail.
    """
    if missing := [name for name in SIGNED_HEADERS if not headers.get(name)]:
        raise refusal("missing-header", f"Missing header: {', '.join(missing)}.")
    if not _SECONDS.fullmatch(headers["webhook-timestamp"]):
        raise refusal("bad-timestamp", "webhook-timestamp is not a number of seconds since 1970.")
    entries = _ENTRY.findall(headers["webhook-signature"])
    if not entries:
        raise refusal(
            "malformed-signature",
            "webhook-signature is malformed. It must contain 'v1,' and base64.",
        )
    signatures: list[bytes] = []
    for entry in entries[:MAX_SIGNATURES]:
        # a malformed one must not hide those after it
        with suppress(ValueError):
            signatures.append(b64decode(entry.removeprefix("v1,")))
    return Signed(headers, _sent_at(int(headers["webhook-timestamp"]), max_age), signatures)


def _sent_at(seconds: int, max_age: timedelta) -> datetime:
    off = seconds - datetime.now(UTC).timestamp()
    if off > _TOLERANCE.total_seconds():
        raise _stale("new", _TOLERANCE)
    if off < -max_age.total_seconds():
        raise _stale("old", max_age)
    return datetime.fromtimestamp(seconds, UTC)


def _stale(reason: str, limit: timedelta) -> Problem:
    words = f"{limit.days} days" if limit.days else "five minutes"
    return refusal(
        "stale-timestamp",
        f"webhook-timestamp is too {reason}: more than {words} from this server's clock.",
    )


def signed_headers(secret: str, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a webhook that is signed with ``secret``."""
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
        ValueError: if it is not a signing secret of the provider.
    """
    try:
        _Webhook(secret)
    except Exception:  # noqa: BLE001 - the library raises several kinds
        raise ValueError("a secret is whsec_ and base64, as the dashboard shows it") from None


def secret_of(secret: str) -> tuple[str, bytes]:
    """The fingerprint of a secret, and the key with which it signs."""
    return fingerprint(secret), _Webhook(secret).key
