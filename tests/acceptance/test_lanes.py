"""What is slow, locked or frozen stops its own kind of question, and no other."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg
import pytest

from service.database.connections import connect
from service.store.events import append
from tests.acceptance.doors import Doors
from tests.acceptance.service import number
from tests.builders import SECRET, at, body
from tests.conftest import as_owner
from tests.deliveries import delivery

pytestmark = pytest.mark.scenario

LONG = 1_500
LATE = 60
"""A stream of so many events, of which so many in its middle were recorded last."""


@contextmanager
def locked(url: str, prefix: str) -> Iterator[None]:
    """Hold every table of a read model, as a migration by hand or a dump does."""
    with psycopg.connect(as_owner(url)) as conn:
        found = conn.execute(
            "select format('%%I.%%I', schemaname, tablename) from pg_tables"
            " where schemaname = 'read' and tablename like %s",
            (f"{prefix}%",),
        ).fetchall()
        assert found
        for (table,) in found:
            conn.execute(f"lock table {table} in access exclusive mode")
        yield


def connections(url: str) -> dict[str, int]:
    """How many there are of each use, in this database."""
    with psycopg.connect(as_owner(url)) as conn:
        found = conn.execute(
            "select application_name, count(*) from pg_stat_activity"
            " where datname = current_database() group by 1"
        ).fetchall()
    return dict(found)


def ask(doors: Doors, path: str) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    # a connection of its own each time: the client's own limit is not under test
    with httpx.Client(base_url=doors.service.client.base_url, timeout=60) as client:
        answer = client.get(path, headers={"authorization": f"Bearer {doors.live}"})
    return answer, time.monotonic() - began


def test_a_locked_list_stops_no_login(doors: Doors) -> None:
    url = doors.database_url
    # more than there are lines, and as many as the pool has connections
    blocked = ["/v1/payouts"] * 4 + ["/v1/search?q=payout_1"] * 8
    with locked(url, "payouts"), ThreadPoolExecutor(40) as threads:
        waiting = [threads.submit(ask, doors, path) for path in blocked]
        time.sleep(0.5)
        for path in ("/v1/customers/cus_1/access", "/readyz", "/healthz"):
            answer, _ = ask(doors, path)
            assert (answer.status_code, path) == (200, path)
        content = body("payment.failed", "failed", at(1))
        assert doors.service.deliver("live", SECRET, content).is_success
        # none of these waited for the lists
        assert not all(one.done() for one in waiting)
        used = connections(url)
        assert used["daybook access"] <= 4
        assert used["daybook lists"] <= 3
        assert used["daybook questions"] <= 8
        for one in waiting:
            answer, seconds = one.result()
            assert answer.status_code == 503, answer.text
            problem = answer.json()
            assert problem["type"] in {"/problems/timeout", "/problems/unavailable"}
            assert seconds < 20
    assert ask(doors, "/v1/payouts")[0].status_code == 200
    assert ask(doors, "/v1/search?q=payout_1")[0].status_code == 200


def test_a_locked_table_of_access_is_told_in_seconds(doors: Doors) -> None:
    with locked(doors.database_url, "subscriptions"):
        answer, seconds = ask(doors, "/v1/customers/cus_1/access")
        assert (answer.status_code, answer.json()["type"]) == (503, "/problems/timeout")
        assert "waited for a lock" in answer.json()["detail"]
        assert answer.headers["retry-after"]
        assert seconds < 5
        # what was cut off leaves nothing behind
        assert ask(doors, "/readyz")[0].status_code == 200
    assert ask(doors, "/v1/customers/cus_1/access")[0].status_code == 200


async def record_long(url: str) -> None:
    order = [n for n in range(LONG) if not 0 <= n - LONG // 4 < LATE]
    order += range(LONG // 4, LONG // 4 + LATE)
    contents = [body("subscription.renewed", "active", at(n * 600), "sub_long") for n in order]
    async with await connect(url) as conn:
        for first in range(0, LONG, 500):
            batch = [delivery(content) for content in contents[first : first + 500]]
            await append(conn, "live", batch)


@pytest.mark.slow
def test_a_long_history_holds_up_no_webhook(doors: Doors) -> None:
    asyncio.run(record_long(doors.database_url))
    doors.service.await_position(doors.live, send(doors)[0])
    with ThreadPoolExecutor(2) as threads:
        path = "/v1/subscriptions/sub_long/history?limit=100&sort=occurred_at"
        reading = [threads.submit(read_to, doors, path) for _ in range(2)]
        meanwhile: list[float] = []
        while not all(one.done() for one in reading):
            meanwhile.append(send(doors)[1])
    late = [entry for one in reading for entry in one.result() if entry["late"]]
    assert len(late) == 2 * LATE
    meanwhile.sort()
    # in the loop each of them waited for the whole of a page
    assert meanwhile[len(meanwhile) // 2] < 0.5


def send(doors: Doors) -> tuple[int, float]:
    """The position of a webhook, and how long its acknowledgement took."""
    began = time.monotonic()
    answer = doors.service.deliver("live", SECRET, body("payment.failed", "failed", at(1)))
    return number(answer.json()["position"]), time.monotonic() - began


def read_to(doors: Doors, path: str) -> list[dict[str, Any]]:
    """The entries of a history up to the page that holds its last late one."""
    found: list[dict[str, Any]] = []
    cursor = ""
    while sum(entry["late"] for entry in found) < LATE:
        answer, _ = ask(doors, path + cursor)
        assert answer.status_code == 200, answer.text
        found += answer.json()["data"]
        cursor = f"&cursor={answer.json()['next_cursor']}"
    return found
