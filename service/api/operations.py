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
    summary="How far the read models have come, and whether they are being built",
    description="One entry for each read model: its version, its checkpoint, how far that is behind"
    " the book, with the progress of a rebuild and the number of parked streams.",
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
    summary="Parked streams, and why",
    description="An event that cannot be folded parks its stream; the others go on, and its rows"
    " say `stale`. Fix the cause, then run `daybook parked retry` to bring them up to date."
    " Needs the scope `admin`.",
    tags=["operation"],
    scope="admin",
)
async def list_parked(request: ApiRequest, conn: Connection, query: ListQuery) -> ParkedPage:
    """What an operator mends."""
    del query
    return await projections.parked(conn, request.user.book)


@list_route(
    "/refusals",
    connection=pooled,
    operation_id="list_refusals",
    summary="Webhooks that were refused at the door, and why",
    description="A secret that is wrong since a rotation shows here in seconds. Needs the scope"
    " `admin`.",
    tags=["operation"],
    scope="admin",
)
async def list_refusals(request: ApiRequest, conn: Connection, query: PageQuery) -> RefusalPage:
    """What an operator looks at when webhooks are missing."""
    return await refusals.page(conn, request.user.book, query.limit, query.cursor)


OPERATION_ROUTES = [list_projections, list_parked, list_refusals]
