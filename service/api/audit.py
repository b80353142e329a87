"""``/v1/audit``: who did what to the book, when and why."""

from datetime import datetime
from typing import Annotated, get_args

from msgspec.structs import asdict

from service.api.endpoint import ApiRequest, pooled
from service.api.lists import list_route
from service.api.parameters import choice, since, text, until
from service.api.query import PageQuery
from service.database.connections import Connection
from service.queries import paging
from service.queries.audit import AuditFilter, AuditPage, audit
from service.store.audit import Action


class AuditQuery(PageQuery, frozen=True, kw_only=True):
    """The parameters of the audit log."""

    action: Annotated[
        Action | None, choice("Only this action.", get_args(Action))
    ] = None  # fmt: skip
    who: Annotated[
        str | None, text("Only what this API key (its id), person or account (`account@host`) did.")
    ] = None
    subject: Annotated[
        str | None, text("Only what was done to exactly this, such as the name of a stream.")
    ] = None
    at_gte: Annotated[datetime | None, since("was done")] = None
    at_lte: Annotated[datetime | None, until("was done")] = None


@list_route(
    "/audit",
    connection=pooled,
    operation_id="list_audit",
    summary="List who did what to the book, and why, the latest first",
    description="Every retry of a parked stream, rebuild, applied comparison, acknowledgement, and"
    " every API key that was created or revoked: by an API key, by a command, or by the service on"
    " its own schedule. Entries are never altered or deleted. Needs the scope `audit`.",
    tags=["operation"],
    scope="audit",
)
async def list_audit(request: ApiRequest, conn: Connection, query: AuditQuery) -> AuditPage:
    """What an auditor asks for, and who looks for the cause of a change."""
    wanted = AuditFilter(
        action=query.action,
        who=query.who,
        subject=query.subject,
        since=query.at_gte,
        until=query.at_lte,
    )
    order = paging.order(asdict(query), ("-at",), str, request.scope["path"])
    return await audit(conn, request.user.book, wanted, query.limit, order)
