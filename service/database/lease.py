"""Leases: work that one process at a time may do, with its owner and its progress.

A lease is a row that a heartbeat renews. An advisory lock would not do: it belongs to a
connection, so it breaks behind a pooler, and a transaction that held it would pin a snapshot.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

import structlog

from service.database.connections import UNAVAILABLE, Connection, connect, response_deadline
from service.database.statements import text

REBUILD = "rebuild"

_REBUILD_SECONDS = 30.0
_BEAT_SECONDS = 1.0
_ANSWER_SECONDS = 10.0
_RETRY_SECONDS = 2.0
_WAIT_SECONDS = 0.1

_log = structlog.get_logger(__name__)


class LeaseTakenError(Exception):
    """Another process holds the lease; the text names it."""


class Lease:
    """A lease and the progress of the work that it protects."""

    def __init__(self, name: str, seconds: float = _REBUILD_SECONDS) -> None:
        self.name = name
        self._ttl = timedelta(seconds=seconds)
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self.doing: str | None = None
        self.done = 0
        self.total = 0

    async def acquire(self, conn: Connection) -> None:
        """Acquire or renew the lease; in a transaction, nobody can take it before the commit.

        Raises:
            LeaseTakenError: if another process holds it.
        """
        params = {
            "name": self.name, "owner": self.owner, "ttl": self._ttl,
            "doing": self.doing, "done": self.done, "total": self.total,
        }  # fmt: skip
        if await (await conn.execute(text("database/take_lease"), params)).fetchone() is None:
            raise LeaseTakenError(self._described(await self._holder(conn)))

    async def await_and_acquire(self, conn: Connection) -> None:
        """Acquire the lease; wait while its holder ends, or for its end if the holder was killed.

        Raises:
            LeaseTakenError: as soon as another process renews it: that one is working.
        """
        seen: dict[str, Any] | None = None
        while True:
            try:
                return await self.acquire(conn)
            except LeaseTakenError as error:
                holder = await self._holder(conn)
                if seen is None:
                    _log.info("waiting for a lease", lease=self.name, reason=str(error))
                # one that was given up since expires at once, which is earlier
                elif holder and holder["expires_at"] > seen["expires_at"]:
                    raise
                seen = seen or holder
            await asyncio.sleep(_WAIT_SECONDS)

    async def _holder(self, conn: Connection) -> dict[str, Any] | None:
        cursor = await conn.execute(text("database/lease"), {"name": self.name})
        return await cursor.fetchone()

    def _described(self, row: dict[str, Any] | None) -> str:
        if row is None:
            return f"Another {self.name} has just ended; run it again."
        host, pid, _ = row["owner"].rsplit(":", 2)
        doing = f", {row['doing']} {row['done']} of {row['total']}" if row["doing"] else ""
        return (
            f"Another {self.name} is running, one at a time: process {pid} on {host}, since"
            f" {row['since']:%Y-%m-%d %H:%M:%S} UTC{doing}. If it was killed, its lease runs out in"
            f" {self._ttl.total_seconds():.0f} s at most."
        )

    async def release(self, conn: Connection) -> None:
        """Release the lease, so that the next process can acquire it at once."""
        await conn.execute(text("database/give_up_lease"), {"name": self.name, "owner": self.owner})


@asynccontextmanager
async def hold_lease(
    url: str, name: str, seconds: float = _REBUILD_SECONDS, *, wait: bool = False
) -> AsyncIterator[Lease]:
    """Hold a lease while the block runs, renewed every second by a heartbeat.

    Args:
        url: the database.
        name: what only one process may do at a time.
        seconds: how long the lease outlives a process that was killed.
        wait: wait for a holder that is ending or was killed, as ``await_and_acquire`` does.

    Raises:
        LeaseTakenError: if another process holds it.
    """
    lease = Lease(name, seconds)
    async with await connect(url) as conn:
        await (lease.await_and_acquire(conn) if wait else lease.acquire(conn))
    heartbeat = asyncio.create_task(_renew(url, lease))
    try:
        yield lease
    finally:
        heartbeat.cancel()
        await asyncio.gather(heartbeat, return_exceptions=True)
        with suppress(*UNAVAILABLE):
            async with await connect(url) as conn:
                await lease.release(conn)


async def _renew(url: str, lease: Lease) -> None:
    """Renew a lease until cancelled; after a failure, go on over a new connection.

    A missed beat does no harm: the final switch checks the lease again.
    """
    while True:
        try:
            async with await connect(url) as conn:
                while True:
                    await asyncio.sleep(_BEAT_SECONDS)
                    async with response_deadline(conn, _ANSWER_SECONDS):
                        await lease.acquire(conn)
        except (LeaseTakenError, *UNAVAILABLE) as error:
            _log.warning("lease not renewed", lease=lease.name, reason=str(error).strip())
        await asyncio.sleep(_RETRY_SECONDS)
