"""What only one may do at a time: a lease with an owner, kept by a heartbeat, and its progress.

Rows and not a lock held by a connection: that breaks behind a pooler and pins a snapshot.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from service.database.connections import UNAVAILABLE, Connection, connect
from service.database.statements import text

REBUILD = "rebuild"

_REBUILD_SECONDS = 30.0
_BEAT_SECONDS = 1.0


class LeaseTakenError(Exception):
    """Somebody else holds the lease."""


class Lease:
    """A lease that is held, and how far its work has come."""

    def __init__(self, name: str, seconds: float = _REBUILD_SECONDS) -> None:
        self.name = name
        self._ttl = timedelta(seconds=seconds)
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.doing: str | None = None
        self.done = 0
        self.total = 0

    async def keep(self, conn: Connection) -> None:
        """Take it or prolong it; inside a transaction, nobody else takes it before its end.

        Raises:
            LeaseTakenError: if somebody else holds it.
        """
        params = {
            "name": self.name, "owner": self.owner, "ttl": self._ttl,
            "doing": self.doing, "done": self.done, "total": self.total,
        }  # fmt: skip
        if await (await conn.execute(text("database/take_lease"), params)).fetchone() is None:
            raise LeaseTakenError(await self._taken(conn))

    async def _taken(self, conn: Connection) -> str:
        found = await conn.execute(text("database/lease"), {"name": self.name})
        row = await found.fetchone()
        if row is None:
            return f"Another {self.name} has just ended; run it again."
        host, pid, _ = row["owner"].rsplit(":", 2)
        doing = f", {row['doing']} {row['done']} of {row['total']}" if row["doing"] else ""
        return (
            f"Another {self.name} is running, one at a time: process {pid} on {host}, since"
            f" {row['since']:%Y-%m-%d %H:%M:%S} UTC{doing}. If it was killed, its lease runs out in"
            f" {self._ttl.total_seconds():.0f} s at most."
        )

    async def give_up(self, conn: Connection) -> None:
        """Let the next one have it at once."""
        await conn.execute(text("database/give_up_lease"), {"name": self.name, "owner": self.owner})


@asynccontextmanager
async def held(url: str, name: str) -> AsyncIterator[Lease]:
    """Hold a lease while the block runs.

    Raises:
        LeaseTakenError: if somebody else holds it.
    """
    lease = Lease(name)
    async with await connect(url) as conn:
        await lease.keep(conn)
        beating = asyncio.create_task(_beat(conn, lease))
        try:
            yield lease
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)
            with suppress(*UNAVAILABLE):
                await lease.give_up(conn)


async def _beat(conn: Connection, lease: Lease) -> None:
    # a beat that fails is no harm by itself: whoever switches asks once more
    with suppress(LeaseTakenError, *UNAVAILABLE):
        while True:
            await asyncio.sleep(_BEAT_SECONDS)
            await lease.keep(conn)
