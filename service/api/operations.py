"""``/v1/projections``, ``/v1/parked`` and ``/v1/refusals``: for the people who run the service."""

from datetime import UTC, datetime
from typing import Annotated, get_args

from litestar import post
from msgspec import Meta, Struct

from service.api.action_body import (
    MAX_BODY_BYTES,
    Reason,
    act_of,
    action_operation,
    read_action,
)
from service.api.endpoint import ApiRequest, pooled
from service.api.lists import list_route
from service.api.parameters import MAX_TEXT, choice
from service.api.query import ListQuery, PageQuery
from service.database.connections import Connection
from service.queries import activity, projections, refusals
from service.queries.activity import ActivityPage, Unit
from service.queries.projections import ParkedPage, ProjectionPage
from service.queries.refusals import RefusalPage
from service.readmodels.projector import retry


class ActivityQuery(ListQuery, frozen=True, kw_only=True):
    """The parameters of the activity."""

    interval: Annotated[Unit, choice("How long an entry is.", get_args(Unit))] = "minute"


class Retry(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a retry."""

    stream: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_TEXT,
            description="The stream, as `GET /v1/parked` names it.",
        ),
    ]
    reason: Reason = None


class Retried(Struct, frozen=True):
    """A stream that was folded again; ``error`` is why it stays parked, or null."""

    stream: str
    error: str | None


_EXAMPLE = Retry("subscription-sub_1", "Fixed by version 0.2.1.")


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
    "/activity",
    connection=pooled,
    operation_id="list_activity",
    summary="Count what came of late, and the lag of the read models",
    description="The last hour by minute, or the last day by hour; the current one, which is not"
    " over, comes last. The lag is looked at every ten seconds. `refused` needs the scope `admin`.",
    tags=["operation"],
)
async def list_activity(
    request: ApiRequest, conn: Connection, query: ActivityQuery
) -> ActivityPage:
    """What an operator's charts show."""
    caller = request.user
    return await activity.activity(
        conn, caller.book, query.interval, datetime.now(UTC), refusals="admin" in caller.scopes
    )


@list_route(
    "/parked",
    connection=pooled,
    operation_id="list_parked",
    summary="List the first hundred parked streams and their errors",
    description="An event that cannot be folded parks its stream: other streams go on, and its"
    " resources are `stale`. Fix the cause, then `POST /v1/parked/retry` or run `daybook parked"
    " retry` to bring them up to date. Needs the scope `admin`.",
    tags=["operation"],
    scope="admin",
)
async def list_parked(request: ApiRequest, conn: Connection, query: ListQuery) -> ParkedPage:
    """What an operator has to fix."""
    del query
    return await projections.parked(conn, request.user.book)


@post(
    "/parked/retry",
    operation_id="retry_parked",
    summary="Fold a parked stream again",
    description="A stream that succeeds is up to date in the read models at once: `error` is null."
    " One that fails again stays parked, for the `error` of this try. Needs the scope `admin`.",
    tags=["operation"],
    status_code=200,
    request_max_body_size=MAX_BODY_BYTES,
    operation_class=action_operation(Retry, _EXAMPLE),
    response_headers={"cache-control": "no-store"},
    opt={"scope": "admin"},
)
async def retry_parked(request: ApiRequest) -> Retried:
    """What an operator does once the cause is fixed."""
    given = await read_action(request, Retry)
    async with pooled(request) as conn:
        act = act_of(request, given.reason)
        return Retried(given.stream, await retry(conn, request.user.book, given.stream, act))


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


OPERATION_ROUTES = [list_projections, list_activity, list_parked, retry_parked, list_refusals]
