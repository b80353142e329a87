"""Signing as a task: it goes on at once after an outage, and in the next process."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from service.database.connections import Connection, is_unavailable
from service.processes import tasks
from service.processes.tasks import TaskSupervisor
from service.proof import checkpoints, process
from service.settings import Settings
from service.store.events import append
from tests.service.proof.books import signed

LOST = "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s"


async def await_checkpoint(conn: Connection, size: int) -> None:
    async with asyncio.timeout(20):
        while True:
            cursor = await conn.execute("select max(size) from store.checkpoint")
            row = await cursor.fetchone()
            if row is not None and row["max"] == size:
                return
            await asyncio.sleep(0.05)


async def test_nothing_waits_for_a_lease_of_ones_own(
    conn: Connection, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "EVERY", timedelta(0))
    monkeypatch.setattr(process, "_POLL_SECONDS", 0.05)
    monkeypatch.setattr(tasks, "_OUTAGE_PAUSE_SECONDS", 0.05)
    book = {"mode": "test", "secrets": ["whsec_" + "A" * 32]}
    settings = Settings.model_validate({"data_dir": tmp_path, "books": {"test": book}})
    for number in (1, 3):
        supervisor = TaskSupervisor(is_unavailable)
        process.start(supervisor, settings, database_url)
        try:
            await append(conn, "test", [signed(number)])
            await await_checkpoint(conn, number)
            await conn.execute(LOST, ["daybook projector"])
            await append(conn, "test", [signed(number + 1)])
            await await_checkpoint(conn, number + 1)
        finally:
            await supervisor.stop()
