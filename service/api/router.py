"""The door out: the REST API over the read models, under ``/v1``."""

from datetime import UTC, datetime

from litestar import Router, get
from msgspec.structs import replace

from domain.policy import Policy
from service.api import asked
from service.api.auth import scoped
from service.api.changes import CHANGE_ROUTES
from service.api.csv_export import CsvAnswers
from service.api.disputes import list_due_disputes
from service.api.endpoint import (
    POSITION,
    Answer,
    Asking,
    asking,
    quickly,
    taking,
    thinned,
    thinned_page,
)
from service.api.metrics import METRIC_ROUTES
from service.api.operations import list_parked, list_projections, list_refusals
from service.api.parameter_kinds import CLOCKS, FIELDS
from service.api.resources import RESOURCE_ROUTES, target_of
from service.api.search import search
from service.api.services import services
from service.http.segments import RestoreSlashes
from service.queries import access, events, paging, resources
from service.queries.answers import AccessAnswer, Counts, EventAnswer, EventPage
from service.queries.clocks import past
from service.queries.restores import event_number


@get(
    "/customers/{customer_id:str}/access",
    operation_id="get_customer_access",
    summary="Is this customer entitled, until when, because of what",
    description="Ask on every login. A customer of whom nothing is recorded is not entitled. With"
    " `as_of` and `known_at`: was this customer entitled then, and what did we know. An answer's"
    " `at` as `as_of` and its `position` as `known_at` give that answer again.",
    tags=["customers"],
    opt=taking(*CLOCKS, FIELDS, stamp=("position", "at")),
)
async def get_access(customer_id: str, request: Asking) -> AccessAnswer:
    """The answer that decides at a login."""
    book, now = request.user.book, datetime.now(UTC)
    configured = services(request).books.get(book)
    policy = configured.access.policy if configured else Policy()
    async with quickly(request, login=True) as (conn, given):
        moments = await past(conn, book, given, now)
        if not moments:
            told = await access.access(conn, book, customer_id, now, policy)
        else:
            target = await target_of(conn, book)
            told = await access.access_past(
                conn, target, customer_id, moments, now=now, policy=policy
            )
    return thinned(told, given["fields"])


@get(
    "/customers/{customer_id:str}/timeline",
    operation_id="get_customer_timeline",
    summary="Everything that concerns a customer, latest first",
    description="All events that name the customer, and those of the customer's resources that"
    " name nobody, in the order of the world. A refund or dispute of which no event names anybody"
    " belongs to whoever made the payment.",
    tags=["customers"],
    opt=taking(*asked.TIMELINE),
)
async def get_timeline(customer_id: str, request: Asking) -> EventPage:
    """What a support tool shows first."""
    async with quickly(request) as (conn, given):
        page = await events.timeline(
            conn,
            request.user.book,
            customer_id,
            kinds=given["kind"],
            since=given["occurred_at_gte"],
            until=given["occurred_at_lte"],
            order=await paging.checked_order(
                conn, request.user.book, given, asked.TIMELINE_SORTS, int, request.scope["path"]
            ),
            limit=given["limit"],
        )
    return thinned_page(page, given["fields"])


@get(
    "/events",
    operation_id="list_events",
    summary="Events in the order in which they were recorded",
    description="What needs attention: `?verdict=unexpected,inferred,unknown,unreadable`,"
    " `?late=true` or `?unread=true`; what came last: `?sort=-position`; what came in a day:"
    " `recorded_at_gte` and `recorded_at_lte`.",
    tags=["events"],
    opt=taking(*asked.EVENTS),
)
async def list_events(request: Asking) -> EventPage:
    """The whole book, or what was filtered of it."""
    async with quickly(request) as (conn, given):
        page = await events.page(
            conn,
            request.user.book,
            {parameter.name: given[parameter.name] for parameter in asked.EVENT_FILTERS},
            given["after"].number,
            since=given["recorded_at_gte"],
            until=given["recorded_at_lte"],
            order=await paging.checked_order(
                conn, request.user.book, given, asked.EVENT_SORTS, int, request.scope["path"]
            ),
            limit=given["limit"],
        )
    return thinned_page(page, given["fields"])


@get(
    "/events/counts",
    operation_id="get_event_counts",
    summary="How many events of each type got a verdict that needs attention",
    description="A type or status that the provider added shows here on its first day, as"
    " `unknown`. Events that were `applied` or `confirmed` are not counted.",
    tags=["events"],
    opt=taking(FIELDS),
)
async def get_counts(request: Asking) -> Counts:
    """What an operator looks at after the provider's news."""
    async with asking(request) as (conn, given):
        found = await events.counts(conn, request.user.book)
    return thinned_page(found, given["fields"])


@get(
    "/events/{event_position:str}",
    operation_id="get_event",
    summary="One event: what is stored of it, and its verdict",
    description="Everything that is kept of one recorded webhook but its body. `headers` needs the"
    " scope `audit`, and is null without.",
    tags=["events"],
    opt=taking(FIELDS),
)
async def get_event(event_position: str, request: Asking) -> EventAnswer:
    """Proof of what was received."""
    async with asking(request) as (conn, given):
        place = await event_number(conn, request.user.book, event_position)
        event = await events.event(conn, request.user.book, place)
    if "audit" not in request.user.scopes:
        event = replace(event, headers=None)
    return thinned(event, given["fields"])


@get(
    "/events/{event_position:str}/body",
    operation_id="get_event_body",
    summary="The exact bytes of an event",
    description="Byte for byte what the provider sent and signed, whether or not it is JSON. Needs"
    " the scope `audit`.",
    tags=["events"],
    media_type="application/json",
    opt=taking(scope="audit"),
)
async def get_event_body(event_position: str, request: Asking) -> Answer:
    """What the signature was made over."""
    async with asking(request) as (conn, _):
        place = await event_number(conn, request.user.book, event_position)
        content = await events.body(conn, request.user.book, place)
        checkpoint = await resources.position(conn, request.user.book, even_lost=True)
    # whatever the sender called it, a browser must not take it for a page
    headers = {"x-content-type-options": "nosniff", "content-security-policy": "sandbox"}
    headers[POSITION] = str(checkpoint)
    return Answer(content, media_type="application/json", headers=headers)


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
        list_projections,
        list_parked,
        *RESOURCE_ROUTES,
    ],
    response_class=Answer,
    guards=[scoped],
    middleware=[RestoreSlashes(), CsvAnswers()],
    security=[{"api_key": []}],
    response_headers={"cache-control": "private, no-cache"},
)
