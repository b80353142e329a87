"""Signing and sending of webhooks, as the provider does."""

import secrets
from datetime import UTC, datetime

import httpx
from msgspec import Struct

from service.ingest.signature import signed_headers


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
    headers = {
        "content-type": "application/json",
        "user-agent": "daybook-send",
        **signed_headers(secret, webhook_id or new_webhook_id(), datetime.now(UTC), body),
    }
    response = client.post(url, content=body, headers=headers)
    return Reply(response.status_code, response.text)
