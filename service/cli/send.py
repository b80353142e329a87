"""Signing and sending bodies as the provider does: the tool to try any payload with."""

import re
import secrets
from datetime import UTC, datetime

import httpx
from msgspec import Struct

from service.ingest.signature import check_secret, signed_headers
from service.settings import SettingsError

_HEADER_TEXT = re.compile(r"[!-~]+")


class RefusedError(Exception):
    """A webhook was not accepted; the text is the answer."""


class Sent(Struct, frozen=True):
    """What was answered to one body."""

    status: int
    text: str

    @property
    def accepted(self) -> bool:
        """Whether the sender would be content."""
        return 200 <= self.status < 300  # noqa: PLR2004


def new_webhook_id() -> str:
    """An id as the provider's carrier gives."""
    return "msg_" + secrets.token_urlsafe(20)


def send(
    client: httpx.Client, url: str, secret: str, body: bytes, webhook_id: str | None = None
) -> Sent:
    """Sign one body now and send it.

    Raises:
        httpx.HTTPError: if nothing answers.
        SettingsError: if the secret cannot sign, or the id cannot be sent in a header.
    """
    if webhook_id is not None and not _HEADER_TEXT.fullmatch(webhook_id):
        raise SettingsError("--id takes visible ASCII characters only: it is sent in a header.")
    try:
        check_secret(secret)
    except ValueError as error:
        raise SettingsError(f"--secret cannot sign: {error}.") from None
    headers = {
        "content-type": "application/json",
        "user-agent": "daybook-send",
        **signed_headers(secret, webhook_id or new_webhook_id(), datetime.now(UTC), body),
    }
    answered = client.post(url, content=body, headers=headers)
    return Sent(answered.status_code, answered.text)
