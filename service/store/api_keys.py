"""API keys: each grants its scopes on one book. A key is shown once; only its hash is stored."""

import re
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Literal

from msgspec import Struct, convert

from service.database.connections import QUESTIONS, Connection, Pool, pool_connection
from service.database.reader import Lane, Queryable
from service.database.statements import text
from service.store.audit import SERVICE_ACT, Act, record_act

PREFIX = "dbk_"

_ID_BYTES = 4
_SECRET_BYTES = 24
_CACHE_SECONDS = 5.0
# a book's name and the secret may contain underscores: the fixed lengths separate the parts
_FORM = re.compile(rf"{PREFIX}(?P<book>.+)_(?P<id>[0-9a-f]{{8}})_[A-Za-z0-9_-]{{32}}")

Scope = Literal["read", "audit", "admin"]
"""The permissions of a key; none includes another.

``read`` allows resources, histories and events, without verbatim requests. ``audit`` allows those:
bodies, headers and their signatures. ``admin`` allows operating the book: its refused webhooks.
The names are stored in the database.
"""


class Key(Struct, frozen=True):
    """The metadata of a key, never the key itself. ``last_used_at`` lags by half a minute."""

    book: str
    id: str
    scopes: tuple[Scope, ...]
    label: str | None
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class Caller(Struct, frozen=True):
    """The holder of a key, who sees only this book."""

    book: str
    id: str
    scopes: tuple[Scope, ...]


async def create(
    conn: Connection,
    book: str,
    scopes: Sequence[Scope] = ("read",),
    label: str | None = None,
    act: Act = SERVICE_ACT,
) -> str:
    """Create a key of a book and return it; it cannot be shown again."""
    identity = secrets.token_hex(_ID_BYTES)
    key = f"{PREFIX}{book}_{identity}_{secrets.token_urlsafe(_SECRET_BYTES)}"
    params = {
        "book": book, "id": identity, "sha256": digest(key), "scopes": list(scopes), "label": label,
    }  # fmt: skip
    async with conn.transaction():
        await conn.execute(text("store/keys/create"), params)
        await record_act(conn, book, act, "create_key", identity)
    return key


async def list_keys(conn: Queryable, book: str | None) -> list[Key]:
    """All keys, of one book or of all."""
    cursor = await conn.execute(text("store/keys/list"), {"book": book})
    return [convert(row, Key) for row in await cursor.fetchall()]


async def revoke(
    conn: Connection, identity: str, act: Act = SERVICE_ACT, book: str | None = None
) -> bool:
    """Revoke a key for ever, of a ``book`` or of any; returns False if no valid key has this id."""
    async with conn.transaction():
        cursor = await conn.execute(text("store/keys/revoke"), {"id": identity, "book": book})
        revoked = await cursor.fetchall()
        for row in revoked:
            await record_act(conn, row["book"], act, "revoke_key", identity)
    return bool(revoked)


def id_of(key: str) -> str | None:
    """The id of a complete key; None if the text is not a key."""
    match = _FORM.fullmatch(key.strip().removeprefix("Bearer ").strip())
    return match["id"] if match else None


async def find_caller(conn: Queryable, sha256: bytes) -> Caller | None:
    """The caller of the key with this digest; None if the key is unknown or revoked."""
    result = await conn.execute(text("store/keys/find"), {"sha256": sha256})
    row = await result.fetchone()
    return convert(row, Caller) if row else None


def digest(key: str) -> bytes:
    """The hash of a key. Keys hold 192 random bits, so one round of SHA-256 is enough."""
    return sha256(key.encode()).digest()


class CallerCache:
    """Caches the callers of recently used keys, so that a request needs no look-up.

    A revoked key stays valid for up to five seconds. Unknown keys are never cached; an attacker
    could otherwise fill the cache.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._used: dict[tuple[str, str], datetime] = {}

    async def caller(self, lane: Lane, key: str) -> Caller | None:
        """The caller of a key; None if the key is unknown or revoked.

        Raises:
            psycopg.Error: if the key is not cached and the look-up fails.
        """
        key_digest, now = digest(key), time.monotonic()
        until, caller = self._known.get(key_digest, (0.0, None))
        if caller is None or until < now:
            self._known.pop(key_digest, None)
            async with lane.connection() as conn:
                caller = await find_caller(conn, key_digest)
            if caller is None:
                return None
            self._known[key_digest] = (now + _CACHE_SECONDS, caller)
        self._used[caller.book, caller.id] = datetime.now(UTC)
        return caller

    async def flush(self, pool: Pool) -> None:
        """Store when each key was last used."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            async with pool_connection(pool, QUESTIONS) as conn, conn.cursor() as cursor:
                # sorted, so that two processes cannot deadlock
                rows = [
                    {"book": book, "id": identity, "at": at}
                    for (book, identity), at in sorted(used.items())
                ]
                await cursor.executemany(text("store/keys/used"), rows)
        except BaseException:
            self._used = {**used, **self._used}
            raise
