"""Webhook delivery: signing, sending, and the provider's retries on the sandbox's clock.

A body is rendered when it is sent: it shows the resource as it is then, not as it was at the event.
"""

import asyncio
import math
import secrets
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from typing import Any, Protocol

import httpx
import msgspec
from msgspec import Struct, structs
from standardwebhooks import Webhook

from service.sandbox.endpoints import Endpoints
from service.sandbox.faults import Faults
from service.sandbox.happenings import Happening
from service.sandbox.messages import Attempt

RETRY_SECONDS = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
"""The pauses after each attempt that failed; the eighth attempt is the last."""

TIMEOUT_SECONDS = 15.0
MAX_WAITING = 100_000
"""Webhooks that wait to be sent; more are dropped, and counted."""

MAX_KEPT = 1_000
"""The latest attempts are kept for the status."""

_MAX_ANSWER_BYTES = 64 << 10
_AT_ONCE = 8


class Renders(Protocol):
    """What renders a webhook's data: the world."""

    business_id: str

    def data(self, happening: Happening) -> dict[str, Any]:
        """The data as it is now."""


class Message(Struct, frozen=True, kw_only=True):
    """A webhook for one endpoint; ``attempts`` of them have failed."""

    webhook_id: str
    endpoint_id: str
    happening: Happening
    attempts: int = 0


class Deliveries:
    """The webhooks that wait, in the order in which they are due."""

    def __init__(self, endpoints: Endpoints, faults: Faults, *, real_stamps: bool = False) -> None:
        self.attempts: deque[Attempt] = deque(maxlen=MAX_KEPT)
        self.counts: Counter[str] = Counter()
        self._endpoints = endpoints
        self._faults = faults
        self._real_stamps = real_stamps
        self._waiting: list[tuple[datetime, int, Message]] = []
        self._number = 0
        self._in_flight = 0

    @property
    def next_at(self) -> datetime | None:
        """When the next webhook is due."""
        return self._waiting[0][0] if self._waiting else None

    def due(self, now: datetime) -> int:
        """How many are due or being sent."""
        return self._in_flight + sum(at <= now for at, _, _ in self._waiting)

    def __len__(self) -> int:
        """How many wait, for a first attempt or another."""
        return len(self._waiting)

    def post(self, happenings: Iterable[Happening], now: datetime) -> None:
        """Let the endpoints be told of what happened, as far as no fault prevents it."""
        for happening in happenings:
            for endpoint in self._endpoints.subscribed(happening.type):
                message = Message(
                    webhook_id="msg_" + secrets.token_urlsafe(20),
                    endpoint_id=endpoint.id,
                    happening=happening,
                )
                fate = self._faults.fate(now)
                if fate.lost:
                    self._note(message, now, "lost")
                for after in fate.after:
                    self._push(now + after, message, now)

    async def send_due(self, world: Renders, now: datetime, client: httpx.AsyncClient) -> None:
        """Send what is due; some at once, so that a slow receiver does not hold up all."""
        while self._waiting and self._waiting[0][0] <= now:
            batch: list[Message] = []
            while self._waiting and self._waiting[0][0] <= now and len(batch) < _AT_ONCE:
                batch.append(heappop(self._waiting)[2])
            self._in_flight = len(batch)
            try:
                async with asyncio.TaskGroup() as tasks:
                    for message in batch:
                        tasks.create_task(self._send(world, message, now, client))
            finally:
                self._in_flight = 0

    async def _send(
        self, world: Renders, message: Message, now: datetime, client: httpx.AsyncClient
    ) -> None:
        endpoint = self._endpoints.find(message.endpoint_id)
        if endpoint is None or endpoint.disabled:
            self._note(message, now, "endpoint disabled")
            return
        body = render(world, message.happening)
        signing = self._endpoints.signing_secrets(endpoint.id, now)
        stamp = datetime.now(UTC) if self._real_stamps else now
        headers = {
            **self._endpoints.headers(endpoint.id),
            **sign(signing, message.webhook_id, stamp, body),
        }
        outcome = await _post(client, endpoint.url, body, headers)
        self._note(message, now, outcome)
        if outcome.startswith("2"):
            return
        if message.attempts < len(RETRY_SECONDS):
            pause = timedelta(seconds=RETRY_SECONDS[message.attempts])
            again = structs.replace(message, attempts=message.attempts + 1)
            self._push(now + pause, again, now)
        else:
            self.counts["given up"] += 1

    def _push(self, at: datetime, message: Message, now: datetime) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self._note(message, now, "dropped")
            return
        self._number += 1
        heappush(self._waiting, (at, self._number, message))

    def _note(self, message: Message, now: datetime, outcome: str) -> None:
        kind = "delivered" if outcome.startswith("2") else outcome
        self.counts[kind if kind in _COUNTED else "refused"] += 1
        happening = message.happening
        self.attempts.append(
            Attempt(
                at=now,
                webhook_id=message.webhook_id,
                type=happening.type,
                resource=happening.id,
                happened_at=happening.at,
                endpoint_id=message.endpoint_id,
                number=message.attempts + 1,
                outcome=outcome,
            )
        )


_COUNTED = frozenset({"delivered", "lost", "dropped", "endpoint disabled"})


def render(world: Renders, happening: Happening) -> bytes:
    """The body of a webhook, as it is now."""
    return msgspec.json.encode(
        {
            "business_id": world.business_id,
            "type": happening.type,
            "timestamp": happening.at,
            "data": world.data(happening),
        }
    )


def sign(signing: Sequence[str], webhook_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of a webhook, with a signature by each secret.

    The time is rounded up to seconds, so that it is never before the event itself.
    """
    stamp = datetime.fromtimestamp(math.ceil(at.timestamp()), UTC)
    return {
        "content-type": "application/json",
        "user-agent": "Svix-Webhooks/daybook-sandbox",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(stamp.timestamp())),
        "webhook-signature": " ".join(
            Webhook(secret).sign(webhook_id, stamp, body.decode()) for secret in signing
        ),
    }


async def _post(
    client: httpx.AsyncClient, url: str, body: bytes, headers: Mapping[str, str]
) -> str:
    """The outcome of one request: its status, or what went wrong."""
    try:
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            client.stream("POST", url, content=body, headers=dict(headers)) as response,
        ):
            size = 0
            # the rest of a short answer is read, so that the connection can be used again
            async for part in response.aiter_raw():
                size += len(part)
                if size > _MAX_ANSWER_BYTES:
                    break
            return str(response.status_code)
    except TimeoutError:
        return "timeout"
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        return type(error).__name__
