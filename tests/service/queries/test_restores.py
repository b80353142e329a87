"""Positions as they leave the service, and read models that show a history that ended."""

import re

import pytest

from service.database.connections import Connection, connect
from service.problems import Problem
from service.queries.resources import position
from service.queries.restores import verify
from service.readmodels.checkpoints import lost
from service.readmodels.errors import HistoryLostError, NoPreviousBuildError
from service.readmodels.projector import advance
from service.readmodels.rebuild import preview, rebuild, undo
from service.store.events import append
from service.store.positions import BEGINNING, Position, parse
from tests.builders import at, body
from tests.conftest import as_owner
from tests.deliveries import delivery


@pytest.mark.parametrize("text", ["0-00000000", "30-5f0c8a21", "999999999999999999-ffffffff"])
def test_a_position_is_read_as_it_was_written(text: str) -> None:
    assert str(parse(text)) == text
    assert parse(text.partition("-")[0]) == Position(parse(text).number)


@pytest.mark.parametrize(
    "text",
    ["", "-", "1-", "-1", "01-00000000", "1-0000000", "1-000000000", "1-0000000G", "1-ABCDEF00",
     "1 -00000000", "1-00000000\n", "1--0000000", "1234567890123456789", "\u0661-00000000"],
)  # fmt: skip
def test_what_is_written_otherwise_is_no_position(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(text)}$"):
        parse(text)


async def tell(conn: Connection, *names: str) -> None:
    contents = [body("subscription.active", "active", at(0), name) for name in names]
    await append(conn, "test", [delivery(content) for content in contents])


async def project(conn: Connection) -> None:
    while await advance(conn, "test"):
        pass


async def test_what_a_restore_took_is_neither_projected_on_nor_gone_back_to(
    conn: Connection, database_url: str
) -> None:
    await tell(conn, "sub_1", "sub_2", "sub_3")
    await project(conn)
    await rebuild(conn)
    late = await position(conn, "test")
    await verify(conn, "test", late)
    async with await connect(as_owner(database_url)) as owner:
        await owner.execute("alter table store.event disable trigger all")
        await owner.execute("alter table store.head disable trigger all")
        await owner.execute("delete from store.event where position > 1")
        await owner.execute(
            "update store.head h set position = 1, link = e.link from store.event e"
            " where h.book = e.book"
        )
        await owner.execute("alter table store.event enable trigger all")
        await owner.execute("alter table store.head enable trigger all")
    # beyond the end, and where the book has grown again, at the end and beyond it
    for names in ((), ("sub_4", "sub_5"), ("sub_6",)):
        if names:
            await tell(conn, *names)
        with pytest.raises(HistoryLostError, match=r"stand at position 3 .* Run `daybook rebuild`"):
            await advance(conn, "test")
        assert len(await lost(conn)) == 1
        with pytest.raises(Problem, match="restored to an earlier moment"):
            await verify(conn, "test", late)
        with pytest.raises(Problem, match="daybook rebuild"):
            await position(conn, "test")
        with pytest.raises(NoPreviousBuildError, match="daybook rebuild"):
            await undo(conn)
    assert any(one.rows for one in await preview(conn))
    await rebuild(conn)
    await project(conn)
    assert await lost(conn) == []
    assert (await position(conn, "test")).number == 4
    assert not any(one.rows for one in await preview(conn))
    with pytest.raises(NoPreviousBuildError):
        await undo(conn)
    await verify(conn, "test", BEGINNING)
