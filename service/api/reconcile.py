"""``/v1/reconcile``: comparisons of the book with the provider, and what differed."""

from typing import Annotated

from litestar import get, post
from msgspec import Meta, Struct
from msgspec.structs import asdict

from domain.drift import CAUSES
from service.api.action_body import (
    MAX_BODY_BYTES,
    Reason,
    act_of,
    action_operation,
    read_action,
)
from service.api.endpoint import ApiRequest, accepts, pooled, read_query, select_fields
from service.api.lists import list_route
from service.api.parameters import choice, text
from service.api.query import DocumentQuery, PageQuery
from service.database.connections import Connection
from service.http.services import services
from service.queries import comparisons, jobs, paging, reconcile
from service.queries.jobs import JobAnswer
from service.queries.reconcile import DifferencePage, Run, RunPage

_EFFECTS = ("none", "gains", "loses")


class Compare(Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a comparison."""

    apply: Annotated[bool, Meta(description="Record what differs, as observations.")] = False
    accept_losses: Annotated[
        bool,
        Meta(
            description="With `apply`: record it even if many customers lose access, or a person"
            " was to decide."
        ),
    ] = False
    reason: Reason = None


_EXAMPLE = Compare(apply=True, reason="Webhooks were lost on Monday.")


class DifferencesQuery(PageQuery, frozen=True, kw_only=True):
    """The parameters of the list of differences."""

    kind: Annotated[
        str | None, text("Only those of this kind of resource, such as `subscription`.")
    ] = None
    cause: Annotated[str | None, choice("Only those of this cause.", CAUSES)] = None
    effect: Annotated[
        str | None, choice("Only those with this effect on the customer's access.", _EFFECTS)
    ] = None


@list_route(
    "/reconcile/runs",
    connection=pooled,
    operation_id="list_reconcile_runs",
    summary="Comparisons of the book with the provider, the latest first",
    description="The last hundred, of `daybook reconcile` and of those that the service makes on"
    " its schedule. Needs the scope `audit`.",
    tags=["operation"],
    scope="audit",
)
async def list_runs(request: ApiRequest, conn: Connection, query: PageQuery) -> RunPage:
    """What was compared, and when."""
    order = paging.order(asdict(query), ("-began_at",), str, request.scope["path"])
    return await reconcile.runs(conn, request.user.book, query.limit, order)


@get(
    "/reconcile/runs/{run_id:str}",
    operation_id="get_reconcile_run",
    summary="One comparison of the book with the provider",
    description="How many resources were compared and differ, for which causes, who gains or loses"
    " access by applying it, and what was not compared. Needs the scope `audit`.",
    tags=["operation"],
    opt=accepts(DocumentQuery, scope="audit"),
)
async def get_run(run_id: str, request: ApiRequest) -> Run:
    """The head of a report."""
    query = await read_query(request, DocumentQuery)
    async with pooled(request) as conn:
        found = await reconcile.run(conn, request.user.book, run_id)
    return select_fields(found, query.fields)


@list_route(
    "/reconcile/runs/{run_id:str}/differences",
    connection=pooled,
    operation_id="list_reconcile_differences",
    summary="What differed between the book and the provider, and why",
    description="One entry for each resource, in the order in which they were found; at most 10,000"
    " of a run are kept. Needs the scope `audit`.",
    tags=["operation"],
    scope="audit",
)
async def list_differences(
    request: ApiRequest, conn: Connection, query: DifferencesQuery
) -> DifferencePage:
    """The rows of a report."""
    given, path = asdict(query), request.scope["path"]
    return await reconcile.differences(
        conn,
        request.user.book,
        request.path_params["run_id"],
        {"kind": query.kind, "cause": query.cause, "effect": query.effect},
        query.limit,
        paging.order(given, ("number",), int, path),
    )


@post(
    "/reconcile/compare",
    operation_id="reconcile",
    summary="Compare the book with the provider now, and record what differs on request",
    description="Answers at once with a job; `run_id` of `GET /v1/jobs/{job_id}` names the"
    " comparison when it has ended. With `apply` it is the same as `daybook reconcile --apply`,"
    " with the same guards. Needs an API key of the provider in the configuration, and the scope"
    " `admin`.",
    tags=["operation"],
    status_code=200,
    request_max_body_size=MAX_BODY_BYTES,
    operation_class=action_operation(Compare, _EXAMPLE, 409),
    response_headers={"cache-control": "no-store"},
    opt={"scope": "admin"},
)
async def ask_for_run(request: ApiRequest) -> JobAnswer:
    """What an operator does after an outage of the webhooks."""
    given = await read_action(request, Compare)
    name = request.user.book
    async with pooled(request) as conn:
        job_id = await comparisons.ask(
            conn, name, services(request).books.get(name), act_of(request, given.reason),
            apply=given.apply, accept_losses=given.accept_losses,
        )  # fmt: skip
        return await jobs.job(conn, name, job_id)


RECONCILE_ROUTES = [list_runs, get_run, list_differences, ask_for_run]
