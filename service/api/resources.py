"""List, one, and its history: alike for every resource."""

from datetime import UTC, datetime
from typing import Any

from litestar import get
from litestar.handlers import HTTPRouteHandler

from projections.catalog import STREAMS
from projections.customers import CUSTOMERS
from projections.projection import Projection
from service.api import asked
from service.api.disputes import response_days
from service.api.endpoint import Asking, quickly, taking, thinned, thinned_page
from service.api.parameter_kinds import CLOCKS, FIELDS, PAGE, sort
from service.api.schemas import named
from service.database.reader import Queryable
from service.problems import Problem
from service.queries import events, paging, resources
from service.queries.answers import History, Page
from service.queries.clocks import past
from service.readmodels.streams import Target
from service.store.events import books


async def target_of(conn: Queryable, book: str) -> Target:
    """The live read models of a book, as the projector names them.

    Raises:
        Problem: ``not-ready`` before the book is opened.
    """
    found = (await books(conn)).get(book)
    if found is None:
        raise Problem("not-ready", "This book is not opened yet.")
    return Target(book, found.business_id, resources.VIEWS)


def _list(projection: Projection[Any]) -> HTTPRouteHandler:
    name = projection.name
    sorts, filters = asked.sorts(projection), asked.filters(projection)

    @get(
        f"/{name}",
        operation_id=f"list_{name}",
        summary=f"A page of {name.replace('_', ' ')}, newest first",
        description="All filters that are given hold at once. Follow `next_cursor` until it is"
        " null: no entry is missed or shown twice, however many are added meanwhile. A page of"
        " large entries ends before `limit`, where it holds 8 MiB of them.",
        tags=[name],
        opt=taking(*asked.resources(projection), answer=f"{named(projection)}Page"),
    )
    async def list_resources(request: Asking) -> Page:
        async with quickly(request) as (conn, given):
            page = await resources.page(
                conn,
                request.user.book,
                projection,
                filters={name: given[name] for name in filters},
                order=await paging.checked_order(
                    conn, request.user.book, given, sorts, str, request.scope["path"]
                ),
                limit=given["limit"],
                response_days=response_days(request),
            )
        return thinned_page(page, given["fields"])

    return list_resources


def _one(projection: Projection[Any]) -> HTTPRouteHandler:
    one = projection.name.removesuffix("s")

    @get(
        f"/{projection.name}/{{{projection.key}:str}}",
        operation_id=f"get_{one}",
        summary=f"One of the {projection.name.replace('_', ' ')}",
        description="The provider's latest snapshot under its own names, and what we know beside;"
        " with `as_of` and `known_at` as it was, without what is related to it.",
        tags=[projection.name],
        opt=taking(*(CLOCKS if projection.aggregate else ()), FIELDS, answer=named(projection)),
    )
    async def get_resource(request: Asking) -> dict[str, Any]:
        identity = request.path_params[projection.key]
        async with quickly(request) as (conn, given):
            book, days = request.user.book, response_days(request)
            moments = await past(conn, book, given, datetime.now(UTC))
            if moments:
                target = await target_of(conn, book)
                told = await resources.resource_past(
                    conn, target, projection, identity, moments, response_days=days
                )
            else:
                told = await resources.resource(conn, book, projection, identity, days)
        return thinned(told, given["fields"])

    return get_resource


def _history(projection: Projection[Any], category: str) -> HTTPRouteHandler:
    one = projection.name.removesuffix("s")

    @get(
        f"/{projection.name}/{{{projection.key}:str}}/history",
        operation_id=f"get_{one}_history",
        summary=f"What happened to one of the {projection.name.replace('_', ' ')}",
        description="Each event in the order of the world, with the status before and after, its"
        " verdict, and why.",
        tags=[projection.name],
        opt=taking(*CLOCKS, sort(*asked.HISTORY_SORTS), *PAGE),
    )
    async def get_history(request: Asking) -> History:
        async with quickly(request) as (conn, given):
            target = await target_of(conn, request.user.book)
            page = await events.history(
                conn,
                target,
                f"{category}-{request.path_params[projection.key]}",
                await past(conn, request.user.book, given, datetime.now(UTC)),
                order=await paging.checked_order(
                    conn, request.user.book, given, asked.HISTORY_SORTS, int, request.scope["path"]
                ),
                limit=given["limit"],
            )
        return thinned_page(page, given["fields"])

    return get_history


def _routes(projection: Projection[Any]) -> list[HTTPRouteHandler]:
    routes = [_list(projection), _one(projection)]
    if projection.aggregate:
        routes.append(_history(projection, projection.aggregate.category))
    return routes


RESOURCE_ROUTES = [route for p in (*STREAMS, CUSTOMERS) for route in _routes(p)]
