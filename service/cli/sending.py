"""Signing and sending of webhooks, as the provider does."""

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
from msgspec import Struct

from service.errors import SettingsError
from service.ingest.signature import check_secret, signed_headers

if TYPE_CHECKING:
    from service.settings import Book

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


def signing_secret(url: str, secret: str | None, config: Path | None, data_dir: Path | None) -> str:
    """The secret for a webhook URL: the given one, or the current one of the book in the URL.

    Raises:
        SettingsError: if it cannot sign, or none is given and the book is not configured.
    """
    if secret is not None:
        _check(secret)
        return secret
    book = book_of(url, config, data_dir)
    if book is None:
        name = url.rstrip("/").rpartition("/")[2]
        raise SettingsError(f"Book {name!r} of the URL is not configured. Give --secret.")
    return book.secrets[0].get_secret_value()


def book_of(url: str, config: Path | None, data_dir: Path | None) -> "Book | None":
    """The configured book to which a webhook URL leads, if there is one."""
    # not at the top: with a secret given, no configuration is read
    from service.settings import load  # noqa: PLC0415

    return load(config, data_dir=data_dir).books.get(url.rstrip("/").rpartition("/")[2])


def send(
    client: httpx.Client, url: str, secret: str, body: bytes, webhook_id: str | None = None
) -> Reply:
    """Sign one body with the current time and send it.

    Raises:
        httpx.HTTPError: if there is no response.
    """
    if webhook_id is not None and not _HEADER_TEXT.fullmatch(webhook_id):
        raise SettingsError("--id takes visible ASCII characters only: it is sent in a header.")
    _check(secret)
    headers = {
        "content-type": "application/json",
        "user-agent": "daybook-send",
        **signed_headers(secret, webhook_id or new_webhook_id(), datetime.now(UTC), body),
    }
    response = client.post(url, content=body, headers=headers)
    return Reply(response.status_code, response.text)


def _check(secret: str) -> None:
    try:
        check_secret(secret)
    except ValueError as error:
        raise SettingsError(f"--secret cannot sign: {error}.") from None
