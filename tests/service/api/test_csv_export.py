"""A table of several pages: its columns, its rows, and what cuts it off."""

import pytest
from msgspec import Raw, Struct, field

from service.api.csv_export import _lines, _pages, columns_of
from service.api.fields import row_type
from service.api.metrics import MrrSeries
from service.api.query import PageQuery
from service.problems import Problem
from service.queries.metric_answers import Mrr


class Inner(Struct, frozen=True):
    id: str


class Row(Struct, frozen=True):
    before: str = field(name="from")
    inner: Inner | None
    raw: Raw | None = None


class Rows(Struct, frozen=True):
    data: list[Row]
    next_cursor: str | None


FIRST = Rows([Row("a", Inner("1"), Raw(b'{"b": 2}'))], "c1")


async def second(query: PageQuery) -> Rows:
    assert query.cursor == "c1"
    return Rows([Row("b", None)], None)


async def failing(_: PageQuery) -> Rows:
    raise Problem("unavailable", "The database is away.")


def test_columns_are_the_fields_of_a_row_and_of_what_is_within() -> None:
    assert columns_of(Row) == ["from", "inner.id", "raw"]
    assert row_type(Rows) is Row
    assert row_type(MrrSeries) is Mrr


async def test_all_pages_are_one_table() -> None:
    pages = _pages(FIRST, PageQuery(), second, single=False)
    table = "".join([lines async for lines in _lines(columns_of(Row), pages)])
    assert table == 'from,inner.id,raw\r\na,1,"{""b"":2}"\r\nb,,\r\n'
    thin = _lines(["raw", "unheard_of"], _pages(FIRST, PageQuery(), failing, single=True))
    assert "".join([lines async for lines in thin]) == 'raw,unheard_of\r\n"{""b"":2}",\r\n'


async def test_a_page_that_cannot_be_read_cuts_the_table_off() -> None:
    lines = _lines(columns_of(Row), _pages(FIRST, PageQuery(), failing, single=False))
    assert [await anext(lines) for _ in range(2)]
    with pytest.raises(ConnectionAbortedError, match="the CSV ends here"):
        await anext(lines)
