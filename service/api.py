"""The door out: the REST API over the read models, under ``/v1``."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any

from litestar import Request, Response, Router, get
from litestar.datastructures import State
from litestar.handlers import HTTPRouteHandler
from litestar.params import Parameter

from projections.catalog import PROJECTIONS
from projections.projection import Projection
from service import reads
from service.answers import AccessAnswer, EventAnswer, History, Page
from service.auth import Caller, KeyMiddleware
from service.problems import Problem

Asking = Request[Caller, None, State]

Limit = Annotated[int, Parameter(ge=1, le=100, description="How many at the most.")]
CursorText = Annotated[
    str | None, Parameter(description="The `next_cursor` of the page before; none for the first.")
]

_PAGING = ("limit", "cursor")
_LONGEST_POSITION = 18


@get(
    "/customers/{customer_id:str}/access",
    operation_id="get_customer_access",
    summary="Is this customer entitled, until when, because of what",
    tags=["customers"],
)
async def get_access(customer_id: str, request: Asking, state: State) -> AccessAnswer:
    """Ask on every login. A customer of whom nothing is recorded is not entitled."""
    async with state.pool.connection() as conn:
        return await reads.access(conn, request.user.book, customer_id, datetime.now(UTC))


@get(
    "/events/{position:str}",
    operation_id="get_event",
    summary="One event: what is stored of it, and its verdict",
    tags=["events"],
)
async def get_event(position: str, request: Asking, state: State) -> EventAnswer:
    """Everything that is kept of one recorded webhook but its body."""
    async with state.pool.connection() as conn:
        return await reads.event(conn, request.user.book, _place(position))


@get(
    "/events/{position:str}/body",
    operation_id="get_event_body",
    summary="The exact bytes of an event",
    tags=["events"],
    media_type="application/json",
)
async def get_event_body(position: str, request: Asking, state: State) -> Response[bytes]:
    """Byte for byte what the provider sent and signed."""
    async with state.pool.connection() as conn:
        content = await reads.body(conn, request.user.book, _place(position))
    # whatever the sender called it, a browser must not take it for a page
    headers = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
    return Response(content, media_type="application/json", headers=headers)


def _place(position: str) -> int:
    if not re.fullmatch(r"[0-9]+", position) or len(position) > _LONGEST_POSITION:
        raise Problem("not-found", f"This book has no event at position {position}.")
    return int(position)


def _resource_routes(projection: Projection[Any]) -> list[HTTPRouteHandler]:
    """List, one, and its history where it has one: alike for every resource."""
    name = projection.name
    one = name.removesuffix("s")
    allowed = ", ".join(f"`{f}`" for f in projection.filters)

    @get(
        f"/{name}",
        operation_id=f"list_{name}",
        summary=f"A page of {name.replace('_', ' ')}, newest first",
        description=f"Filters, each an exact value: {allowed}.",
        tags=[name],
    )
    async def get_page(
        request: Asking, state: State, limit: Limit = 20, cursor: CursorText = None
    ) -> Page:
        filters = _filters(projection, request.query_params.dict())
        async with state.pool.connection() as conn:
            return await reads.page(
                conn, request.user.book, projection, filters=filters, limit=limit, cursor=cursor
            )

    @get(
        f"/{name}/{{resource_id:str}}",
        operation_id=f"get_{one}",
        summary=f"One {one.replace('_', ' ')}",
        description="The provider's latest snapshot under its own names, and what we know beside.",
        tags=[name],
    )
    async def get_one(resource_id: str, request: Asking, state: State) -> dict[str, Any]:
        async with state.pool.connection() as conn:
            return await reads.resource(conn, request.user.book, projection, resource_id)

    @get(
        f"/{name}/{{resource_id:str}}/history",
        operation_id=f"get_{one}_history",
        summary=f"What happened to a {one.replace('_', ' ')}, in the order of the world",
        description="Each event with the status before and after, its verdict, and why.",
        tags=[name],
    )
    async def get_history(resource_id: str, request: Asking, state: State) -> History:
        book = request.user.book
        category = projection.aggregate.category if projection.aggregate else ""
        async with state.pool.connection() as conn:
            return await reads.history(
                conn, book, state.businesses.get(book), f"{category}-{resource_id}"
            )

    routes: list[HTTPRouteHandler] = [get_page, get_one]
    return [*routes, get_history] if projection.aggregate else routes


def _filters(projection: Projection[Any], given: Mapping[str, list[str]]) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for name, values in given.items():
        if name in _PAGING:
            continue
        if name not in projection.filters:
            allowed = ", ".join((*projection.filters, *_PAGING))
            raise Problem("invalid-parameter", f"{name}: not known here; allowed are {allowed}.")
        if len(values) > 1:
            raise Problem("invalid-parameter", f"{name}: came {len(values)} times; once, please.")
        chosen[name] = values[0]
    statuses = projection.aggregate.lifecycle.statuses if projection.aggregate else ()
    status = chosen.get("status")
    if status is not None and status not in statuses:
        raise Problem(
            "invalid-parameter", f"status: {status!r} is none; allowed are {', '.join(statuses)}."
        )
    return chosen


ROUTER = Router(
    "/v1",
    route_handlers=[
        get_access,
        get_event,
        get_event_body,
        *(route for p in PROJECTIONS if p.name != "events" for route in _resource_routes(p)),
    ],
    middleware=[KeyMiddleware],
    security=[{"api_key": []}],
    response_headers={"cache-control": "private, no-cache"},
)
