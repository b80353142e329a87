"""The work list of disputes."""

from datetime import UTC, datetime

from litestar import get

from domain.dispute import AWAITING, LIFECYCLE
from service.api.endpoint import Asking, asking, taking, thinned_page
from service.api.parameter_kinds import BOM, PAGE, between, choice, minor, text
from service.api.services import services
from service.queries import disputes, paging
from service.queries.disputes import DueDisputes
from service.settings import RESPONSE_DAYS


@get(
    "/disputes/due",
    operation_id="list_due_disputes",
    summary="Disputes that await an answer, the most urgent first",
    description="By itself those that are `opened`: nobody has answered them yet. `respond_by` is"
    " the dispute's `created_at`, or the moment when it was opened again, and the book's"
    " `dispute_response_days`; the provider tells no deadline. With the payment, who made it, and"
    " what was bought.",
    tags=["disputes"],
    opt=taking(
        choice("status", "Only those in this status.", LIFECYCLE.statuses, AWAITING),
        text("dispute_stage", "Only those whose `dispute_stage` is exactly this."),
        text("currency", "Only those whose `currency` is exactly this."),
        minor("amount_gte", "Only those of this amount or more."),
        minor("amount_lte", "Only those of this amount or less."),
        *between("created_at", "was opened"),
        *PAGE,
        BOM,
    ),
)
async def list_due_disputes(request: Asking) -> DueDisputes:
    """What a person works through."""
    book = request.user.book
    async with asking(request) as (conn, given):
        page = await disputes.due(
            conn, book, given,
            response_days=response_days(request), now=datetime.now(UTC),
            limit=given["limit"],
            order=await paging.checked_order(
                conn, book, given, ("created_at",), str, request.scope["path"]
            ),
        )  # fmt: skip
    return thinned_page(page, given["fields"])


def response_days(request: Asking) -> int:
    """How many days after its opening a dispute may be answered, in the book that is asked."""
    configured = services(request).books.get(request.user.book)
    return configured.dispute_response_days if configured else RESPONSE_DAYS
