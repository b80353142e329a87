"""The work list of disputes."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec.structs import asdict

from domain.dispute import AWAITING, LIFECYCLE
from service.api.endpoint import ApiRequest, pooled
from service.api.lists import list_route
from service.api.parameters import amount, choice, since, text, until
from service.api.query import PageQuery
from service.database.connections import Connection
from service.http.services import services
from service.queries import disputes, paging
from service.queries.disputes import DueDisputes
from service.settings import RESPONSE_DAYS


class DueDisputesQuery(PageQuery, frozen=True, kw_only=True):
    """The parameters of the work list."""

    status: Annotated[str, choice("Only those in this status.", LIFECYCLE.statuses)] = AWAITING
    dispute_stage: Annotated[
        str | None, text("Only those whose `dispute_stage` is exactly this.")
    ] = None
    currency: Annotated[str | None, text("Only those whose `currency` is exactly this.")] = None
    amount_gte: Annotated[int | None, amount("Only those of this amount or more.")] = None
    amount_lte: Annotated[int | None, amount("Only those of this amount or less.")] = None
    created_at_gte: Annotated[datetime | None, since("was opened")] = None
    created_at_lte: Annotated[datetime | None, until("was opened")] = None


@list_route(
    "/disputes/due",
    connection=pooled,
    operation_id="list_due_disputes",
    summary="List the disputes that await an answer, the most urgent first",
    description="By default those that are `opened`: nobody has answered them yet. `respond_by` is"
    " the latest opening plus the book's `dispute_response_days`, since the provider sends no"
    " deadline. Each dispute has its payment, the customer and the purchased products.",
    tags=["disputes"],
)
async def list_due_disputes(
    request: ApiRequest, conn: Connection, query: DueDisputesQuery
) -> DueDisputes:
    """A page of the work list."""
    book, given, path = request.user.book, asdict(query), request.scope["path"]
    return await disputes.due(
        conn,
        book,
        given,
        response_days=response_days(request),
        now=datetime.now(UTC),
        limit=query.limit,
        order=await paging.checked_order(conn, book, given, ("created_at",), str, path),
    )


def response_days(request: ApiRequest) -> int:
    """The number of days to answer a dispute after its opening, in the caller's book."""
    configured = services(request).books.get(request.user.book)
    return configured.dispute_response_days if configured else RESPONSE_DAYS
