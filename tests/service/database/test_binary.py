"""Arrays in rows, written by COPY and by ``unnest``, are read back as they were."""

from typing import Any

from msgspec import structs
from psycopg.sql import SQL

from projections.events import EVENTS, Row
from service.database import binary, statements
from service.database.connections import Connection
from service.readmodels.checkpoints import live_tables
from tests.builders import at

TEXTS: list[Any] = [None, [], ["NULL"], ["", "null"], ['a,b"c\\d', "{}", " é "]]


def rows(first: int) -> list[Row]:
    """A row for each of the arrays."""
    return [
        Row(position, None, None, "a.b", at(0), "applied", unread=texts)
        for position, texts in enumerate(TEXTS, first)
    ]


async def test_arrays_are_read_back_as_they_were(conn: Connection) -> None:
    table = (await live_tables(conn))[EVENTS.name]
    by_unnest, by_copy = rows(1), rows(101)
    params = {"book": "test", **binary.columns(by_unnest)}
    await conn.execute(statements.upsert(EVENTS, table), params)
    encode = binary.row_encoder("test", Row)
    statement = statements.fill("readmodels/copy", table=statements.relation(table))
    async with conn.cursor() as cursor, cursor.copy(statement) as copy:
        await copy.write(binary.HEADER + b"".join(map(encode, by_copy)) + binary.TRAILER)
    found = await conn.execute(SQL("select * from {}").format(statements.relation(table)))
    told = {row.pop("position"): row for row in await found.fetchall()}
    for row in (*by_unnest, *by_copy):
        expected = structs.asdict(row)
        assert told[expected.pop("position")] == expected | {"book": "test"}
