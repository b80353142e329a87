"""List, one, and its history: alike for every resource."""

from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler

from projections.catalog import STREAMS
from projections.customers import CUSTOMERS
from projections.projection import Projection
from service import event_reads, reads
from service.answers import History, Page
from service.keys import Caller
from service.parameters import AsOf, CursorText, KnownAt, Limit, allow, resource_filters
from service.past import past
from service.postgres import Connection
from service.problems import Problem
from service.projector import Target
from service.store import books

Asking = Request[Caller, None, State]


async def target_of(conn: Connection, book: str) -> Target:
    """The live read models of a book, as the projector names them.

    Raises:
        Problem: ``not-ready`` before the book is opened.
    """
    found = (await books(conn)).get(book)
    if found is None:
        raise Problem("not-ready", "This book is not opened yet.")
    return Target(book, found.business_id, reads.VIEWS)


def _list(projection: Projection[Any]) -> HTTPRouteHandler:
    name = projection.name
    allowed = ", ".join(f"`{f}`" for f in projection.filters)

    @get(
        f"/{name}",
        operation_id=f"list_{name}",
        summary=f"A page of {name.replace('_', ' ')}, newest first",
        description=f"Filters, each an exact value: {allowed}.",
        tags=[name],
    )
    async def list_resources(
        request: Asking, state: State, limit: Limit = 20, cursor: CursorText = None
    ) -> Page:
        filters = resource_filters(request, projection)
        async with state.pool.connection() as conn:
            return await reads.page(
                conn, request.user.book, projection, filters=filters, limit=limit, cursor=cursor
            )

    return list_resources


def _one(projection: Projection[Any]) -> HTTPRouteHandler:
    one = projection.name.removesuffix("s")
    clocks = ("as_of", "known_at") if projection.aggregate else ()

    @get(
        f"/{projection.name}/{{resource_id:str}}",
        operation_id=f"get_{one}",
        summary=f"One of the {projection.name.replace('_', ' ')}",
        description="The provider's latest snapshot under its own names, and what we know beside;"
        " with `as_of` and `known_at` as it was, without what is related to it.",
        tags=[projection.name],
    )
    async def get_resource(
        resource_id: str,
        request: Asking,
        state: State,
        as_of: AsOf = None,
        known_at: KnownAt = None,
    ) -> dict[str, Any]:
        allow(request, *clocks)
        asked = past(as_of, known_at, datetime.now(UTC))
        async with state.pool.connection() as conn:
            if not asked:
                return await reads.resource(conn, request.user.book, projection, resource_id)
            target = await target_of(conn, request.user.book)
            return await reads.resource_past(conn, target, projection, resource_id, asked)

    return get_resource


def _history(projection: Projection[Any], category: str) -> HTTPRouteHandler:
    one = projection.name.removesuffix("s")

    @get(
        f"/{projection.name}/{{resource_id:str}}/history",
        operation_id=f"get_{one}_history",
        summary=f"What happened to one of the {projection.name.replace('_', ' ')}",
        description="Each event in the order of the world, with the status before and after, its"
        " verdict, and why.",
        tags=[projection.name],
    )
    async def get_history(
        resource_id: str,
        request: Asking,
        state: State,
        as_of: AsOf = None,
        known_at: KnownAt = None,
    ) -> History:
        allow(request, "as_of", "known_at")
        asked = past(as_of, known_at, datetime.now(UTC))
        async with state.pool.connection() as conn:
            target = await target_of(conn, request.user.book)
            return await event_reads.history(conn, target, f"{category}-{resource_id}", asked)

    return get_history


def _routes(projection: Projection[Any]) -> list[HTTPRouteHandler]:
    routes = [_list(projection), _one(projection)]
    if projection.aggregate:
        routes.append(_history(projection, projection.aggregate.category))
    return routes


RESOURCE_ROUTES = [route for p in (*STREAMS, CUSTOMERS) for route in _routes(p)]
