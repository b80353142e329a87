"""The sandbox from its options: world, webhooks, REST API and control routes."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx
from litestar import Litestar, MediaType, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp
from msgspec import Struct

from service.sandbox import control, rest
from service.sandbox.deliveries import TIMEOUT_SECONDS, Deliveries
from service.sandbox.endpoint_bodies import EndpointRequest
from service.sandbox.endpoints import Endpoints
from service.sandbox.errors import ApiError, ErrorBody
from service.sandbox.faults import Faults
from service.sandbox.gate import Gate
from service.sandbox.parts import Parts
from service.sandbox.rate_limit import RateLimit
from service.sandbox.timeline import Timeline
from service.sandbox.world import World

MAX_BODY_BYTES = 1 << 20
PAYMENTS_LAST_PAGE = 100
"""The highest page number of payments; the provider does not document its own."""

_HISTORY = timedelta(days=400)
"""What the world has lived through when the sandbox begins; customers came all that time."""


class Options(Struct, frozen=True, kw_only=True):
    """How a sandbox begins.

    Attributes:
        customers: how many there are.
        seed: the same seed makes the same world.
        behind: how far the clock is behind the present.
        api_key: the key of the REST API.
        webhooks_to: the URL of a first webhook endpoint.
        secret: its signing secret; a new one by default.
        per_minute: requests; 0 for no limit.
        per_second: requests; 0 for no limit.
        payments_last_page: the highest page number of payments.
        real_stamps: whether webhooks are stamped by the real clock, not by the sandbox's.
    """

    api_key: str
    customers: int = 20
    seed: int = 1
    behind: timedelta = timedelta(days=90)
    webhooks_to: str | None = None
    secret: str | None = None
    per_minute: int = 240
    per_second: int = 40
    payments_last_page: int = PAYMENTS_LAST_PAGE
    real_stamps: bool = False


class Sandbox(Struct, frozen=True):
    """A sandbox that is ready to run."""

    app: ASGIApp
    timeline: Timeline
    client: httpx.AsyncClient
    endpoints: Endpoints


def build(options: Options) -> Sandbox:
    """The sandbox; the caller runs its timeline and closes its client.

    Raises:
        ApiError: if the URL of the first endpoint is not one of HTTP.
    """
    begins = datetime.now(UTC) - options.behind
    world = World(options.customers, options.seed, begin=begins - _HISTORY)
    # nobody is told of what happened before the sandbox began
    world.advance(begins)
    endpoints, faults = Endpoints(), Faults(options.seed)
    deliveries = Deliveries(endpoints, faults, real_stamps=options.real_stamps)
    # no proxy: it is a rehearsal on this machine
    client = httpx.AsyncClient(timeout=TIMEOUT_SECONDS, trust_env=False)
    timeline = Timeline(world, deliveries, client)
    if options.webhooks_to is not None:
        request = EndpointRequest(url=options.webhooks_to, description="daybook sandbox")
        endpoints.create(request, world.now, options.secret)
    limit = RateLimit(options.per_minute, options.per_second)
    last_page = options.payments_last_page
    parts = Parts(timeline, deliveries, endpoints, faults, limit, last_page)
    app = Litestar(
        route_handlers=[*rest.ROUTES, control.ROUTER],
        exception_handlers={ApiError: _render, HTTPException: _render},
        request_max_body_size=MAX_BODY_BYTES,
        state=State({"parts": parts}),
        openapi_config=None,
        logging_config=None,
    )
    gate = Gate(app, options.api_key, limit, faults, lambda: timeline.now)
    return Sandbox(gate, timeline, client, endpoints)


def _render(_: Request[Any, Any, Any], error: Exception) -> Response[ErrorBody]:
    if isinstance(error, HTTPException):
        error = ApiError(error.status_code, error.detail or HTTPStatus(error.status_code).phrase)
    if not isinstance(error, ApiError):
        raise error
    return Response(
        error.body, status_code=error.status, headers=error.headers, media_type=MediaType.JSON
    )
