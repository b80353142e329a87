"""``/v1/customers/{customer_id}/access``, the question of a login; ``/v1/access`` for many."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from math import floor
from typing import Annotated, TypeVar

from litestar import get, post
from msgspec import structs
from msgspec.structs import asdict

from domain.policy import Policy
from service.api.access_body import MAX_BODY_BYTES, CustomersOperation, read_body
from service.api.endpoint import (
    ApiRequest,
    ApiResponse,
    accepts,
    await_head,
    leave_replica,
    pipelined,
    pooled,
    read_query,
    select_fields,
)
from service.api.fields import check_names
from service.api.parameters import flag
from service.api.resources import PastQuery
from service.http.services import services
from service.problems import invalid
from service.queries import resources
from service.queries.access import access_of, access_of_customers
from service.queries.answers import AccessAnswer, AccessAnswers
from service.queries.clocks import past
from service.queries.past_access import past_access_of, past_access_of_customers
from service.store.positions import parse

A = TypeVar("A", AccessAnswer, AccessAnswers)

FRESH_SECONDS = 60
"""How long a caller may go on with an answer that lets a customer in."""


class AccessQuery(PastQuery, frozen=True, kw_only=True):
    """The parameters of a question about one customer."""

    confirm: Annotated[
        bool | None,
        flag(
            "Whether the provider is asked before the answer is that the customer is not entitled;"
            " by default as the book's `confirm_denials` says. Only about now."
        ),
    ] = None


@get(
    "/customers/{customer_id:str}/access",
    operation_id="get_customer_access",
    summary="Is this customer entitled, until when, because of what",
    description="Ask on every login. `state` says what to show. An id of which the book holds"
    " nothing is not entitled, and not `known`. With `as_of` and `known_at`: was this customer"
    " entitled then, and what did we know. An answer's `at` as `as_of` and its `position` as"
    " `known_at` give that answer again. `Cache-Control` says how long the answer may be used.",
    tags=["customers"],
    opt=accepts(AccessQuery, stamp=("position", "at")),
)
async def get_access(customer_id: str, request: ApiRequest) -> ApiResponse[AccessAnswer]:
    """The answer that decides at a login."""
    book, now = request.user.book, datetime.now(UTC)
    query = await read_query(request, AccessQuery)
    confirms = _confirms(request, query)
    policy, is_past = _policy(request), _is_past(query)

    async def ask() -> AccessAnswer:
        async with pipelined(request, login=True) as conn:
            return await access_of(conn, book, customer_id, now, policy)

    if not is_past:
        answer = await ask()
        if not answer.entitled:
            answer, behind = await _ask_again(request, answer, ask)
            answer = structs.replace(answer, stale=answer.stale or behind)
    else:
        async with pipelined(request) as conn:
            moments = await past(conn, book, asdict(query), now)
            target = await resources.target_of(conn, book)
            answer = await past_access_of(
                conn, target, customer_id, moments, now=now, policy=policy
            )
    # after the connection was given back: the provider may take two seconds
    if confirms and not answer.entitled:
        answer = await services(request).confirming.confirm(book, answer)
    seconds = 0 if is_past else fresh_seconds(answer, datetime.now(UTC))
    headers = {"cache-control": f"private, max-age={seconds}"} if seconds else {}
    return ApiResponse(select_fields(answer, query.fields), headers=headers)


@post(
    "/access",
    operation_id="get_access_of_customers",
    summary="Are these customers entitled, until when, because of what",
    description="For up to 1,000 customers in one question: `data` has the answer of"
    " `GET /v1/customers/{customer_id}/access` for each, in the order of `customer_ids`, all at the"
    " same `position`. Nothing is changed, so the question may be repeated.",
    tags=["customers"],
    status_code=200,
    request_max_body_size=MAX_BODY_BYTES,
    operation_class=CustomersOperation,
    response_headers={"cache-control": "no-store"},
    opt={"scope": "read", "entry": AccessAnswer},
)
async def get_access_of_customers(request: ApiRequest) -> AccessAnswers:
    """The answers for a page of customers, or a job that goes through all of them."""
    book, now = request.user.book, datetime.now(UTC)
    customer_ids, query = await read_body(request)
    check_names(request.route_handler, query.fields)
    policy = _policy(request)
    is_past = _is_past(query)

    # not with the connections of a login: it is longer than a question of one
    async def ask() -> AccessAnswers:
        async with pooled(request) as conn:
            return await access_of_customers(conn, book, customer_ids, now, policy)

    if not is_past:
        answers = await ask()
        if not all(answer.entitled for answer in answers.data):
            answers, behind = await _ask_again(request, answers, ask)
            if behind:
                data = [structs.replace(a, stale=a.stale or not a.entitled) for a in answers.data]
                answers = structs.replace(answers, data=data)
    else:
        async with pooled(request) as conn:
            moments = await past(conn, book, asdict(query), now)
            target = await resources.target_of(conn, book)
            answers = await past_access_of_customers(
                conn, target, customer_ids, moments, now=now, policy=policy
            )
    selected = [select_fields(answer, query.fields) for answer in answers.data]
    return structs.replace(answers, data=selected)


def fresh_seconds(answer: AccessAnswer, now: datetime) -> int:
    """How long an answer may be used without asking again.

    Only one that lets in, and not beyond the moment from which a date may decide otherwise. A "no"
    is not kept: the customer may be paying now. Nor is what the provider did not confirm.
    """
    if not answer.entitled or answer.stale or answer.because[0].rule == "unconfirmed":
        return 0
    return max(0, floor(min((FRESH_SECONDS, *_seconds_to_ends(answer, now)))))


def _seconds_to_ends(answer: AccessAnswer, now: datetime) -> Iterable[float]:
    ends = (because.until for because in answer.because if because.entitled)
    return ((end - now).total_seconds() for end in ends if end is not None)


async def _ask_again(
    request: ApiRequest, answer: A, ask: Callable[[], Awaitable[A]]
) -> tuple[A, bool]:
    """A denial as it is once everything recorded before it is reflected, at the primary.

    Nobody is denied by what a standby or the read models do not have yet. Where they do not catch
    up in time, the answer is behind.
    """
    left = leave_replica(request)
    head = await await_head(request)
    if left or head > parse(answer.position).number:
        answer = await ask()
    return answer, head > parse(answer.position).number


def _policy(request: ApiRequest) -> Policy:
    configured = services(request).books.get(request.user.book)
    return configured.access.policy if configured else Policy()


def _confirms(request: ApiRequest, query: AccessQuery) -> bool:
    """Whether the provider is asked before a "no".

    Raises:
        Problem: ``invalid-parameter`` for ``confirm=true`` where it cannot be asked.
    """
    if query.confirm:
        if _is_past(query):
            reason = "confirm: the provider tells only of now. Ask without as_of and known_at."
            raise invalid(reason, "confirm", "true", ("false",))
        if not services(request).confirming.can_ask(request.user.book):
            reason = (
                "confirm: this book has no API key of the provider. Set its provider.api_key, as"
                " `daybook connect` does."
            )
            raise invalid(reason, "confirm", "true", ("false",))
        return True
    if query.confirm is not None or _is_past(query):
        return False
    configured = services(request).books.get(request.user.book)
    return configured is not None and configured.access.confirm_denials


def _is_past(query: PastQuery) -> bool:
    return query.as_of is not None or query.known_at is not None
