"""The work list of disputes."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import Request, get
from litestar.datastructures import State
from litestar.params import Parameter

from domain.dispute import LIFECYCLE
from service import dispute_reads
from service.dispute_reads import DueDisputes
from service.keys import Caller
from service.parameters import CursorText, Limit, allow, one_of
from service.ranges import Since, Until, moment
from service.settings import RESPONSE_DAYS

Asking = Request[Caller, None, State]

_Minor = Annotated[int | None, Parameter(description="In minor units; name the `currency` too.")]
_Text = Annotated[str | None, Parameter(description="An exact value.")]


@get(
    "/disputes/due",
    operation_id="list_due_disputes",
    summary="Disputes that await an answer, the most urgent first",
    description="By itself those that are `opened`: nobody has answered them yet. `respond_by` is"
    " the dispute's `created_at` and the book's `dispute_response_days`; the provider tells no"
    " deadline. With the payment, who made it, and what was bought.",
    tags=["disputes"],
)
async def list_due_disputes(  # noqa: PLR0913, PLR0917 - one parameter a parameter
    request: Asking,
    state: State,
    limit: Limit = 20,
    cursor: CursorText = None,
    status: str = "opened",
    dispute_stage: _Text = None,
    currency: _Text = None,
    amount_gte: _Minor = None,
    amount_lte: _Minor = None,
    created_at_gte: Since = None,
    created_at_lte: Until = None,
) -> DueDisputes:
    """What a person works through."""
    filters = {
        "status": one_of("status", status, LIFECYCLE.statuses),
        "dispute_stage": dispute_stage,
        "currency": currency,
        "amount_gte": amount_gte,
        "amount_lte": amount_lte,
        "since": moment("created_at_gte", created_at_gte),
        "until": moment("created_at_lte", created_at_lte),
    }
    allow(
        request, "status", "dispute_stage", "currency", "amount_gte", "amount_lte",
        "created_at_gte", "created_at_lte", "limit", "cursor",
    )  # fmt: skip
    book = request.user.book
    configured = state.books.get(book)
    days = configured.dispute_response_days if configured else RESPONSE_DAYS
    async with state.pool.connection() as conn:
        return await dispute_reads.due(
            conn, book, filters,
            response_days=days, now=datetime.now(UTC), limit=limit, cursor=cursor,
        )  # fmt: skip
