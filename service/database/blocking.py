"""Finds the connections that block a writer from locking the head of its book."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import psycopg
import structlog

from service.database.connections import (
    ACCESS,
    Connection,
    behind_pooler,
    connect,
    response_deadline,
)
from service.database.statements import text
from service.telemetry.throttle import Throttle

_PATIENCE_SECONDS = 1.5

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def log_blockers(
    conn: Connection, url: str, book: str, throttle: Throttle
) -> AsyncIterator[None]:
    """Log which connections block ``conn``, if the block takes long.

    A writer whose process has stopped within its transaction is disconnected; its webhooks were
    not acknowledged. Behind a pooler the blockers are unknown.
    """
    if behind_pooler(conn):
        yield
        return
    pid = conn.info.backend_pid
    tasks: list[asyncio.Task[None]] = []

    def start() -> None:
        tasks.append(asyncio.create_task(_log_blockers(url, book, pid, throttle)))

    timer = asyncio.get_running_loop().call_later(_PATIENCE_SECONDS, start)
    try:
        yield
    finally:
        timer.cancel()
        for task in tasks:
            task.cancel()


async def _log_blockers(url: str, book: str, pid: int, throttle: Throttle) -> None:
    try:
        async with await connect(url, ACCESS) as conn, response_deadline(conn, ACCESS.answer):
            cursor = await conn.execute(text("database/blockers"), {"pid": pid})
            for row in await cursor.fetchall():
                await _report(conn, book, row, throttle)
    except psycopg.Error:
        # the append itself reports the error
        return


async def _report(conn: Connection, book: str, row: dict[str, Any], throttle: Throttle) -> None:
    blocker = {name: row[name] for name in ("pid", "application", "role")}
    since = row["since"] and row["since"].isoformat(timespec="seconds")
    log = partial(_log.warning, "append blocked", book=book, since=since, **blocker)
    throttle.log(("blocked", row["pid"]), log)
    if row["stalled"]:
        await conn.execute(text("database/end_stalled"), {"pid": row["pid"]})
        _log.warning("stalled writer disconnected", book=book, pid=row["pid"])
