"""Lists as CSV, for ``Accept: text/csv``: all pages, one after the other, as one table.

Each page borrows a connection only while it is read, and the next one is read when the client has
taken the last: any number of rows takes the memory of one page. If a page cannot be read, the
transfer is cut off, so that a part never looks complete.
"""

import csv
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from io import StringIO
from typing import Any, TypeVar, get_args

import msgspec
from litestar.response import Stream
from litestar.response.base import ASGIResponse
from msgspec import Raw, Struct
from msgspec.structs import replace

from service.api.endpoint import POSITION, ApiRequest, encoded_fields
from service.api.fields import check_selection
from service.api.parameters import MAX_PAGE
from service.api.query import LimitedQuery, ListQuery
from service.queries.csv_cells import cell

L = TypeVar("L", bound=ListQuery)

_MARK = "\ufeff"
"""Without a byte order mark Excel takes UTF-8 for the platform's encoding."""


class CsvResponse(Stream):
    """A table that is sent while it is made, on a route whose media type is JSON's."""

    def to_asgi_response(self, app: None, request: ApiRequest, **rest: Any) -> ASGIResponse:  # type: ignore[override]  # noqa: ANN401
        """Send it as CSV, as the framework asks for it."""
        return super().to_asgi_response(app, request, **rest | {"media_type": "text/csv"})


def columns_of(row: type[Struct]) -> list[str]:
    """The columns of a row: a struct within it has a column for each of its own fields."""
    columns: list[str] = []
    for field in msgspec.structs.fields(row):
        inner = [t for t in get_args(field.type) if isinstance(t, type) and issubclass(t, Struct)]
        names = [f".{name}" for name in inner[0].__struct_encode_fields__] if inner else [""]
        columns += [f"{field.encode_name}{name}" for name in names]
    return columns


def prefers_csv(request: ApiRequest, query: ListQuery) -> bool:
    """Whether the caller prefers CSV to JSON; the parameter decides before the header."""
    if query.format is not None:
        return query.format == "csv"
    # most callers do not name text, and parsing the header takes time
    if "text/" not in request.headers.get("accept", ""):
        return False
    return request.accept.best_match(["application/json", "text/csv"]) == "text/csv"


async def csv_response(
    request: ApiRequest, query: L, read: Callable[[L], Awaitable[Any]], columns: Sequence[str]
) -> CsvResponse:
    """The table of all pages from ``query`` on; of one page where the caller gives a limit.

    Raises:
        Problem: as ``read`` does for the first page.
    """
    single = "limit" in request.query_params
    if isinstance(query, LimitedQuery) and not single:
        query = replace(query, limit=MAX_PAGE)
    first = await read(query)
    check_selection(request.route_handler, query.fields, first.data)
    # `fields` selects columns, as it does in JSON
    lines = _lines(query.fields or columns, _pages(first, query, read, single=single))
    name = request.scope["path"].rstrip("/").rpartition("/")[2]
    headers = {"content-disposition": f'attachment; filename="{name}.csv"', "vary": "accept"}
    if (position := getattr(first, "position", None)) is not None:
        headers[POSITION] = position
    return CsvResponse(_marked(lines) if query.bom else lines, headers=headers)


async def _pages(
    page: Any,  # noqa: ANN401 - each list has its own page
    query: L,
    read: Callable[[L], Awaitable[Any]],
    *,
    single: bool,
) -> AsyncIterator[Any]:
    yield page
    following = None if single else query.following(page)
    while following is not None:
        query = following
        try:
            page = await read(query)
        except Exception as error:
            message = "a page could not be read: the CSV ends here"
            raise ConnectionAbortedError(message) from error
        yield page
        following = query.following(page)


async def _lines(columns: Sequence[str], pages: AsyncIterator[Any]) -> AsyncIterator[str]:
    paths = [column.split(".") for column in columns]
    yield _written([columns])
    async for page in pages:
        rows = map(encoded_fields, page.data)
        yield _written([cell(_value(row, path)) for path in paths] for row in rows)


async def _marked(lines: AsyncIterator[str]) -> AsyncIterator[str]:
    yield _MARK
    async for line in lines:
        yield line


def _value(row: dict[str, Any], path: Sequence[str]) -> object:
    value: Any = row
    for name in path:
        if isinstance(value, Raw):
            value = msgspec.json.decode(value)
        value = encoded_fields(value).get(name) if isinstance(value, (dict, Struct)) else None
    return value


def _written(rows: Iterable[Sequence[object]]) -> str:
    written = StringIO()
    csv.writer(written).writerows(rows)
    return written.getvalue()
