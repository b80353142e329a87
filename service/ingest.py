"""Verification: a request becomes a delivery, or is refused with the reason.

Standard Webhooks over the raw bytes, with any of the book's secrets and any of the signatures in
the header; the signature must be at most five minutes old or early (the library's tolerance).
"""

import math
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256

import msgspec
from standardwebhooks import Webhook, WebhookVerificationError
from standardwebhooks.webhooks import hmac_data

from service.problems import refused
from service.store import Delivery

SIGNED_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")

KEPT_HEADERS = ("content-type", "content-encoding", "user-agent")
"""The other headers that are kept. Not all: an endpoint's custom headers may be credentials."""


_SECONDS = re.compile(r"[0-9]{1,12}")
_ENTRY = re.compile(r"(?<!\S)v1,[A-Za-z0-9+/]+={0,2}(?!\S)")
_MOST_SIGNATURES = 8  # a rotation has two


class _Webhook(Webhook):
    """The library's verification, for bodies that are not UTF-8 too.

    A signed body is kept whatever it holds; the library signs text only, so bytes that are no
    UTF-8 come as surrogates and are turned back here.
    """

    def sign(self, msg_id: str, timestamp: datetime, data: str) -> str:
        seconds = math.floor(timestamp.replace(tzinfo=UTC).timestamp())
        signed = f"{msg_id}.{seconds}.".encode() + data.encode("utf-8", "surrogateescape")
        return "v1," + b64encode(hmac_data(self._whsecret, signed)).decode()


class Verifier:
    """The secrets of one book, the current one and rotated ones."""

    def __init__(self, secrets: Sequence[str]) -> None:
        self._secrets = [(fingerprint(secret), _Webhook(secret)) for secret in secrets]

    def verify(self, headers: Mapping[str, str], body: bytes) -> Delivery:
        """The delivery that a request is, if its signature holds.

        Args:
            headers: the request's headers, names in lower case.
            body: the exact bytes.

        Raises:
            Problem: ``signature-refused``, with the reason in its detail.
        """
        if missing := [name for name in SIGNED_HEADERS if not headers.get(name)]:
            raise refused("missing-header", f"Missing header: {', '.join(missing)}.")
        verified_by = self._verified_by(headers, body)
        kept = {name: headers[name] for name in KEPT_HEADERS if name in headers}
        seconds = math.floor(float(headers["webhook-timestamp"]))
        return Delivery(
            webhook_id=headers["webhook-id"],
            sent_at=datetime.fromtimestamp(seconds, UTC),
            webhook_timestamp=headers["webhook-timestamp"],
            webhook_signature=headers["webhook-signature"],
            headers=msgspec.json.encode(kept).decode(),
            verified_by=verified_by,
            body=body,
            body_sha256=sha256(body).digest(),
        )

    def _verified_by(self, headers: Mapping[str, str], body: bytes) -> str:
        if not _SECONDS.fullmatch(headers["webhook-timestamp"]):
            raise refused("bad-timestamp", "webhook-timestamp is not a number of seconds.")
        # one well-formed entry at a time: the library raises at a malformed one, and would refuse
        # the valid one behind it
        entries = _ENTRY.findall(headers["webhook-signature"])
        if not entries:
            raise refused(
                "malformed-signature", "webhook-signature is malformed: no 'v1,' and base64."
            )
        text = body.decode("utf-8", "surrogateescape")
        refusal = refused(
            "unknown-signature", "None of its signatures matches a secret of this book."
        )
        for name, secret in self._secrets:
            for entry in entries[:_MOST_SIGNATURES]:
                signed = {name: headers[name] for name in SIGNED_HEADERS} | {
                    "webhook-signature": entry
                }
                try:
                    secret.verify(text, signed, json_parse=False)
                except WebhookVerificationError as error:
                    if "timestamp" in str(error):
                        late = f"{error}: more than five minutes from this server's clock."
                        refusal = refused("stale-timestamp", late)
                    continue
                except ValueError:
                    continue
                return name
        raise refusal


def signed_headers(secret: str, webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers with which a sender of the book's ``secret`` sends ``body``."""
    text = body.decode("utf-8", "surrogateescape")
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(math.floor(at.timestamp())),
        "webhook-signature": _Webhook(secret).sign(webhook_id, at.astimezone(UTC), text),
    }


def fingerprint(secret: str) -> str:
    """A short name for a secret that does not lead back to it."""
    return sha256(b"daybook-secret-1" + secret.encode()).hexdigest()[:16]
