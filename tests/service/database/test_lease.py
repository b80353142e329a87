"""A lease stays held while its work runs, whatever happens to a connection."""

import asyncio
from typing import Any

import pytest

from service.database import lease as leases
from service.database.connections import Connection
from service.database.lease import Lease, LeaseTakenError, hold_lease

HEARTBEATS = "select pid from pg_stat_activity where pid <> pg_backend_pid() and query ~ 'lease'"


async def row(conn: Connection) -> dict[str, Any]:
    found = await conn.execute("select owner, expires_at, done from read.lease")
    row = await found.fetchone()
    assert row is not None
    return row


async def test_the_heartbeat_survives_the_loss_of_its_connection(
    conn: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leases, "_BEAT_SECONDS", 0.01)
    monkeypatch.setattr(leases, "_RETRY_SECONDS", 0.01)
    async with hold_lease(database_url, "rebuild") as lease, asyncio.timeout(20):
        pids: set[int] = set()
        while len(pids) < 3:
            found = await conn.execute(HEARTBEATS)
            for pid in [row["pid"] for row in await found.fetchall()]:
                pids.add(pid)
                await conn.execute("select pg_terminate_backend(%s)", [pid])
            await asyncio.sleep(0.05)
        lease.done = 7
        while (await row(conn))["done"] != 7:  # noqa: ASYNC110 - it is in the database
            await asyncio.sleep(0.05)
        with pytest.raises(LeaseTakenError, match="one at a time"):
            await Lease("rebuild").acquire(conn)
    await Lease("rebuild").acquire(conn)


async def test_one_that_is_given_up_while_somebody_looks_is_acquired(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, waiting, looks = Lease("rebuild"), Lease("rebuild"), 0
    look = waiting._holder

    async def holder(own: Connection) -> dict[str, Any] | None:
        nonlocal looks
        looks += 1
        # after the second try has failed
        if looks == 3:
            await ending.release(own)
        return await look(own)

    await ending.acquire(conn)
    monkeypatch.setattr(waiting, "_holder", holder)
    await waiting.await_and_acquire(conn)
    assert (await row(conn))["owner"] == waiting.owner
