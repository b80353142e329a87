"""The book that ``serve`` makes for trying, where nothing is configured."""

import asyncio
import secrets
from base64 import b64encode
from pathlib import Path
from typing import get_args

from msgspec import Struct

from service.database.connections import UNAVAILABLE, connect
from service.ingest.signature import fingerprint
from service.settings import (
    CONFIG_NAME,
    MADE_NAME,
    Settings,
    SettingsError,
    find_config,
    load,
)
from service.store import api_keys
from service.store.migrations import migrate

TRIAL_BOOK = "test"


class Trial(Struct, frozen=True):
    """What is needed to try a book that ``serve`` made itself."""

    secret: str
    api_key: str


def make_trial_book(data_dir: Path) -> str:
    """Write a configuration with one test book and a fresh secret; returns the secret.

    What was made is remembered beside it, so that a secret of the user's own, put in its place, is
    never taken for it.

    Raises:
        FileExistsError: if there is a configuration already.
    """
    secret = "whsec_" + b64encode(secrets.token_bytes(24)).decode()
    data_dir.mkdir(parents=True, exist_ok=True)
    config, made = data_dir / CONFIG_NAME, data_dir / MADE_NAME
    config.touch(mode=0o600, exist_ok=False)
    config.write_text(
        "# Made by `daybook serve`, because there was no configuration.\n"
        "# Put the secret of your endpoint here: Developer > Webhooks in the dashboard.\n"
        f'[books.test]\nmode = "test"\nsecrets = ["{secret}"]\n'
    )
    made.touch(mode=0o600)
    made.write_text(f"{fingerprint(secret)}\n")
    return secret


def with_books(settings: Settings, config: Path | None, **flags: object) -> Settings:
    """The settings, with a book made for trying where there is no configuration at all.

    Raises:
        SettingsError: if there is one, and it names no book.
    """
    if settings.books:
        return settings
    if found := find_config(config, settings.data_dir):
        raise SettingsError(f"{found}: no book is configured; the README shows how.")
    make_trial_book(settings.data_dir)
    return load(settings.data_dir / CONFIG_NAME, **flags)


async def trial(settings: Settings, url: str) -> Trial | None:
    """The trial book's secret and a key, while the book is as ``serve`` made it."""
    book = settings.books.get(TRIAL_BOOK)
    made = settings.data_dir / MADE_NAME
    if book is None or len(settings.books) > 1 or not made.exists():
        return None
    secret = book.secrets[0].get_secret_value()
    try:
        mark, _, key = made.read_text().strip().partition(" ")
    except (OSError, UnicodeDecodeError):
        # a hint of ours, which is no reason not to serve
        return None
    if mark != fingerprint(secret):
        # somebody has put a secret of their own in its place: not one to print
        return None
    async with await connect(url) as conn:
        await migrate(conn)
        if not key or await api_keys.find_caller(conn, api_keys.digest(key)) is None:
            key = await api_keys.create(conn, TRIAL_BOOK, get_args(api_keys.Scope))
            made.write_text(f"{mark} {key}\n")
    return Trial(secret, key)


def trial_now(settings: Settings, url: str) -> Trial | None:
    """``trial``, from outside an event loop; None while the database is away."""
    try:
        return asyncio.run(trial(settings, url))
    except UNAVAILABLE:
        return None
