"""Sessions of the console: an API key opens one, and revoking the key ends it.

Only hashes are stored. A session is looked up at each request, so that a revoked key or a session
that was signed out opens nothing from the next request on.
"""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256

from msgspec import Struct
from msgspec.structs import replace

from service.database.connections import Connection
from service.database.reader import Queryable
from service.database.statements import text
from service.store.api_keys import Caller, Scope
from service.store.audit import Act

IDLE = timedelta(hours=12)
"""A session ends when it was not used for this long."""

LINK_VALID = timedelta(hours=1)
"""How long a link signs in, if nobody used it."""

_ID_BYTES = 32
_NOTED = timedelta(minutes=1)
"""How exactly the last use of a session is stored."""


class Holder(Struct, frozen=True):
    """By what a session opens a book: an API key, or the name that a proxy asserts.

    ``key_id`` is None without a key, and ``person`` is empty without an assertion. ``opened_by`` is
    the person whom an assertion named when the key was given.
    """

    book: str
    key_id: str | None
    scopes: tuple[Scope, ...]
    label: str | None = None
    person: str = ""
    opened_by: str = ""

    @property
    def counted_as(self) -> str:
        """Under what limits count the holder: as the key in the API, or as the person."""
        # no key has such an id, whatever a person is called
        return self.key_id or f"person {self.person}"

    @property
    def caller(self) -> Caller:
        """The holder, as the API knows the caller of a request."""
        return Caller(self.book, self.counted_as, self.scopes)

    def act(self, reason: str | None, request_id: str | None) -> Act:
        """The holder, as the audit log names who acts; a person, where one is known."""
        if self.person or self.key_id is None:
            return Act("person", self.person, reason, request_id)
        return Act("key", self.key_id, reason, request_id)


class Session(Struct, frozen=True):
    """The books that a request opens, each by a key or an assertion.

    ``sha256`` is None where no key does; ``person`` is empty without an assertion.
    """

    sha256: bytes | None
    holders: Mapping[str, Holder]
    person: str = ""

    def of(self, person: str, holders: Mapping[str, Holder]) -> "Session":
        """The same with the books of an assertion; a key that a person gave opens its own book.

        One that another person gave, in the same browser, opens nothing.
        """
        by_key = {
            book: replace(holder, person=person)
            for book, holder in self.holders.items()
            if holder.opened_by in {"", person}
        }
        return Session(self.sha256, {**holders, **by_key}, person)


NOBODY = Session(None, {})
"""Opens nothing."""


def digest(identity: str) -> bytes:
    """The hash of a session's id or of a link's token; both hold 256 random bits."""
    return sha256(identity.encode()).digest()


async def find(conn: Queryable, identity: str) -> tuple[Session | None, bool]:
    """The session with this id, if it opens a book, and whether its use is due to be stored."""
    key = digest(identity)
    params = {"sha256": key, "idle": IDLE, "noted": _NOTED}
    rows = await (await conn.execute(text("console/find"), params)).fetchall()
    holders = {
        row["book"]: Holder(
            row["book"], row["id"], tuple(row["scopes"]), row["label"], opened_by=row["opened_by"]
        )
        for row in rows
    }
    if not holders:
        return None, False
    return Session(key, holders), any(row["is_due"] for row in rows)


async def use(conn: Connection, session: Session) -> None:
    """Store that a session and its keys were used now."""
    async with conn.transaction():
        await conn.execute(text("console/use"), {"sha256": session.sha256})
        for holder in session.holders.values():
            params = {"book": holder.book, "id": holder.key_id}
            await conn.execute(text("console/use_key"), params)


async def open_session(
    conn: Connection, caller: Caller, before: str | None, person: str = ""
) -> str:
    """Open the caller's book, next to those that the session ``before`` opens; the new id.

    ``person`` is whom the request's assertion names.

    The id changes with each key, so one that somebody planted in a browser opens nothing.
    """
    identity = secrets.token_urlsafe(_ID_BYTES)
    key = digest(identity)
    async with conn.transaction():
        await conn.execute(text("console/forget"), {"idle": IDLE})
        await conn.execute(text("console/forget_links"))
        if before:
            params = {"sha256": key, "before": digest(before), "idle": IDLE}
            await conn.execute(text("console/rename"), params)
        params = {
            "sha256": key, "book": caller.book, "key_id": caller.id, "opened_by": person,
        }  # fmt: skip
        await conn.execute(text("console/open"), params)
        # a visit may end before its use is noted
        await conn.execute(text("console/use_key"), {"book": caller.book, "id": caller.id})
    return identity


async def close(conn: Connection, identity: str) -> None:
    """End a session, in all its books."""
    await conn.execute(text("console/close"), {"sha256": digest(identity)})


async def make_link(conn: Connection, caller: Caller) -> str:
    """A token that opens a session once, by the caller's key."""
    token = secrets.token_urlsafe(_ID_BYTES)
    params = {
        "sha256": digest(token), "book": caller.book, "key_id": caller.id, "valid": LINK_VALID,
    }  # fmt: skip
    await conn.execute(text("console/make_link"), params)
    return token


async def take_link(conn: Connection, token: str) -> Caller | None:
    """The caller of a link's key; None if the link was used, has expired, or its key is revoked."""
    found = await conn.execute(text("console/find_link"), {"sha256": digest(token)})
    link = await found.fetchone()
    if link is None:
        return None
    params = {"sha256": digest(token), "book": link["book"]}
    row = await (await conn.execute(text("console/take_link"), params)).fetchone()
    return Caller(row["book"], row["id"], tuple(row["scopes"])) if row else None
