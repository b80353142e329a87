"""List, one, and its history: alike for every resource."""

from datetime import UTC, datetime
from typing import Annotated, Any, cast

from litestar import get
from litestar.handlers import HTTPRouteHandler
from msgspec import defstruct
from msgspec.structs import asdict

from projections.catalog import STREAMS
from projections.customers import CUSTOMERS
from projections.projection import Projection
from projections.search_terms import folded
from service.api.disputes import response_days
from service.api.endpoint import ApiRequest, accepts, pipelined, read_query, select_fields
from service.api.fields import check_selection
from service.api.lists import list_route
from service.api.parameters import AsOf, KnownAt, Parameter, choice, since, sort_order, text, until
from service.api.query import DocumentQuery, PageQuery
from service.api.schemas import columns, known_fields, named, singular
from service.database.reader import Queryable
from service.queries import histories, paging, resources
from service.queries.answers import History, Page
from service.queries.clocks import past

_HISTORY_SORTS = ("occurred_at", "-occurred_at")


class PastQuery(DocumentQuery, frozen=True, kw_only=True):
    """The parameters of one document, now or in the past."""

    as_of: AsOf = None
    known_at: KnownAt = None


class HistoryQuery(PageQuery, frozen=True, kw_only=True):
    """The parameters of a history, now or in the past."""

    as_of: AsOf = None
    known_at: KnownAt = None
    sort: Annotated[str | None, sort_order(*_HISTORY_SORTS)] = None


def _sorts(projection: Projection[Any]) -> tuple[str, ...]:
    """The orders of a list of resources, the default first."""
    return tuple(f"{sign}{column}" for column in projection.sorts for sign in ("-", ""))


def _filters(projection: Projection[Any]) -> dict[str, Parameter]:
    """The parameters that choose among resources, by name."""
    filters = {name: _filter(projection, name) for name in projection.filters}
    between = {"created_at_gte": since("was created"), "created_at_lte": until("was created")}
    if projection.aggregate:
        reached = "reached its status"
        between |= {"status_since_gte": since(reached), "status_since_lte": until(reached)}
    return filters | between


def _filter(projection: Projection[Any], name: str) -> Parameter:
    if name == "status" and projection.aggregate:
        return choice("Only those in this status.", projection.aggregate.lifecycle.statuses)
    if name == "email":
        return text("Only those who have or had this address, in upper or lower case.", folded)
    return text(f"Only those whose `{name}` is exactly this.")


def _list_query(projection: Projection[Any]) -> type[PageQuery]:
    """The parameters of a list of resources, of its projection's filters."""
    fields = _filters(projection) | {"sort": sort_order(*_sorts(projection))}
    query = defstruct(
        f"{named(projection)}Query",
        [(name, Annotated[Any, parameter], None) for name, parameter in fields.items()],
        bases=(PageQuery,),
        frozen=True,
        kw_only=True,
    )
    return cast("type[PageQuery]", query)


def _list(projection: Projection[Any]) -> HTTPRouteHandler:
    name, sorts, filters = projection.name, _sorts(projection), tuple(_filters(projection))

    @list_route(
        f"/{name}",
        connection=pipelined,
        operation_id=f"list_{name}",
        summary=f"List {singular(projection)}s, newest first",
        description="An entry must match all filters. Follow `next_cursor` until it is null: you"
        " miss no entry and see none twice, even if some are added meanwhile. A page of large"
        " entries ends before `limit` once it holds 8 MiB.",
        tags=[name],
        query=_list_query(projection),
        answer=f"{named(projection)}Page",
        columns=columns(projection),
        known=known_fields(projection),
    )
    async def list_resources(request: ApiRequest, conn: Queryable, query: PageQuery) -> Page:
        book, given, path = request.user.book, asdict(query), request.scope["path"]
        return await resources.page(
            conn,
            book,
            projection,
            filters={name: given[name] for name in filters},
            order=await paging.checked_order(conn, book, given, sorts, str, path),
            limit=query.limit,
            response_days=response_days(request),
        )

    return list_resources


def _one(projection: Projection[Any]) -> HTTPRouteHandler:
    one = projection.name.removesuffix("s")
    kind = PastQuery if projection.aggregate else DocumentQuery

    @get(
        f"/{projection.name}/{{{projection.key}:str}}",
        operation_id=f"get_{one}",
        summary=f"Get one {singular(projection)}",
        description="The provider's latest snapshot under the provider's field names, and the"
        " fields that we compute. With `as_of` or `known_at` the resource as it was, without"
        " `related`.",
        tags=[projection.name],
        opt=accepts(
            kind, answer=f"{named(projection)}Answer", known=known_fields(projection, alone=True)
        ),
    )
    async def get_resource(request: ApiRequest) -> dict[str, Any]:
        identity = request.path_params[projection.key]
        query = await read_query(request, kind)
        async with pipelined(request) as conn:
            book, days = request.user.book, response_days(request)
            moments = await past(conn, book, asdict(query), datetime.now(UTC))
            if moments:
                target = await resources.target_of(conn, book)
                resource = await histories.resource_past(
                    conn, target, projection, identity, moments, response_days=days
                )
            else:
                resource = await resources.resource(conn, book, projection, identity, days)
        check_selection(request.route_handler, query.fields, [resource])
        return select_fields(resource, query.fields)

    return get_resource


def _history(projection: Projection[Any], category: str) -> HTTPRouteHandler:
    one = projection.name.removesuffix("s")

    @list_route(
        f"/{projection.name}/{{{projection.key}:str}}/history",
        connection=pipelined,
        operation_id=f"get_{one}_history",
        summary=f"List the events of one {singular(projection)}",
        description="In the order in which they happened, each with the status before and after,"
        " its verdict and its effect in words.",
        tags=[projection.name],
    )
    async def get_history(request: ApiRequest, conn: Queryable, query: HistoryQuery) -> History:
        book, given, path = request.user.book, asdict(query), request.scope["path"]
        return await histories.history(
            conn,
            await resources.target_of(conn, book),
            f"{category}-{request.path_params[projection.key]}",
            await past(conn, book, given, datetime.now(UTC)),
            order=await paging.checked_order(conn, book, given, _HISTORY_SORTS, int, path),
            limit=query.limit,
        )

    return get_history


def _routes(projection: Projection[Any]) -> list[HTTPRouteHandler]:
    routes = [_list(projection), _one(projection)]
    if projection.aggregate:
        routes.append(_history(projection, projection.aggregate.category))
    return routes


RESOURCE_ROUTES = [route for p in (*STREAMS, CUSTOMERS) for route in _routes(p)]
