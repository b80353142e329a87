"""A rebuild does not trust its scan: what was recorded is known, and must have been read."""

from collections.abc import Callable

import psycopg
import pytest

from projections.catalog import BY_NAME
from service.database.connections import Connection, connect
from service.database.statements import text
from service.readmodels.checkpoints import live_tables
from service.readmodels.errors import MissingEventsError, RebuildError
from service.readmodels.projector import advance
from service.readmodels.rebuild import preview, rebuild, undo
from service.store import scan
from service.store.events import append
from service.store.migrations import migrate
from service.store.scan import Blocks, Positions, Tally
from tests.builders import at, body
from tests.conftest import PLAIN, as_owner
from tests.deliveries import delivery
from tests.service.readmodels.test_projector import contents

pytestmark = pytest.mark.scenario

GRANT = "grant select, insert on store.event to daybook_service"
PARTITIONED = (
    "alter table store.event rename to plain",
    "create table store.event (like store.plain including constraints) partition by {way}",
    "alter table store.event add primary key (book, position)",
    GRANT,
)
HASHED = (
    "create table store.event_{n} partition of store.event"
    " for values with (modulus 2, remainder {n})"
)
LAYOUTS: dict[str, tuple[str, ...]] = {
    "hash": (
        *(s.format(way="hash (book)") for s in PARTITIONED),
        HASHED.format(n=0),
        HASHED.format(n=1),
    ),
    "list": (
        *(s.format(way="list (book)") for s in PARTITIONED),
        "create table store.event_test partition of store.event for values in ('test')",
    ),
    "inherited": ("create table store.event_old () inherits (store.event)",),
}
MOVE = (
    "alter table store.event disable trigger all",
    "insert into store.event_old select * from only store.event where position <= 100",
    "delete from only store.event where position <= 100",
)


def owned(url: str, *statements: str) -> None:
    with psycopg.connect(as_owner(url), autocommit=True) as owner:
        for statement in statements:
            owner.execute(statement.encode())


async def record(conn: Connection, count: int, *, project: bool = True) -> None:
    bodies = [body("subscription.renewed", "active", at(n), f"sub_{n % 40}") for n in range(count)]
    await append(conn, "test", [delivery(content) for content in bodies])
    while project and await advance(conn, "test"):
        pass


@pytest.mark.parametrize(
    "layout", [pytest.param("hash", marks=pytest.mark.slow), "list", "inherited"]
)
@PLAIN
async def test_events_in_no_plain_table_are_read_by_position(
    layout: str, database_url: str, conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "_POSITIONS", 60)
    owned(database_url, *LAYOUTS[layout])
    await record(conn, 213)
    if layout == "inherited":
        owned(database_url, *MOVE)
    live = await contents(conn)
    assert len(live["events"]) == 213
    assert len(await scan.plan_scan(conn, {"test": 213})) == 4
    assert await rebuild(conn) == {"test": 213}
    assert await contents(conn) == live
    assert [one.rows for one in await preview(conn) if one.rows] == []


@PLAIN
async def test_events_in_one_plain_table_are_read_by_block(conn: Connection) -> None:
    await record(conn, 10, project=False)
    assert await scan.plan_scan(conn, {"test": 10}) == [Blocks(0, 1)]


async def test_where_no_block_is_known_positions_are(conn: Connection) -> None:
    assert await scan.plan_scan(conn, {"test": 10}) == [Positions("test", 0, 10)]


LOSSES = {
    "one in the middle": "delete from store.event where position = 13",
    "the last": "delete from store.event where position = 60",
    "all": "truncate store.event",
}


