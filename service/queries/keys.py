"""The API keys of a book, without their secrets, and the end of one."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from service.database.connections import Connection
from service.database.reader import Queryable
from service.problems import Problem
from service.store import api_keys
from service.store.api_keys import Key, Scope
from service.store.audit import Act


class KeyAnswer(Struct, frozen=True):
    """An API key of the book; ``last_used_at`` lags by half a minute."""

    key_id: str
    label: str | None
    scopes: tuple[Scope, ...]
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


class KeyPage(Struct, frozen=True):
    """All keys of a book, valid and revoked, in the order in which they were created."""

    data: list[KeyAnswer]


async def keys(conn: Queryable, book: str) -> KeyPage:
    """The keys of a book."""
    return KeyPage(_answers(await api_keys.list_keys(conn, book)))


async def revoke(conn: Connection, book: str, key_id: str, act: Act) -> KeyAnswer:
    """Revoke a key of a book for good.

    Raises:
        Problem: ``not-found`` if the book has no valid key with this id.
    """
    if not await api_keys.revoke(conn, key_id, act, book):
        raise Problem("not-found", f"This book has no valid API key {key_id!r}.")
    found = _answers(await api_keys.list_keys(conn, book))
    return next(key for key in found if key.key_id == key_id)


def _answers(found: Sequence[Key]) -> list[KeyAnswer]:
    return [
        KeyAnswer(k.id, k.label, k.scopes, k.created_at, k.last_used_at, k.revoked_at)
        for k in found
    ]
