"""``/v1/projections``, ``/v1/parked`` and ``/v1/refusals``: for whoever runs the service."""

from datetime import UTC, datetime

from litestar import get

from service.api.endpoint import ApiRequest, accepts, pooled, select_page_fields
from service.api.parameter_kinds import FIELDS, PAGE
from service.queries import projections, refusals
from service.queries.projections import ParkedPage, ProjectionPage
from service.queries.refusals import RefusalPage


@get(
    "/projections",
    operation_id="list_projections",
    summary="How far the read models have come, and whether they are being built",
    description="One entry for each read model: its version, its checkpoint, how far that is behind"
    " the book, and beside them the progress of a rebuild and the number of parked streams.",
    tags=["operation"],
    opt=accepts(FIELDS),
)
async def list_projections(request: ApiRequest) -> ProjectionPage:
    """What an operator looks at when an answer seems old."""
    async with pooled(request) as (conn, given):
        told = await projections.projections(conn, request.user.book, datetime.now(UTC))
    return select_page_fields(told, given["fields"])


@get(
    "/parked",
    operation_id="list_parked",
    summary="Streams that are set aside, and why",
    description="An event that cannot be digested sets its stream aside; the others go on, and its"
    " rows say `stale`. After the cause is mended, `daybook parked retry` brings them up to date."
    " Needs the scope `admin`.",
    tags=["operation"],
    opt=accepts(FIELDS, scope="admin"),
)
async def list_parked(request: ApiRequest) -> ParkedPage:
    """What an operator mends."""
    async with pooled(request) as (conn, given):
        page = await projections.parked(conn, request.user.book)
    return select_page_fields(page, given["fields"])


@get(
    "/refusals",
    operation_id="list_refusals",
    summary="Webhooks that were refused at the door, and why",
    description="A secret that is wrong since a rotation shows here in seconds. Needs the scope"
    " `admin`.",
    tags=["operation"],
    opt=accepts(*PAGE, scope="admin"),
)
async def list_refusals(request: ApiRequest) -> RefusalPage:
    """What an operator looks at when webhooks are missing."""
    async with pooled(request) as (conn, given):
        told = await refusals.page(conn, request.user.book, given["limit"], given["cursor"])
    return select_page_fields(told, given["fields"])
