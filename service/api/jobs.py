"""``/v1/jobs``: what was asked for and takes a while, such as a rebuild."""

from litestar import get
from msgspec.structs import asdict

from service.api.endpoint import ApiRequest, accepts, pooled, read_query, select_fields
from service.api.lists import list_route
from service.api.query import DocumentQuery, PageQuery
from service.database.connections import Connection
from service.queries import jobs, paging
from service.queries.jobs import JobAnswer, JobPage


@list_route(
    "/jobs",
    connection=pooled,
    operation_id="list_jobs",
    summary="List the rebuilds and comparisons that were asked for, the latest first",
    description="The last hundred that were asked for by `POST /v1/projections/rebuild`,"
    " `POST /v1/projections/undo`, `POST /v1/reconcile/compare` and the console. The progress of"
    " a running rebuild is at `GET /v1/projections`. Needs the scope `admin`.",
    tags=["operation"],
    scope="admin",
)
async def list_jobs(request: ApiRequest, conn: Connection, query: PageQuery) -> JobPage:
    """What was asked for, and what came of it."""
    order = paging.order(asdict(query), ("-asked_at",), str, request.scope["path"])
    return await jobs.jobs(conn, request.user.book, query.limit, order)


@get(
    "/jobs/{job_id:str}",
    operation_id="get_job",
    summary="Get a rebuild or a comparison that was asked for",
    description="Ask again until `ended_at` is not null. A process that ends before its time leaves"
    " the job `interrupted`; ask for another one then. Needs the scope `admin`.",
    tags=["operation"],
    opt=accepts(DocumentQuery, scope="admin"),
)
async def get_job(job_id: str, request: ApiRequest) -> JobAnswer:
    """How far it is."""
    query = await read_query(request, DocumentQuery)
    async with pooled(request) as conn:
        found = await jobs.job(conn, request.user.book, job_id)
    return select_fields(found, query.fields)


JOB_ROUTES = [list_jobs, get_job]
