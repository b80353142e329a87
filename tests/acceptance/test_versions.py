"""Another version of the read models: the old rows until the new ones are there, and no longer."""

import subprocess
import sys

import pytest

from projections.projection import VERSION
from service.database.connections import Connection
from service.readmodels.projector import advance
from service.store.events import append
from tests.builders import at, body
from tests.deliveries import delivery
from tests.service.readmodels.test_projector import contents

pytestmark = pytest.mark.scenario


def version(number: int, column: str, doing: str, url: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.acceptance.version", str(number), column, doing, url],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


async def tables(conn: Connection) -> set[int]:
    found = await conn.execute(
        "select distinct substring(relname from '_v([0-9]+)')::int as version from pg_class"
        " where relname ~ '_v[0-9]+(_g[0-9]+)?$'"
    )
    return {row["version"] for row in await found.fetchall()}


async def test_old_rows_are_shown_until_the_new_ones_are_built(
    conn: Connection, database_url: str
) -> None:
    await append(conn, "test", [delivery(body("subscription.active", "active", at(1), "sub_1"))])
    await advance(conn, "test")
    rows = await contents(conn)
    # borrowed: the old rows, without what they lack
    assert version(VERSION, "-", "show", database_url) == '["active"]'
    assert version(VERSION, "plan", "build", database_url) == f'["new in {VERSION}"]'
    # the old version, still running, goes on with its own
    await append(conn, "test", [delivery(body("subscription.on_hold", "on_hold", at(2), "sub_1"))])
    assert await advance(conn, "test")
    assert (await contents(conn))["subscriptions"][0]["status"] == "on_hold"
    assert len((await contents(conn))["events"]) == len(rows["events"]) + 1
    assert version(VERSION + 1, "plan", "show", database_url) == f'["new in {VERSION}"]'
    assert version(VERSION + 1, "plan", "build", database_url) == f'["new in {VERSION + 1}"]'
    # the one before is kept for its processes; those before it are gone
    assert await tables(conn) == {VERSION, VERSION + 1}


async def test_a_build_that_ends_while_old_rows_are_being_shown_wins(
    conn: Connection, database_url: str
) -> None:
    await append(conn, "test", [delivery(body("subscription.active", "active", at(1), "sub_1"))])
    await advance(conn, "test")
    # else new processes would show the old tables for good, which stand still once the old stop
    assert version(VERSION + 1, "plan", "race", database_url) == f'["new in {VERSION + 1}"]'