@pytest.mark.parametrize(
    "loss",
    ["one in the middle", "the last", pytest.param("all", marks=pytest.mark.slow)],
)
async def test_nothing_is_switched_or_found_equal_where_events_are_missing(
    loss: str, database_url: str, conn: Connection
) -> None:
    await record(conn, 60)
    tables, rows = await live_tables(conn), await contents(conn)
    owned(database_url, "alter table store.event disable trigger all", LOSSES[loss])
    for attempt in (rebuild, preview):
        with pytest.raises(MissingEventsError, match="book 'test' ends at position 60, and"):
            await attempt(conn)
        with pytest.raises(MissingEventsError):
            await attempt(conn, [BY_NAME["customers"]])
    assert await live_tables(conn) == tables
    assert await contents(conn) == rows
    found = await conn.execute("select count(*) as n from pg_tables where tablename ~ '_g[0-9]+$'")
    assert (await found.fetchall())[0]["n"] == len(tables), "what was built is dropped again"


async def test_what_is_caught_up_must_be_there_too(database_url: str, conn: Connection) -> None:
    await record(conn, 20)
    rows = await contents(conn)

    def lose(doing: str, done: int, _: int) -> None:
        if (doing, done) == ("indexes", 1):
            owned(
                database_url,
                "update store.head set position = 25",
                "update read.checkpoint set position = 25",
            )

    with pytest.raises(MissingEventsError, match="position 25, and 20 of"):
        await rebuild(conn, progress=lose)
    assert await contents(conn) == rows


@pytest.mark.parametrize(
    "change",
    [
        lambda seen: seen.remove(7),
        lambda seen: seen.append(3),
        lambda seen: seen.__setitem__(4, 9),
        lambda seen: (seen.remove(2), seen.remove(7), seen.extend((4, 5))),
    ],
)
def test_a_tally_knows_what_is_missing_and_what_came_twice(
    change: Callable[[list[int]], object],
) -> None:
    def tally(positions: list[int]) -> Tally:
        made, other = Tally(), Tally()
        for position in positions[:5]:
            made.add(position)
        for position in positions[5:]:
            other.add(position)
        made.merge(other)
        return made

    seen = [*range(1, 13)]
    assert tally(seen).is_whole(12)
    change(seen)
    assert not tally(seen).is_whole(12)


async def test_what_was_never_built_is_not_found_equal(empty_database_url: str) -> None:
    async with await connect(empty_database_url) as empty:
        await migrate(empty)
        with pytest.raises(RebuildError, match=r"checkouts, .* were never built"):
            await preview(empty)


async def test_a_part_that_is_rebuilt_while_projecting_lags_skips_nothing(
    conn: Connection,
) -> None:
    await record(conn, 10)
    await record(conn, 30, project=False)
    # nothing differs in what is projected
    assert [one.projection for one in await preview(conn) if one.rows] == []
    await rebuild(conn, [BY_NAME["customers"]])
    while await advance(conn, "test"):
        pass
    rows = await contents(conn)
    assert len(rows["events"]) == 40
    await rebuild(conn)
    assert await contents(conn) == rows


async def test_the_way_back_leads_over_what_was_not_projected_at_the_switch(
    conn: Connection,
) -> None:
    await record(conn, 10)
    await record(conn, 30, project=False)
    await rebuild(conn)
    rows = await contents(conn)
    assert await undo(conn) == {"test": 40}
    assert await contents(conn) == rows


async def test_read_models_beyond_the_end_of_a_restored_book_are_mended_as_a_whole(
    database_url: str, conn: Connection
) -> None:
    await record(conn, 10)
    rows = await contents(conn)
    await record(conn, 5)
    owned(
        database_url,
        "alter table store.event disable trigger all",
        "delete from store.event where position > 10",
        "alter table store.head disable trigger all",
        "update store.head h set position = 10, link = e.link from store.event e"
        " where e.book = h.book and e.position = 10",
    )
    assert await rebuild(conn, [BY_NAME["customers"]]) == {"test": 10}
    assert await contents(conn) == rows
    with pytest.raises(Exception, match="no tables from before"):
        await undo(conn)


def test_both_scans_copy_the_same_fields() -> None:
    fields = [text(name).partition("from store")[0].partition("select")[2] for name in (
        "store/scan", "store/scan_positions",
    )]  # fmt: skip
    assert fields[0] == fields[1]
