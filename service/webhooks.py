"""The door in: raw bytes and headers to ``ingest``, the outcome as a status. Nothing else."""

from typing import Any

import structlog
from litestar import Request, post
from litestar.datastructures import State
from litestar.status_codes import HTTP_200_OK
from msgspec import Struct

from service.ingest import SIGNED_HEADERS
from service.problems import Problem

_log = structlog.get_logger(__name__)


class Acknowledgement(Struct, frozen=True):
    """What the sender is told: the event is on disk, at this position of the book.

    ``position`` is opaque; ``duplicate`` says that the same delivery was recorded before, there.
    """

    position: str
    duplicate: bool


@post(
    "/webhooks/{book:str}",
    status_code=HTTP_200_OK,
    tags=["webhooks"],
    operation_id="receive_webhook",
    summary="Record a webhook",
)
async def receive(book: str, request: Request[Any, Any, Any], state: State) -> Acknowledgement:
    """Record a signed webhook of the provider, verbatim, whatever it contains.

    Point the provider's endpoint here: `https://…/webhooks/{book}`. The answer comes after the
    event is on disk.
    """
    door = state.doors.get(book)
    if door is None:
        raise Problem("unknown-book", f"No book is called {book!r}.")
    for name in SIGNED_HEADERS:
        if len(request.headers.getall(name, ())) > 1:
            raise Problem("signature-refused", f"The header {name} came more than once.")
    try:
        delivery = door.verifier.verify(request.headers, await request.body())
    except Problem as refused:
        _log.warning("webhook refused", book=book, reason=refused.detail)
        raise
    receipt = await door.writer.record(delivery)
    return Acknowledgement(str(receipt.position), receipt.duplicate)
