"""``/v1/projections/rebuild`` and ``undo``: read models built again, and the way back."""

from typing import Annotated

from litestar import post
from msgspec import Meta, Struct

from projections.catalog import BY_NAME
from service.api.action_body import (
    MAX_BODY_BYTES,
    Reason,
    act_of,
    action_operation,
    read_action,
)
from service.api.endpoint import ApiRequest, pooled
from service.api.parameters import MAX_TEXT
from service.queries import jobs
from service.queries.jobs import JobAnswer
from service.readmodels import jobs as rebuilds

_Name = Annotated[str, Meta(max_length=MAX_TEXT)]


class Rebuild(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a rebuild."""

    projections: Annotated[
        tuple[_Name, ...],
        Meta(
            max_length=len(BY_NAME),
            description="The read models, as `GET /v1/projections` names them; all if empty.",
        ),
    ] = ()
    preview: Annotated[
        bool, Meta(description="Find out what would change in your book; change nothing.")
    ] = False
    reason: Reason = None


class Undo(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of an undo."""

    reason: Reason = None


_REBUILD = Rebuild(("subscriptions",), True, "Version 0.2.1 folds pauses differently.")
_UNDO = Undo("The preview had not shown this.")


@post(
    "/projections/rebuild",
    operation_id="rebuild_projections",
    summary="Build read models again, or find out what would change",
    description="Answers at once with a job; `GET /v1/jobs/{job_id}` says when it has ended. Fresh"
    " tables are filled from the events, in a process of its own, and take the place of the old"
    " ones in one moment; readers see one or the other. Read models hold all books, so all are"
    " rebuilt; a preview tells of your book only. Needs the scope `admin`.",
    tags=["operation"],
    status_code=200,
    request_max_body_size=MAX_BODY_BYTES,
    operation_class=action_operation(Rebuild, _REBUILD, 409),
    response_headers={"cache-control": "no-store"},
    opt={"scope": "admin"},
)
async def rebuild_projections(request: ApiRequest) -> JobAnswer:
    """What an operator does after a fix, and before it to see its effect."""
    given = await read_action(request, Rebuild)
    act, book = act_of(request, given.reason), request.user.book
    async with pooled(request) as conn:
        kind = rebuilds.PREVIEW if given.preview else rebuilds.REBUILD
        job_id = await rebuilds.ask(conn, book, kind, given.projections, act)
        return await jobs.job(conn, book, job_id)


@post(
    "/projections/undo",
    operation_id="undo_rebuild",
    summary="Go back to the read models before the last rebuild",
    description="They are brought up to date and take the place of the current ones, in all books;"
    " doing it twice undoes itself. Answers at once with a job. Needs the scope `admin`.",
    tags=["operation"],
    status_code=200,
    request_max_body_size=MAX_BODY_BYTES,
    operation_class=action_operation(Undo, _UNDO, 409),
    response_headers={"cache-control": "no-store"},
    opt={"scope": "admin"},
)
async def undo_rebuild(request: ApiRequest) -> JobAnswer:
    """The way back, if a rebuild shows something wrong."""
    given = await read_action(request, Undo)
    book = request.user.book
    async with pooled(request) as conn:
        job_id = await rebuilds.ask(conn, book, rebuilds.UNDO, (), act_of(request, given.reason))
        return await jobs.job(conn, book, job_id)


REBUILD_ROUTES = [rebuild_projections, undo_rebuild]
