"""The parts of a sandbox that its routes reach."""

from typing import Any

from litestar import Request
from litestar.datastructures import State
from msgspec import Struct

from service.sandbox.deliveries import Deliveries
from service.sandbox.endpoints import Endpoints
from service.sandbox.faults import Faults
from service.sandbox.rate_limit import RateLimit
from service.sandbox.timeline import Timeline

SandboxRequest = Request[Any, Any, State]


class Parts(Struct, frozen=True):
    """The state of the application; ``last_page`` is the highest page number of payments."""

    timeline: Timeline
    deliveries: Deliveries
    endpoints: Endpoints
    faults: Faults
    limit: RateLimit
    last_page: int


def parts_of(request: SandboxRequest) -> Parts:
    """The parts of the sandbox that answers a request."""
    parts: Parts = request.app.state.parts
    return parts
