"""``/v1/attention``: the events that a person should look at, and what was looked at."""

from typing import Annotated, Literal, get_args

from litestar import post
from msgspec import Meta, Struct

from domain.events import ATTENTION
from service.api.action_body import MAX_BODY_BYTES, act_of, action_operation, read_action
from service.api.endpoint import ApiRequest, pooled
from service.api.lists import list_route
from service.api.parameters import MAX_TEXT, parse_position
from service.api.query import ListQuery
from service.database.connections import Connection
from service.queries import attention as groups
from service.queries.attention import Attention, AttentionGroup
from service.queries.restores import verify
from service.store.audit import Group
from service.store.positions import PATTERN

Attentive = Literal["foreign", "inferred", "unexpected", "unknown", "unreadable"]

assert {*get_args(Attentive)} == ATTENTION, "the verdicts that need attention"  # noqa: S101


class Acknowledge(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an acknowledgement."""

    verdict: Annotated[Attentive, Meta(description="The verdict of the group.")]
    type: Annotated[
        str, Meta(max_length=MAX_TEXT, description="The type of the group; empty if it has none.")
    ]
    until: Annotated[
        str,
        Meta(
            pattern=f"^{PATTERN}$",
            description="The last event that you have looked at: the group's `latest_position`.",
        ),
    ]
    note: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_TEXT,
            description="What the next person should know. `GET /v1/audit` shows it too, with the"
            " ids of the API key and of the request.",
        ),
    ]


_EXAMPLE = Acknowledge("unknown", "subscription.gifted", "12", "A new type; it grants nothing.")


@list_route(
    "/attention",
    connection=pooled,
    operation_id="get_attention",
    summary="Group the events that need attention, by verdict and type",
    description="`unknown` types and statuses, `unexpected` and `inferred` steps, `unreadable`"
    " bodies and `foreign` events. What was read at the provider is not among them. `fresh` counts"
    " those that nobody has acknowledged yet. The events of a group: `GET"
    " /v1/events?verdict=unknown&type=subscription.gifted`.",
    tags=["operation"],
)
async def get_attention(request: ApiRequest, conn: Connection, query: ListQuery) -> Attention:
    """What a person should look at."""
    del query
    return await groups.attention(conn, request.user.book)


@post(
    "/attention/acknowledge",
    operation_id="acknowledge_attention",
    summary="Acknowledge the events of one verdict and type",
    description="Records that you have looked at them, up to the position `until`, with a note."
    " The group stays in the list, and what comes later is `fresh`. The last acknowledgement of a"
    " group counts: one with an earlier position takes back a part of it. Needs the scope"
    " `admin`.",
    tags=["operation"],
    status_code=200,
    request_max_body_size=MAX_BODY_BYTES,
    operation_class=action_operation(Acknowledge, _EXAMPLE),
    response_headers={"cache-control": "no-store"},
    opt={"scope": "admin"},
)
async def acknowledge_attention(request: ApiRequest) -> AttentionGroup:
    """What was looked at need not be looked at again."""
    given = await read_action(request, Acknowledge)
    until = parse_position("until", given.until)
    async with pooled(request) as conn:
        await verify(conn, request.user.book, until)
        return await groups.acknowledge(
            conn,
            request.user.book,
            Group(given.verdict, given.type),
            until.number,
            act_of(request, given.note),
        )


ATTENTION_ROUTES = [get_attention, acknowledge_attention]
