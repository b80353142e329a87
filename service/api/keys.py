"""``/v1/keys``: the API keys of the book, for those who look after them."""

from typing import Annotated

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
from service.api.parameters import MAX_TEXT
from service.api.query import ListQuery
from service.database.connections import Connection
from service.queries import keys
from service.queries.keys import KeyAnswer, KeyPage


class Revoke(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a revocation."""

    key_id: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=MAX_TEXT,
            description="The id of the key, as `GET /v1/keys` names it; never the key.",
        ),
    ]
    reason: Reason = None


_EXAMPLE = Revoke("5f0c8a21", "The laptop was stolen.")


@list_route(
    "/keys",
    connection=pooled,
    operation_id="list_keys",
    summary="List the API keys of the book and their last use",
    description="Valid and revoked ones, without their secrets. Create a key with `daybook keys"
    " create`. Needs the scope `admin`.",
    tags=["operation"],
    scope="admin",
)
async def list_keys(request: ApiRequest, conn: Connection, query: ListQuery) -> KeyPage:
    """What an operator looks at before a key is revoked."""
    del query
    return await keys.keys(conn, request.user.book)


@post(
    "/keys/revoke",
    operation_id="revoke_key",
    summary="Revoke an API key of the book for good",
    description="It opens nothing after five seconds at most, and its sessions of the console end"
    " at once. A key may revoke itself. Needs the scope `admin`.",
    tags=["operation"],
    status_code=200,
    request_max_body_size=MAX_BODY_BYTES,
    operation_class=action_operation(Revoke, _EXAMPLE),
    response_headers={"cache-control": "no-store"},
    opt={"scope": "admin"},
)
async def revoke_key(request: ApiRequest) -> KeyAnswer:
    """What an operator does with a key that was lost or is no longer used."""
    given = await read_action(request, Revoke)
    async with pooled(request) as conn:
        act = act_of(request, given.reason)
        return await keys.revoke(conn, request.user.book, given.key_id, act)


KEY_ROUTES = [list_keys, revoke_key]
