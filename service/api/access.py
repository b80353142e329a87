"""``/v1/customers/{customer_id}/access``: the question that a login asks."""

from datetime import UTC, datetime

from litestar import get
from msgspec.structs import asdict

from domain.policy import Policy
from service.api.endpoint import ApiRequest, accepts, pipelined, read_query, select_fields
from service.api.resources import PastQuery, target_of
from service.api.services import services
from service.queries import access
from service.queries.answers import AccessAnswer
from service.queries.clocks import past


@get(
    "/customers/{customer_id:str}/access",
    operation_id="get_customer_access",
    summary="Is this customer entitled, until when, because of what",
    description="Ask on every login. An unknown customer is not entitled. With"
    " `as_of` and `known_at`: was this customer entitled then, and what did we know. An answer's"
    " `at` as `as_of` and its `position` as `known_at` give that answer again.",
    tags=["customers"],
    opt=accepts(PastQuery, stamp=("position", "at")),
)
async def get_access(customer_id: str, request: ApiRequest) -> AccessAnswer:
    """The answer that decides at a login."""
    book, now = request.user.book, datetime.now(UTC)
    configured = services(request).books.get(book)
    policy = configured.access.policy if configured else Policy()
    query = await read_query(request, PastQuery)
    is_past = query.as_of is not None or query.known_at is not None
    async with pipelined(request, login=not is_past) as conn:
        if not is_past:
            answer = await access.access(conn, book, customer_id, now, policy)
        else:
            moments = await past(conn, book, asdict(query), now)
            target = await target_of(conn, book)
            answer = await access.access_past(
                conn, target, customer_id, moments, now=now, policy=policy
            )
    return select_fields(answer, query.fields)
