"""What the control routes read and write."""

from datetime import datetime, timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from service.sandbox.endpoint_bodies import Endpoint

WebhookFault = Literal["lose", "delay", "duplicate", "reorder"]


class Limits(Struct, frozen=True, kw_only=True):
    """How often and how long a fault hits; without limits always, until it is cleared.

    Attributes:
        share: of what it could hit.
        next: how many hits end it.
        lasts: the time on the sandbox's clock that ends it.
    """

    share: Annotated[float, Meta(gt=0, le=1)] = 1.0
    next: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    lasts: timedelta | None = None


class WebhookFaultRequest(Limits, frozen=True, kw_only=True):
    """A fault of the webhooks; ``by`` is the delay, or the span in which order is lost."""

    kind: WebhookFault
    by: timedelta = timedelta(minutes=1)


class AnswerFaultRequest(Limits, frozen=True, kw_only=True):
    """A fault of the REST API.

    Attributes:
        status: the answer instead of the right one; None delays the right one.
        by: how long an answer is delayed.
        path: only paths that start so.
    """

    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    by: timedelta = timedelta(0)
    path: str = "/"


class FaultStatus(Struct, frozen=True):
    """A fault that is in force: what it does, how many hits are left, until when it lasts."""

    fault: str
    left: int | None
    until: datetime | None


class Attempt(Struct, frozen=True, kw_only=True):
    """One attempt: ``outcome`` is a status, an error, ``lost`` or ``dropped``."""

    at: datetime
    webhook_id: str
    type: str
    resource: str
    happened_at: datetime
    endpoint_id: str
    number: int
    outcome: str


class Advance(Struct, frozen=True):
    """How far to move the clock."""

    by: timedelta


class Moved(Struct, frozen=True):
    """The world's time, and the time to which it is moved."""

    now: datetime
    until: datetime


class Action(Struct, frozen=True):
    """On which resource, with what; see ``actions``."""

    id: Annotated[str, Meta(max_length=200)]
    options: dict[str, str | int | bool] = {}


class Status(Struct, frozen=True):
    """The state of the sandbox.

    Attributes:
        now: the sandbox's clock.
        until: the time to which it is being moved.
        behind: how far it can still be moved.
        settled: whether it is not being moved and all webhooks that are due were sent.
        waiting: webhooks that wait for an attempt.
        requests: answered by the REST API.
        webhooks: how many were delivered, refused, lost and so on.
        resources: how many there are of each kind.
    """

    business_id: str
    now: datetime
    until: datetime
    behind: timedelta
    settled: bool
    waiting: int
    requests: int
    webhooks: dict[str, int]
    resources: dict[str, int]
    endpoints: list[Endpoint]
    faults: list[FaultStatus]
