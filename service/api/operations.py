"""``/v1/projections``, ``/v1/parked`` and ``/v1/refusals``: for the people who run the service."""

from datetime import UTC, datetime

from service.api.endpoint import ApiRequest, pooled
from service.api.lists import list_route
from service.api.query import ListQuery, PageQuery
from service.database.connections import Connection
from service.queries import projections, refusals
from service.queries.projections import ParkedPage, ProjectionPage
from service.queries.refusals import RefusalPage


@list_route(
    "/projections",
    connection=pooled,
    operation_id="list_projections",
    summary="List the read models and their lag",
    description="The version, the checkpoint and the lag of each read model, the progress of a"
    " running rebuild, and the number of parked streams.",
    tags=["operation"],
)
async def list_projections(
    request: ApiRequest, conn: Connection, query: ListQuery
) -> ProjectionPage:
    """What an operator looks at when an answer seems old."""
    del query
    return await projections.projections(conn, request.user.book, datetime.now(UTC))


@list_route(
    "/parked",
    connection=pooled,
    operation_id="list_parked",
    summary="List the parked streams and their errors",
    description="An event that cannot be folded parks its stream: other streams go on, and its"
    " resources are `stale`. Fix the cause, then run `daybook parked retry` to bring them up to"
    " date. Needs the scope `admin`.",
    tags=["operation"],
    scope="admin",
)
async def list_parked(request: ApiRequest, conn: Connection, query: ListQuery) -> ParkedPage:
    """What an operator has to fix."""
    del query
    return await projections.parked(conn, request.user.book)


@list_route(
    "/refusals",
    connection=pooled,
    operation_id="list_refusals",
    summary="List the refused webhooks and the reasons",
    description="A wrong secret after a rotation shows here within seconds. Needs the scope"
    " `admin`.",
    tags=["operation"],
    scope="admin",
)
async def list_refusals(request: ApiRequest, conn: Connection, query: PageQuery) -> RefusalPage:
    """What an operator looks at when webhooks are missing."""
    return await refusals.page(conn, request.user.book, query.limit, query.cursor)


OPERATION_ROUTES = [list_projections, list_parked, list_refusals]
