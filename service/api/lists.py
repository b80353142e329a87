"""Routes that answer a list: a page of rows, of which a caller may select fields."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar, get_type_hints

from litestar import get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from service.api.endpoint import ApiRequest, accepts, read_query, select_page_fields
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
    scope: str = "read",
) -> Callable[[ReadPage[C, L, P]], HTTPRouteHandler]:
    """Make a route of a function that reads one page.

    Args:
        path: below ``/v1``.
        connection: what the function reads from.
        operation_id: as in OpenAPI; so are ``summary``, ``description`` and ``tags``.
        summary: in a few words.
        description: in a few sentences.
        tags: one.
        query: the parameters that it accepts, where the function's annotation does not say them.
        answer: the name of the schema of its answer, where the annotation does not say it.
        scope: the one that its caller's key must have.
    """

    def decorate(read: ReadPage[C, L, P]) -> HTTPRouteHandler:
        hints = get_type_hints(read)
        kind: type[L] = query or hints["query"]

        async def handle(request: ApiRequest) -> Any:  # noqa: ANN401 - the page's type, as set below
            wanted = await read_query(request, kind)
            async with connection(request) as conn:
                page = await read(request, conn, wanted)
            return select_page_fields(page, wanted.fields)

        handle.__annotations__["return"] = hints["return"]
        route = get(
            path,
            operation_id=operation_id,
            summary=summary,
            description=description,
            tags=tags,
            opt=accepts(kind, answer=answer, scope=scope),
        )
        return route(handle)

    return decorate
