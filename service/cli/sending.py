"""Signing and sending of webhooks, as the provider does."""

import re
import secrets
from datetime import UTC, datetime

import httpx
from msgspec import Struct

from service.ingest.signature import check_secret, signed_headers
from service.settings import SettingsError

_HEADER_TEXT = re.compile(r"[!-~]+")


class RefusedError(Exception):
    """A webhook was refused; the text is the response."""


class Reply(Struct, frozen=True):
    """The response to one webhook."""

    status: int
    text: str

    @property
    def accepted(self) -> bool:
        """Whether the sender has no reason to retry."""
        return 200 <= self.status < 300  # noqa: PLR2004


def new_webhook_id() -> str:
    """A random webhook-id in the form of the provider's."""
    return "msg_" + secrets.token_urlsafe(20)


def send(
    client: httpx.Client, url: str, secret: str, body: bytes, webhook_id: str | None = None
) -> Reply:
    """Sign one body with the current time and send it.

    Raises:
        httpx.HTTPError: if there is no response.
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
    response = client.post(url, content=body, headers=headers)
    return Reply(response.status_code, response.text)
