"""Every connection has the limits of its use, and none waits for ever."""

import asyncio
import os
import signal
import time

import psycopg
import pytest
from msgspec.structs import astuple

from service.database import connections
from service.database.connections import (
    ACCESS,
    ADMIN,
    BULK,
    LISTS,
    NOTICES,
    PROJECTOR,
    QUESTIONS,
    WRITER,
    Limits,
    ResponseTimeoutError,
    bulk_connection,
    connect,
    pool,
    pool_connection,
    response_deadline,
)
from tests import documents

EVERY = [ACCESS, ADMIN, LISTS, NOTICES, PROJECTOR, QUESTIONS, WRITER]


@pytest.mark.parametrize("limits", EVERY, ids=lambda limits: limits.use)
async def test_a_connection_has_the_limits_of_its_use(database_url: str, limits: Limits) -> None:
    async with await connect(database_url, limits) as conn:
        found = await conn.execute("select name, setting, unit from pg_settings")
        settings = {row["name"]: row["setting"] for row in await found.fetchall()}
    milliseconds = {
        "statement_timeout": limits.statement,
        "lock_timeout": limits.lock,
        "idle_in_transaction_session_timeout": limits.idle,
        "transaction_timeout": limits.transaction,
        "client_connection_check_interval": 2,
    }
    for name, seconds in milliseconds.items():
        assert settings[name] == f"{seconds * 1000:.0f}", name
    assert settings["application_name"] == f"daybook {limits.use}"
    assert settings["synchronous_commit"] == "on"


def test_the_readme_has_every_limit() -> None:
    for limits in (*EVERY, BULK):
        _, *numbers = astuple(limits)
        said = " | ".join(f"{n:g}" if n else "none" for n in numbers)
        assert f"\n| `{limits.use}` | {said} |\n" in documents.SERVICE.read_text()


def test_bulk_work_gives_back_what_it_held(database_url: str) -> None:
    with bulk_connection(database_url) as conn:
        row = conn.execute("show idle_in_transaction_session_timeout").fetchone()
    assert row == {"idle_in_transaction_session_timeout": f"{BULK.idle / 60:.0f}min"}


async def test_keepalives_are_set_at_the_server_too(database_url: str) -> None:
    # on a socket of the machine they read 0, whatever was asked for: only that it may be asked
    async with await connect(database_url) as conn:
        row = await (await conn.execute("show tcp_keepalives_idle")).fetchone()
    assert row is not None


async def test_a_frozen_server_is_given_up(database_url: str) -> None:
    async with await connect(database_url) as conn:
        os.kill(pid := conn.info.backend_pid, signal.SIGSTOP)
        began = time.monotonic()
        try:
            with pytest.raises(ResponseTimeoutError):
                async with response_deadline(conn, 0.2):
                    await conn.execute("select 1")
        finally:
            os.kill(pid, signal.SIGCONT)
    assert time.monotonic() - began < 5


async def test_an_error_in_time_is_as_it_is(database_url: str) -> None:
    async with await connect(database_url) as conn:
        with pytest.raises(psycopg.errors.DivisionByZero):
            async with response_deadline(conn, 5):
                await conn.execute("select 1 / 0")


async def test_a_pool_gives_up_a_frozen_connection(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_CHECK_SECONDS", 0.2)
    async with pool(database_url, QUESTIONS, 1) as made:
        async with pool_connection(made, QUESTIONS) as conn:
            pid = conn.info.backend_pid
        os.kill(pid, signal.SIGSTOP)
        try:
            async with asyncio.timeout(20), pool_connection(made, QUESTIONS) as conn:
                assert conn.info.backend_pid != pid
        finally:
            os.kill(pid, signal.SIGCONT)
