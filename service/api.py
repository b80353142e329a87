"""The door out: the REST API over the read models, under ``/v1``."""

from datetime import UTC, datetime
from typing import Annotated

from litestar import Request, Response, Router, get
from litestar.datastructures import State
from litestar.params import Parameter
from msgspec.structs import replace

from domain.access import Policy
from domain.catalog import BY_CATEGORY
from service import access_reads, event_reads
from service.answers import AccessAnswer, Counts, EventAnswer, EventPage
from service.auth import scoped
from service.changes import CHANGE_ROUTES
from service.csv_answers import CsvAnswers
from service.disputes import list_due_disputes
from service.keys import Caller
from service.metrics import METRIC_ROUTES
from service.parameters import (
    AsOf,
    CursorText,
    KnownAt,
    Limit,
    after_place,
    allow,
    event_filters,
    place,
    several,
)
from service.past import past
from service.refusal_reads import list_refusals
from service.resources import RESOURCE_ROUTES, target_of
from service.search import search

Asking = Request[Caller, None, State]


@get(
    "/customers/{customer_id:str}/access",
    operation_id="get_customer_access",
    summary="Is this customer entitled, until when, because of what",
    tags=["customers"],
)
async def get_access(
    customer_id: str,
    request: Asking,
    state: State,
    as_of: AsOf = None,
    known_at: KnownAt = None,
) -> AccessAnswer:
    """Ask on every login. A customer of whom nothing is recorded is not entitled.

    With `as_of` and `known_at`: was this customer entitled then, and what did we know.
    """
    allow(request, "as_of", "known_at")
    book, now = request.user.book, datetime.now(UTC)
    asked = past(as_of, known_at, now)
    policy = state.policies.get(book, Policy())
    async with state.pool.connection() as conn:
        if not asked:
            return await access_reads.access(conn, book, customer_id, now, policy)
        target = await target_of(conn, book)
        return await access_reads.access_past(
            conn, target, customer_id, asked, now=now, policy=policy
        )


@get(
    "/customers/{customer_id:str}/timeline",
    operation_id="get_customer_timeline",
    summary="Everything that concerns a customer, latest first",
    tags=["customers"],
)
async def get_timeline(  # noqa: PLR0913, PLR0917 - one parameter a parameter
    customer_id: str,
    request: Asking,
    state: State,
    limit: Limit = 20,
    cursor: CursorText = None,
    kind: Annotated[
        str | None,
        Parameter(description=f"Some of {', '.join(BY_CATEGORY)}, separated by commas."),
    ] = None,
) -> EventPage:
    """All events that name the customer, of all resources, in the order of the world."""
    allow(request, "limit", "cursor", "kind")
    kinds = several("kind", kind, BY_CATEGORY)
    async with state.pool.connection() as conn:
        return await event_reads.timeline(
            conn, request.user.book, customer_id, kinds=kinds, limit=limit, cursor=cursor
        )


@get(
    "/events",
    operation_id="list_events",
    summary="Events in the order in which they were recorded",
    description="Filters: `verdict` (several, separated by commas), `type`, `stream`,"
    " `customer_id`, and `late`, `newer`, `revision` as `true` or `false`.",
    tags=["events"],
)
async def list_events(
    request: Asking,
    state: State,
    limit: Limit = 20,
    after: Annotated[
        str | None, Parameter(description="A position, or the `next_cursor` of the page before.")
    ] = None,
) -> EventPage:
    """What needs attention: `?verdict=unexpected,inferred,unknown,unreadable`, or `?late=true`."""
    filters = event_filters(request)
    async with state.pool.connection() as conn:
        return await event_reads.page(conn, request.user.book, filters, after_place(after), limit)


@get(
    "/events/counts",
    operation_id="get_event_counts",
    summary="How many events of each type got which verdict",
    tags=["events"],
)
async def get_counts(request: Asking, state: State) -> Counts:
    """A type or status that the provider added shows here on its first day."""
    allow(request)
    async with state.pool.connection() as conn:
        return await event_reads.counts(conn, request.user.book)


@get(
    "/events/{position:str}",
    operation_id="get_event",
    summary="One event: what is stored of it, and its verdict",
    tags=["events"],
)
async def get_event(position: str, request: Asking, state: State) -> EventAnswer:
    """Everything that is kept of one recorded webhook but its body. `headers` needs `audit`."""
    allow(request)
    async with state.pool.connection() as conn:
        found = await event_reads.event(conn, request.user.book, place(position))
    return found if "audit" in request.user.scopes else replace(found, headers=None)


@get(
    "/events/{position:str}/body",
    operation_id="get_event_body",
    summary="The exact bytes of an event",
    tags=["events"],
    media_type="application/json",
    opt={"scope": "audit"},
)
async def get_event_body(position: str, request: Asking, state: State) -> Response[bytes]:
    """Byte for byte what the provider sent and signed. Needs the scope `audit`."""
    allow(request)
    async with state.pool.connection() as conn:
        content = await event_reads.body(conn, request.user.book, place(position))
    # whatever the sender called it, a browser must not take it for a page
    headers = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
    return Response(content, media_type="application/json", headers=headers)


ROUTER = Router(
    "/v1",
    route_handlers=[
        get_access,
        get_timeline,
        list_events,
        get_counts,
        get_event,
        get_event_body,
        list_refusals,
        *CHANGE_ROUTES,
        search,
        list_due_disputes,
        *METRIC_ROUTES,
        *RESOURCE_ROUTES,
    ],
    guards=[scoped],
    middleware=[CsvAnswers()],
    security=[{"api_key": []}],
    response_headers={"cache-control": "private, no-cache"},
)
