"""API keys. Each opens one book; a key is shown once, and only its hash is kept."""

import secrets
from datetime import datetime
from hashlib import sha256

from msgspec import Struct, convert

from service.postgres import Connection
from service.sql import text

PREFIX = "dbk_"


class Key(Struct, frozen=True):
    """What is known of a key: never the key itself."""

    book: str
    id: str
    created_at: datetime
    revoked_at: datetime | None


async def create(conn: Connection, book: str) -> str:
    """Make a key of a book; returns it, for the only time."""
    identity = secrets.token_hex(4)
    key = f"{PREFIX}{book}_{identity}_{secrets.token_urlsafe(24)}"
    params = {"book": book, "id": identity, "sha256": digest(key)}
    await conn.execute(text("keys/create"), params)
    return key


async def listed(conn: Connection, book: str | None) -> list[Key]:
    """All keys, of one book or of all."""
    found = await conn.execute(text("keys/list"), {"book": book})
    return [convert(row, Key) for row in await found.fetchall()]


async def revoke(conn: Connection, identity: str) -> bool:
    """Close a key for ever; returns whether there was an open one of this id."""
    found = await conn.execute(text("keys/revoke"), {"id": identity})
    return await found.fetchone() is not None


async def book_of(conn: Connection, key: str) -> str | None:
    """The book that a key opens, or None."""
    found = await conn.execute(text("keys/find"), {"sha256": digest(key)})
    row = await found.fetchone()
    return row["book"] if row else None


def digest(key: str) -> bytes:
    """The hash that is kept. Keys carry 192 random bits, so one round is enough."""
    return sha256(key.encode()).digest()
