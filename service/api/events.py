"""``/v1/events`` and a customer's timeline: what was recorded, event by event."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from litestar import get
from msgspec.structs import asdict, replace

from domain.catalog import BY_CATEGORY
from domain.events import ATTENTION
from service.api.endpoint import (
    POSITION,
    ApiRequest,
    ApiResponse,
    accepts,
    pipelined,
    pooled,
    read_query,
    select_fields,
)
from service.api.lists import list_route
from service.api.parameters import choices, flag, position, since, sort_order, text, until
from service.api.query import DocumentQuery, ListQuery, PageQuery, Query
from service.database.connections import Connection
from service.database.reader import Queryable
from service.queries import events, paging, resources
from service.queries.answers import Counts, EventAnswer, EventPage
from service.queries.restores import event_number
from service.store.positions import BEGINNING, Position

_EVENT_SORTS = ("position", "-position")
_TIMELINE_SORTS = ("-occurred_at", "occurred_at")
_FILTERS = (
    "verdict", "type", "stream", "customer_id", "late", "newer", "revision", "undecided", "unread",
)  # fmt: skip


class EventsQuery(PageQuery, frozen=True, kw_only=True):
    """The parameters of the list of events."""

    verdict: Annotated[
        Sequence[str], choices("Only events with one of these verdicts.", sorted(ATTENTION))
    ] = ()
    type: Annotated[
        str | None, text("Only events of this type, as the provider writes it.")
    ] = None  # fmt: skip
    stream: Annotated[
        str | None,
        text("Only the events of one resource: `category-id`, such as `subscription-sub_1`."),
    ] = None
    customer_id: Annotated[str | None, text("Only events that concern this customer.")] = None
    late: Annotated[
        bool | None, flag("Whether something that happened later was recorded earlier.")
    ] = None
    newer: Annotated[bool | None, flag("Whether the payload was rendered after the event.")] = None
    revision: Annotated[
        bool | None, flag("Whether another body came before under the same webhook-id.")
    ] = None
    undecided: Annotated[
        bool | None,
        flag("Whether the payload can be read in two ways, which differ in the status."),
    ] = None
    unread: Annotated[
        bool | None, flag("Whether a field of the payload could not be read.")
    ] = None  # fmt: skip
    after: Annotated[
        Position, position("Only what was recorded after this position.")
    ] = BEGINNING  # fmt: skip
    recorded_at_gte: Annotated[datetime | None, since("was recorded")] = None
    recorded_at_lte: Annotated[datetime | None, until("was recorded")] = None
    sort: Annotated[str | None, sort_order(*_EVENT_SORTS)] = None

    @property
    def filters(self) -> dict[str, Any]:
        """The filters that all events of the page match; None and () are no filter."""
        return {name: getattr(self, name) for name in _FILTERS}


class TimelineQuery(PageQuery, frozen=True, kw_only=True):
    """The parameters of a timeline."""

    kind: Annotated[
        Sequence[str], choices("Only what concerns these kinds of resources.", BY_CATEGORY)
    ] = ()
    occurred_at_gte: Annotated[datetime | None, since("happened")] = None
    occurred_at_lte: Annotated[datetime | None, until("happened")] = None
    sort: Annotated[str | None, sort_order(*_TIMELINE_SORTS)] = None


@list_route(
    "/customers/{customer_id:str}/timeline",
    connection=pipelined,
    operation_id="get_customer_timeline",
    summary="List all events that concern a customer, latest first",
    description="All events that name the customer, and those of the customer's resources that name"
    " no customer, in the order in which they happened. A refund or dispute without a customer"
    " belongs to the customer who made the payment.",
    tags=["customers"],
)
async def get_timeline(request: ApiRequest, conn: Queryable, query: TimelineQuery) -> EventPage:
    """What a support tool shows first."""
    book, path = request.user.book, request.scope["path"]
    return await events.timeline(
        conn,
        book,
        request.path_params["customer_id"],
        kinds=query.kind,
        since=query.occurred_at_gte,
        until=query.occurred_at_lte,
        order=await paging.checked_order(conn, book, asdict(query), _TIMELINE_SORTS, int, path),
        limit=query.limit,
    )


@list_route(
    "/events",
    connection=pipelined,
    operation_id="list_events",
    summary="List events in the order in which they were recorded",
    description="Events that need attention: `?verdict=unexpected,inferred,unknown,unreadable`,"
    " `?late=true` or `?unread=true`. The latest events: `?sort=-position`. The events of a day:"
    " `recorded_at_gte` and `recorded_at_lte`.",
    tags=["events"],
)
async def list_events(request: ApiRequest, conn: Queryable, query: EventsQuery) -> EventPage:
    """The whole book, or what was filtered of it."""
    book, path = request.user.book, request.scope["path"]
    return await events.page(
        conn,
        book,
        query.filters,
        query.after.number,
        since=query.recorded_at_gte,
        until=query.recorded_at_lte,
        order=await paging.checked_order(conn, book, asdict(query), _EVENT_SORTS, int, path),
        limit=query.limit,
    )


@list_route(
    "/events/counts",
    connection=pooled,
    operation_id="get_event_counts",
    summary="Count the events that need attention, by verdict and type",
    description="A new event type of the provider shows here on its first day, as `unknown`. Events"
    " with the verdict `applied` or `confirmed` are not counted, nor what was read at the provider"
    " and `inferred`.",
    tags=["events"],
)
async def get_counts(request: ApiRequest, conn: Connection, query: ListQuery) -> Counts:
    """What an operator looks at after the provider's news."""
    del query
    return await events.counts(conn, request.user.book)


@get(
    "/events/{event_position:str}",
    operation_id="get_event",
    summary="Get one event and its verdict",
    description="Everything that is stored of a webhook except its body. `headers` needs the scope"
    " `audit`, and is null without it.",
    tags=["events"],
    opt=accepts(DocumentQuery),
)
async def get_event(event_position: str, request: ApiRequest) -> EventAnswer:
    """Proof of what was received."""
    query = await read_query(request, DocumentQuery)
    async with pooled(request) as conn:
        place = await event_number(conn, request.user.book, event_position)
        event = await events.event(conn, request.user.book, place)
    if "audit" not in request.user.scopes:
        event = replace(event, headers=None)
    return select_fields(event, query.fields)


@get(
    "/events/{event_position:str}/body",
    operation_id="get_event_body",
    summary="Get the exact bytes of an event",
    description="The body that the provider sent and signed, byte for byte, even if it is not JSON."
    " Needs the scope `audit`.",
    tags=["events"],
    media_type="application/json",
    opt=accepts(Query, scope="audit"),
)
async def get_event_body(event_position: str, request: ApiRequest) -> ApiResponse[Any]:
    """What the signature was made over."""
    await read_query(request, Query)
    async with pooled(request) as conn:
        place = await event_number(conn, request.user.book, event_position)
        content = await events.body(conn, request.user.book, place)
        checkpoint = await resources.position(conn, request.user.book, even_lost=True)
    # whatever the sender called it, a browser must not take it for a page
    headers = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
    headers[POSITION] = str(checkpoint)
    return ApiResponse(content, media_type="application/json", headers=headers)


EVENT_ROUTES = [get_timeline, list_events, get_counts, get_event, get_event_body]
