"""The control routes under ``/sandbox/``: the clock, what happens, what goes wrong, the status.

They need no key, but a JSON body, which a page in a browser cannot send to another origin.
"""

from typing import Any

from litestar import Router, delete, get, post
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler
from litestar.params import FromPath, JSONBody

from service.sandbox.actions import action
from service.sandbox.endpoint_bodies import Secret
from service.sandbox.errors import ApiError, not_found
from service.sandbox.happenings import Happening, ImpossibleError
from service.sandbox.messages import (
    Action,
    Advance,
    AnswerFaultRequest,
    Attempt,
    FaultStatus,
    Moved,
    Status,
    WebhookFaultRequest,
)
from service.sandbox.parts import SandboxRequest, parts_of


@get("/status")
async def read_status(request: SandboxRequest) -> Status:
    """The state of the sandbox."""
    parts = parts_of(request)
    timeline = parts.timeline
    return Status(
        business_id=timeline.world.business_id,
        now=timeline.now,
        until=timeline.target,
        behind=timeline.lag,
        settled=timeline.settled,
        waiting=len(parts.deliveries),
        requests=parts.limit.requests,
        webhooks=dict(parts.deliveries.counts),
        resources={kind: len(rows) for kind, rows in timeline.world.resources.items()},
        endpoints=parts.endpoints.all(),
        faults=list(parts.faults.statuses(timeline.now)),
    )


@get("/attempts")
async def read_attempts(request: SandboxRequest) -> list[Attempt]:
    """The latest attempts to deliver, oldest first."""
    return list(parts_of(request).deliveries.attempts)


@get("/resources/{kind:str}")
async def read_resources(request: SandboxRequest, kind: FromPath[str]) -> dict[str, Any]:
    """All resources of a kind by their id, without pages and limits: for tests."""
    resources = parts_of(request).timeline.world.resources
    if kind not in resources:
        raise not_found(f"Kind {kind!r}; there are {', '.join(resources)}. It")
    return dict(resources[kind])


@post("/advance", status_code=202)
async def advance(request: SandboxRequest, data: JSONBody[Advance]) -> Moved:
    """Move the clock; the status tells when it has arrived."""
    timeline = parts_of(request).timeline
    try:
        until = timeline.advance(data.by)
    except ImpossibleError as error:
        raise ApiError(409, str(error)) from None
    return Moved(timeline.now, until)


@post("/actions/{name:str}", status_code=200)
async def act(
    request: SandboxRequest, name: FromPath[str], data: JSONBody[Action]
) -> list[Happening]:
    """Let something happen to a resource now; returns the events."""
    try:
        return parts_of(request).timeline.act(action(name, data.id, data.options))
    except ImpossibleError as error:
        raise ApiError(409, str(error)) from None


@post("/endpoints/{identity:str}/rotate", status_code=200)
async def rotate_secret(request: SandboxRequest, identity: FromPath[str]) -> Secret:
    """Rotate the secret of an endpoint, as the provider's dashboard does."""
    parts = parts_of(request)
    return parts.endpoints.rotate(identity, parts.timeline.now)


@post("/faults/webhooks", status_code=200)
async def add_webhook_fault(
    request: SandboxRequest, data: JSONBody[WebhookFaultRequest]
) -> list[FaultStatus]:
    """Let webhooks be lost, late, doubled or out of order."""
    parts = parts_of(request)
    parts.faults.add_webhook_fault(data, parts.timeline.now)
    return list(parts.faults.statuses(parts.timeline.now))


@post("/faults/answers", status_code=200)
async def add_answer_fault(
    request: SandboxRequest, data: JSONBody[AnswerFaultRequest]
) -> list[FaultStatus]:
    """Let the REST API answer with an error, or slowly."""
    parts = parts_of(request)
    parts.faults.add_answer_fault(data, parts.timeline.now)
    return list(parts.faults.statuses(parts.timeline.now))


@delete("/faults", status_code=200)
async def clear_faults(request: SandboxRequest) -> list[FaultStatus]:
    """End all faults."""
    parts_of(request).faults.clear()
    return []


def _only_json(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
    if connection.scope.get("method") == "GET":
        return
    kind = connection.headers.get("content-type", "")
    if not kind.startswith("application/json"):
        raise ApiError(415, "Send content-type: application/json.")


ROUTER = Router(
    "/sandbox",
    guards=[_only_json],
    route_handlers=[
        read_status,
        read_attempts,
        read_resources,
        advance,
        act,
        rotate_secret,
        add_webhook_fault,
        add_answer_fault,
        clear_faults,
    ],
)
