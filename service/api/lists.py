"""Routes that answer a list: a page of it as JSON, or all of it as CSV."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, get_type_hints

import psycopg
from litestar import get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from service.api.csv_export import columns_of, csv_response, prefers_csv
from service.api.endpoint import (
    ApiRequest,
    accepts,
    read_query,
    replica_failed,
    select_page_fields,
)
from service.api.fields import check_selection, row_type
from service.api.query import ListQuery

C = TypeVar("C")
L = TypeVar("L", bound=ListQuery)
P = TypeVar("P", bound=Struct)

Connect = Callable[[ApiRequest], AbstractAsyncContextManager[C]]
ReadPage = Callable[[ApiRequest, C, L], Awaitable[P]]


def list_route(  # noqa: PLR0913 - as the framework's own
    path: str,
    *,
    connection: Connect[C],
    operation_id: str,
    summary: str,
    description: str,
    tags: list[str],
    query: type[L] | None = None,
    answer: str | None = None,
    columns: Sequence[str] | None = None,
    known: Sequence[str] = (),
    scope: str = "read",
) -> Callable[[ReadPage[C, L, P]], HTTPRouteHandler]:
    """Make a route of a function that reads one page.

    Args:
        path: below ``/v1``.
        connection: ``pooled`` or ``pipelined``; each page borrows one.
        operation_id: for OpenAPI, as the next three.
        summary: the line in the list of operations.
        description: the paragraph below it.
        tags: the groups of operations it belongs to.
        query: the parameters; the function's annotation by default.
        answer: the name of the answer's schema; the one of the function's annotation by default.
        columns: of the CSV; the fields of the page's rows by default.
        known: the fields that we know of rows to which the provider may add others.
        scope: the one that the caller's key must have.
    """

    def decorate(read: ReadPage[C, L, P]) -> HTTPRouteHandler:
        hints = get_type_hints(read)
        kind: type[L] = query or hints["query"]
        row = row_type(hints["return"])
        header = columns or (columns_of(row) if row else ())

        async def handle(request: ApiRequest) -> Any:  # noqa: ANN401 - the page's type, as set below
            async def read_page(wanted: L) -> P:
                try:
                    async with connection(request) as conn:
                        return await read(request, conn, wanted)
                except psycopg.Error:
                    if not replica_failed(request):
                        raise
                    async with connection(request) as conn:
                        return await read(request, conn, wanted)

            wanted = await read_query(request, kind)
            if prefers_csv(request, wanted):
                return await csv_response(request, wanted, read_page, header)
            page = await read_page(wanted)
            check_selection(request.route_handler, wanted.fields, page.data)  # type: ignore[attr-defined]
            return select_page_fields(page, wanted.fields)

        handle.__annotations__["return"] = hints["return"]
        route = get(
            path,
            operation_id=operation_id,
            summary=summary,
            description=description,
            tags=tags,
            opt=accepts(kind, answer=answer, scope=scope, known=known, columns=header),
        )
        return route(handle)

    return decorate
