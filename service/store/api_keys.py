"""API keys. Each opens one book, for what its scopes say; it is shown once, its hash is kept."""

import re
import secrets
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Literal

from msgspec import Struct, convert

from service.database.connections import Connection
from service.database.reader import Queryable
from service.database.statements import text

PREFIX = "dbk_"

_ID_BYTES = 4
_SECRET_BYTES = 24
# a book's name, and the secret, may hold underscores themselves: the lengths tell them apart
_FORM = re.compile(rf"{PREFIX}(?P<book>.+)_(?P<id>[0-9a-f]{{8}})_[A-Za-z0-9_-]{{32}}")

Scope = Literal["read", "audit", "admin"]
"""What a key is for; none includes another.

``read`` asks for what is known: resources, histories, events, but not what was received verbatim.
``audit`` sees that: bodies, headers and what proves them. ``admin`` operates the book: it sees what
was refused. The names are stored.
"""


class Key(Struct, frozen=True):
    """What is known of a key: never the key itself. ``last_used_at`` lags by half a minute."""

    book: str
    id: str
    scopes: tuple[Scope, ...]
    label: str | None
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class Caller(Struct, frozen=True):
    """Who asks with a key: everything they see is of this book."""

    book: str
    id: str
    scopes: tuple[Scope, ...]


async def create(
    conn: Connection, book: str, scopes: Sequence[Scope] = ("read",), label: str | None = None
) -> str:
    """Make a key of a book; returns it, for the only time."""
    identity = secrets.token_hex(_ID_BYTES)
    key = f"{PREFIX}{book}_{identity}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    params = {
        "book": book, "id": identity, "sha256": digest(key), "scopes": list(scopes), "label": label,
    }  # fmt: skip
    await conn.execute(text("store/keys/create"), params)
    return key


async def listed(conn: Connection, book: str | None) -> list[Key]:
    """All keys, of one book or of all."""
    found = await conn.execute(text("store/keys/list"), {"book": book})
    return [convert(row, Key) for row in await found.fetchall()]


async def revoke(conn: Connection, identity: str) -> bool:
    """Close a key for ever; returns whether there was an open one of this id."""
    found = await conn.execute(text("store/keys/revoke"), {"id": identity})
    return await found.fetchone() is not None


def id_of(key: str) -> str | None:
    """The id of a whole key; None if the text is not one."""
    found = _FORM.fullmatch(key.strip())
    return found["id"] if found else None


async def caller(conn: Queryable, sha256: bytes) -> Caller | None:
    """Whom the key with this digest belongs to; None if there is none, or it was revoked."""
    found = await conn.execute(text("store/keys/find"), {"sha256": sha256})
    row = await found.fetchone()
    return convert(row, Caller) if row else None


def digest(key: str) -> bytes:
    """The hash that is kept. Keys carry 192 random bits, so one round is enough."""
    return sha256(key.encode()).digest()
