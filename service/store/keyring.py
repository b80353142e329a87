"""The keys that were used lately, so that a question costs no look-up of its key."""

import time
from datetime import UTC, datetime

from service.database.connections import QUESTIONS, Pool, pool_connection
from service.database.reader import Lane
from service.database.statements import text
from service.store import api_keys
from service.store.api_keys import Caller

_REMEMBERED_SECONDS = 5.0


class Keyring:
    """Knows the callers of one process. A key that is revoked opens for five seconds more at most.

    What is not a key is looked up each time: there is no end of what is not a key.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[float, Caller]] = {}
        self._used: dict[tuple[str, str], datetime] = {}

    async def caller(self, lane: Lane, key: str) -> Caller | None:
        """Whom a key belongs to, or None.

        Raises:
            psycopg.Error: if it must be looked up and cannot be.
        """
        digest, now = api_keys.digest(key), time.monotonic()
        until, found = self._known.get(digest, (0.0, None))
        if found is None or until < now:
            self._known.pop(digest, None)
            async with lane.connection() as conn:
                found = await api_keys.caller(conn, digest)
            if found is None:
                return None
            self._known[digest] = (now + _REMEMBERED_SECONDS, found)
        self._used[found.book, found.id] = datetime.now(UTC)
        return found

    async def flush(self, pool: Pool) -> None:
        """Write which keys were used, and when last."""
        used, self._used = self._used, {}
        if not used:
            return
        try:
            async with pool_connection(pool, QUESTIONS) as conn, conn.cursor() as cursor:
                # in one order, so that two processes do not wait for each other
                rows = [
                    {"book": book, "id": identity, "at": at}
                    for (book, identity), at in sorted(used.items())
                ]
                await cursor.executemany(text("store/keys/used"), rows)
        except BaseException:
            self._used = {**used, **self._used}
            raise
