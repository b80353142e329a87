"""``daybook backfill`` as a process: killed, interrupted, refused."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from service.database.connections import Connection
from service.sandbox.catalog import BUSINESS
from service.sandbox.messages import AnswerFaultRequest
from tests import forkserver
from tests.acceptance.filling import (
    READ_BY_ID,
    differences,
    events,
    fewest_requests,
    held,
    project,
    requests,
)
from tests.acceptance.service import environment
from tests.builders import SECRET
from tests.sandbox import Sandbox, sandbox


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with sandbox("--requests-per-minute=0", "--requests-per-second=0", customers=40) as made:
        yield made


@pytest.fixture
def merchant(running: Sandbox) -> Iterator[Sandbox]:
    """A sandbox of forty customers, whose clock runs and is not moved."""
    yield running
    running.control.clear_faults()


def command(
    url: str, merchant: Sandbox, *args: str, per_minute: int = 100_000, business_id: str = BUSINESS
) -> subprocess.Popen[str]:
    book = {
        "MODE": "test", "SECRETS": f'["{SECRET}"]', "PROVIDER__API_KEY": merchant.api_key,
        "PROVIDER__URL": merchant.url, "PROVIDER__REQUESTS_PER_MINUTE": str(per_minute),
        "BUSINESS_ID": business_id,
    }  # fmt: skip
    variables = {f"DAYBOOK_BOOKS__TEST__{name}": value for name, value in book.items()}
    return forkserver.Popen(
        [sys.executable, "-m", "service", "backfill", "--book", "test", *args],
        env=environment(variables | {"DAYBOOK_DATABASE_URL": url, "COLUMNS": "200"}),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


async def _until(conn: Connection, count: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while await events(conn) < count and process.poll() is None:
        assert time.monotonic() < deadline, "nothing is recorded"
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "kills", [pytest.param(1, marks=pytest.mark.slow), pytest.param(10, marks=pytest.mark.long)]
)
async def test_a_killed_backfill_goes_on_where_it_was(
    kills: int, database_url: str, conn: Connection, merchant: Sandbox
) -> None:
    before = requests(merchant)
    whole = sum(len(held(merchant, kind)) for kind in (*READ_BY_ID, "payment", "credit"))
    for kill in range(1, kills + 1):
        # slowed down, or it would have ended before it is killed
        process = command(database_url, merchant, per_minute=3_000)
        await _until(conn, whole * kill // (kills + 1), process)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
    process = command(database_url, merchant)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "Going on with the run that was interrupted" in errors
    await project(conn)
    assert await differences(conn, merchant) == []
    # one event for each row and one for each reading by id: nothing is there twice
    row = await (await conn.execute(
        "select count(*) - count(distinct (webhook_id, body_sha256)) as twice from store.event"
    )).fetchone()  # fmt: skip
    assert row == {"twice": 0}
    # of each life its first request, the lists above the lists, and a page or a batch again
    assert requests(merchant) - before <= fewest_requests(merchant) + 30 * kills
    recorded = await events(conn)
    process = command(database_url, merchant)
    process.communicate(timeout=120)
    assert (process.returncode, await events(conn)) == (0, recorded)


async def test_ctrl_c_says_how_to_go_on(
    database_url: str, conn: Connection, merchant: Sandbox
) -> None:
    process = command(database_url, merchant, per_minute=60)
    await _until(conn, 1, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Run the same command again to go on where it was" in errors
    assert "Traceback" not in errors


async def test_the_command_says_what_it_did(database_url: str, merchant: Sandbox) -> None:
    process = command(database_url, merchant, "--kind=subscription", "--since=3000d")
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    count = str(len(held(merchant, "subscription")))
    [line] = [one for one in said.splitlines() if "subscription" in one]
    assert [part.strip() for part in line.split("│")][1:7] == [
        "subscription", count, count, "0", "0", count,
    ]  # fmt: skip
    assert "daybook serve" in said
    assert "requests a minute" in errors


@pytest.mark.parametrize(
    ("args", "why"),
    [
        (["--kind=invoice"], "unknown kind invoice"),
        (["--since=yesterday"], "'yesterday' is neither a date"),
    ],
)
def test_a_wrong_flag_is_explained(
    args: list[str], why: str, database_url: str, merchant: Sandbox
) -> None:
    process = command(database_url, merchant, *args)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, why in errors) == (2, True), errors


async def test_exit_status_2_where_nothing_could_be_read(
    database_url: str, conn: Connection, merchant: Sandbox
) -> None:
    merchant.control.add_answer_fault(AnswerFaultRequest(path="/", status=403, next=99))
    process = command(database_url, merchant)
    _, errors = process.communicate(timeout=60)
    merchant.control.clear_faults()
    assert (process.returncode, "must be a key of test mode" in errors) == (2, True), errors
    process = command(database_url, merchant, business_id="bus_other")
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, "correct books.test.business_id" in errors) == (2, True), errors
    assert await events(conn) == 0


async def test_exit_status_1_where_something_could_not_be_read(
    database_url: str, merchant: Sandbox
) -> None:
    merchant.control.add_answer_fault(AnswerFaultRequest(path="/disputes/", status=404, next=1))
    process = command(database_url, merchant, "--only=dispute")
    said, errors = process.communicate(timeout=60)
    assert (process.returncode, "Not read: dispute" in errors) == (1, True), errors
    assert "Book test is not complete" in said
    assert "is filled" not in said


async def test_an_empty_database_is_prepared(
    empty_database_url: str, merchant: Sandbox, tmp_path: Path
) -> None:
    process = command(empty_database_url, merchant, "--lists-only", f"--data-dir={tmp_path}")
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "Book test is filled" in said
