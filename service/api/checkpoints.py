"""``/v1/checkpoints``, the proof of an event, and ``/checkpoints/{book}`` for everybody."""

from typing import Annotated, Any, cast

import msgspec
from litestar import MediaType, Request, Response, get

from service.api.endpoint import PRIMARY, ApiRequest, ApiResponse, accepts, pooled, read_query
from service.api.lists import list_route
from service.api.parameters import whole
from service.api.query import PageQuery, Query
from service.database.connections import QUESTIONS, Connection, pool_connection
from service.http.services import services
from service.problems import Problem
from service.queries import checkpoints
from service.queries.checkpoints import CheckpointPage
from service.queries.restores import event_number

_MOST = 10**15


# a keyword of the language, so that no class statement can have it
_SMALLER = Annotated[int, whole("The size of the smaller tree.", 1, _MOST)]
ConsistencyQuery = cast(
    "type[Query]",
    msgspec.defstruct(
        "ConsistencyQuery", [("from", _SMALLER)], bases=(Query,), frozen=True, kw_only=True
    ),
)
"""The parameters of a consistency proof."""


@list_route(
    "/checkpoints",
    connection=pooled,
    operation_id="list_checkpoints",
    summary="List the signed checkpoints of the book, latest first",
    description="A checkpoint is the size of the book and the root of the Merkle tree over its"
    " links, signed. `origins` has the public keys; keep them elsewhere. `problems` says why no"
    " checkpoint is signed at present, or why an anchor fails. `unanchored` events at the end could"
    " be rewritten by those who own the database and the signing key.",
    tags=["proof"],
)
async def list_checkpoints(
    request: ApiRequest, conn: Connection, query: PageQuery
) -> CheckpointPage:
    """What an auditor compares with what was kept elsewhere."""
    return await checkpoints.page(conn, request.user.book, query.limit, query.cursor)


@get(
    "/checkpoints/{size:str}",
    operation_id="get_checkpoint",
    summary="Get the checkpoint of a size",
    description="The signed note, as https://c2sp.org/tlog-checkpoint has it.",
    tags=["proof"],
    media_type=MediaType.TEXT,
    opt=accepts(Query) | PRIMARY,
)
async def get_checkpoint(size: str, request: ApiRequest) -> ApiResponse[Any]:
    """What was signed then."""
    await read_query(request, Query)
    async with pooled(request) as conn:
        note = await checkpoints.checkpoint(conn, request.user.book, _size(size))
    return ApiResponse(note.encode(), media_type=MediaType.TEXT)


@get(
    "/checkpoints/{size:str}/consistency",
    operation_id="get_consistency",
    summary="Prove that a smaller tree is the beginning of a checkpoint's",
    description="A consistency proof as RFC 6962 has it, from the size `from` to that of a"
    " checkpoint: one hash a line, in base64.",
    tags=["proof"],
    media_type=MediaType.TEXT,
    opt=accepts(ConsistencyQuery) | PRIMARY,
)
async def get_consistency(size: str, request: ApiRequest) -> ApiResponse[Any]:
    """What shows that nothing before it was changed."""
    query = await read_query(request, ConsistencyQuery)
    async with pooled(request) as conn:
        found = await checkpoints.consistency(
            conn, request.user.book, getattr(query, "from"), _size(size)
        )
    return ApiResponse(found.encode(), media_type=MediaType.TEXT)


@get(
    "/events/{event_position:str}/proof",
    operation_id="get_event_proof",
    summary="Prove that an event was recorded",
    description="One file, as https://c2sp.org/tlog-proof has it: all columns of the event, its"
    " place in the Merkle tree, and a signed checkpoint. `daybook proof check` verifies it offline"
    " with the public key alone. It has the event's headers, so it needs the scope `audit`.",
    tags=["events"],
    media_type=MediaType.TEXT,
    opt=accepts(Query, scope="audit") | PRIMARY,
)
async def get_event_proof(event_position: str, request: ApiRequest) -> ApiResponse[Any]:
    """What somebody checks without this service."""
    await read_query(request, Query)
    async with pooled(request) as conn:
        place = await event_number(conn, request.user.book, event_position)
        found = await checkpoints.proof(conn, request.user.book, place)
    return ApiResponse(found.encode(), media_type=MediaType.TEXT)


@get("/checkpoints/{book:str}", include_in_schema=False)
async def get_public_checkpoint(book: str, request: Request[Any, Any, Any]) -> Response[bytes]:
    """The last checkpoint of a book, without a key: it tells a size and a hash."""
    async with pool_connection(services(request).pool, QUESTIONS) as conn:
        note = await checkpoints.latest(conn, book)
    headers = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
    return Response(note.encode(), media_type=MediaType.TEXT, headers=headers)


def _size(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(_MOST)):
        raise Problem("not-found", f"{text} is not the size of a checkpoint.")
    return int(text)


CHECKPOINT_ROUTES = [list_checkpoints, get_checkpoint, get_consistency, get_event_proof]
