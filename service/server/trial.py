"""A book to try the service with, if nothing is configured."""

import asyncio
import secrets
from base64 import b64encode
from pathlib import Path
from typing import get_args

from msgspec import Struct

from service.database.connections import UNAVAILABLE, connect
from service.settings import (
    CONFIG_NAME,
    MADE_NAME,
    Settings,
    SettingsError,
    find_config,
    load,
)
from service.store import api_keys
from service.store.chain import fingerprint
from service.store.migrations import migrate

TRIAL_BOOK = "test"

_SANDBOX_DAYS = 400


class Trial(Struct, frozen=True):
    """The secret and the API key of the trial book."""

    secret: str
    api_key: str


def make_trial_book(data_dir: Path) -> str:
    """Write a configuration with one test book and a new secret; return the secret.

    The secret's fingerprint is stored next to it, so that a secret which the user puts in its
    place is never printed.

    Raises:
        FileExistsError: if there is a configuration.
    """
    secret = "whsec_" + b64encode(secrets.token_bytes(24)).decode()
    data_dir.mkdir(parents=True, exist_ok=True)
    config, marker = data_dir / CONFIG_NAME, data_dir / MADE_NAME
    config.touch(mode=0o600, exist_ok=False)
    config.write_text(
        "# Created by `daybook serve`, because there was no configuration.\n"
        "# Replace the secret by that of your endpoint: Developer > Webhooks in the dashboard.\n"
        f'[books.test]\nmode = "test"\nsecrets = ["{secret}"]\n'
        "# The clock of `daybook sandbox` is in the past, and stamps its webhooks.\n"
        f"webhook_max_age_days = {_SANDBOX_DAYS}\n"
    )
    marker.touch(mode=0o600)
    marker.write_text(f"{fingerprint(secret)}\n")
    return secret


def with_books(settings: Settings, config: Path | None, **flags: object) -> Settings:
    """The settings, with a trial book if there is no configuration.

    Raises:
        SettingsError: if there is one that has no book.
    """
    if settings.books:
        return settings
    if path := find_config(config, settings.data_dir):
        raise SettingsError(f"{path}: no book is configured. The README shows how.")
    make_trial_book(settings.data_dir)
    return load(settings.data_dir / CONFIG_NAME, **flags)


async def trial(settings: Settings, url: str) -> Trial | None:
    """The trial book's secret and a key; None once the user has changed the book."""
    book = settings.books.get(TRIAL_BOOK)
    marker = settings.data_dir / MADE_NAME
    if book is None or len(settings.books) > 1 or not marker.exists():
        return None
    secret = book.secrets[0].get_secret_value()
    try:
        mark, _, key = marker.read_text().strip().partition(" ")
    except (OSError, UnicodeDecodeError):
        # the service can run without the hint
        return None
    if mark != fingerprint(secret):
        # the user has put another secret in its place, which must not be printed
        return None
    async with await connect(url) as conn:
        await migrate(conn)
        if not key or await api_keys.find_caller(conn, api_keys.digest(key)) is None:
            key = await api_keys.create(conn, TRIAL_BOOK, get_args(api_keys.Scope))
            marker.write_text(f"{mark} {key}\n")
    return Trial(secret, key)


def trial_now(settings: Settings, url: str) -> Trial | None:
    """``trial`` without an event loop; None while the database is unavailable."""
    try:
        return asyncio.run(trial(settings, url))
    except UNAVAILABLE:
        return None
