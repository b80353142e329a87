"""The counts by day always add up to the rows that they count."""

from itertools import islice
from random import Random
from typing import Any

from psycopg.sql import SQL

from projections.by_day import BY_DAY
from projections.catalog import COUNTS
from projections.payments import PAYMENTS
from service.database.connections import Connection
from service.database.statements import fill, relation
from service.readmodels.projector import advance
from service.readmodels.rebuild import rebuild, undo
from service.readmodels.writing import counted
from service.sandbox.simulation import simulate
from service.store.events import append
from tests.builders import NOON
from tests.deliveries import delivery

ROWS = SQL("select * from {} where book = 'test' and count <> 0")
KINDS = {"movements": 4, "payments": 1, "refunds": 1, "disputes": 2, "payouts": 1}
"""How many kinds of each there are at least in what is told."""


async def counts(conn: Connection) -> dict[str, set[tuple[Any, ...]]]:
    """The counts that are kept."""
    found = {}
    for one in BY_DAY:
        columns = SQL(", ").join(map(SQL, one.column_names))
        kept = SQL("select {} from {} where book = 'test'").format(columns, relation(one.view))
        rows = await (await conn.execute(kept)).fetchall()
        found[one.name] = {tuple(row.values()) for row in rows}
    return found


async def counted_anew(conn: Connection) -> dict[str, set[tuple[Any, ...]]]:
    """The same, from the rows that there are."""
    found = {}
    for one in BY_DAY:
        assert one.counted is not None
        rows = SQL("(select * from {} where book = 'test')").format(relation(one.counted.view))
        statement = fill("readmodels/count_by_day", counted=counted(one.counted, rows))
        told = await (await conn.execute(statement)).fetchall()
        found[one.name] = {tuple(row.values()) for row in told}
    return found


async def tell(conn: Connection, seed: int, count: int) -> None:
    """Append what a simulated merchant is told, some of it late and twice, and project it."""
    chance = Random(seed)  # noqa: S311 - not for secrets
    told = [
        delivery(one.body, f"{seed}-{one.webhook_id}")
        for one in islice(simulate(40, seed, until=NOON, chaos=True), count)
    ]
    while told:
        size = chance.choice((1, 7, 40))
        await append(conn, "test", told[:size])
        while await advance(conn, "test"):
            pass
        del told[:size]


async def test_counts_add_up_to_the_rows_however_they_come(conn: Connection) -> None:
    await tell(conn, 7, 600)
    live = await counts(conn)
    assert live == await counted_anew(conn)
    for one in BY_DAY:
        assert one.counted is not None
        kinds = {row[one.column_names.index("kind")] for row in live[one.name]}
        assert len(kinds) >= KINDS[one.counted.name], one.name
    await rebuild(conn)
    assert await counts(conn) == live


async def test_counts_are_rebuilt_and_go_back_with_what_they_count(conn: Connection) -> None:
    await tell(conn, 7, 150)
    await rebuild(conn, [PAYMENTS])
    await tell(conn, 8, 150)
    after = await counts(conn)
    assert after == await counted_anew(conn)
    await undo(conn)
    assert await counts(conn) == after
    assert await counted_anew(conn) == after
    await tell(conn, 9, 150)
    assert await counts(conn) == await counted_anew(conn)
    await rebuild(conn, [COUNTS[PAYMENTS.name]])
    assert await counts(conn) == await counted_anew(conn)
