"""What goes wrong on request: webhooks that are lost or late, answers that are no use.

Each fault has limits: a share of what it could hit, a number of hits, a time until which it lasts
on the sandbox's clock. A new fault of the same kind replaces the earlier one.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

from msgspec import Struct

from service.sandbox.errors import ApiError
from service.sandbox.messages import (
    AnswerFaultRequest,
    FaultStatus,
    Limits,
    WebhookFault,
    WebhookFaultRequest,
)

_MAX_DELAY = timedelta(days=30)
_MAX_ANSWER_DELAY = timedelta(minutes=10)
_MAX_LASTS = timedelta(days=4_000)


class Fate(Struct, frozen=True):
    """What happens to one webhook.

    Attributes:
        lost: whether it is never sent.
        after: how much later than at once it is sent, once for each copy.
    """

    lost: bool
    after: tuple[timedelta, ...]


class _Hits:
    """Whether a fault hits, within its limits."""

    def __init__(self, limits: Limits, now: datetime) -> None:
        self.left = limits.next
        self.until = None if limits.lasts is None else now + limits.lasts
        self._share = limits.share

    def hits(self, chance: Random, now: datetime) -> bool:
        """Whether it hits now; counts the hit."""
        if self.is_over(now) or chance.random() >= self._share:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    def is_over(self, now: datetime) -> bool:
        """Whether it has reached a limit."""
        return self.left == 0 or (self.until is not None and now > self.until)


class Faults:
    """The faults that are in force."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)  # noqa: S311 - no secret
        self._webhooks: dict[WebhookFault, tuple[WebhookFaultRequest, _Hits]] = {}
        self._answers: dict[str, tuple[AnswerFaultRequest, _Hits]] = {}

    def add_webhook_fault(self, request: WebhookFaultRequest, now: datetime) -> None:
        """Let webhooks suffer this fault from now on.

        Raises:
            ApiError: if a span is not possible.
        """
        _check(request.by, _MAX_DELAY)
        _check(request.lasts or timedelta(0), _MAX_LASTS)
        self._webhooks[request.kind] = (request, _Hits(request, now))

    def add_answer_fault(self, request: AnswerFaultRequest, now: datetime) -> None:
        """Let answers suffer this fault from now on.

        Raises:
            ApiError: if a span is not possible.
        """
        _check(request.by, _MAX_ANSWER_DELAY)
        _check(request.lasts or timedelta(0), _MAX_LASTS)
        self._answers[request.path] = (request, _Hits(request, now))

    def clear(self) -> None:
        """End all faults."""
        self._webhooks.clear()
        self._answers.clear()

    def fate(self, now: datetime) -> Fate:
        """What happens to a webhook that is about to be sent."""
        if self._hit("lose", now) is not None:
            return Fate(lost=True, after=())
        delay = self._hit("delay", now) or timedelta(0)
        if (span := self._hit("reorder", now)) is not None:
            delay += span * self._chance.random()
        copies = 2 if self._hit("duplicate", now) is not None else 1
        return Fate(lost=False, after=(delay,) * copies)

    def answer(self, path: str, now: datetime) -> AnswerFaultRequest | None:
        """The fault that an answer suffers; of several the one of the longest path."""
        for prefix in sorted(self._answers, key=len, reverse=True):
            request, hits = self._answers[prefix]
            if path.startswith(prefix) and hits.hits(self._chance, now):
                return request
        return None

    def statuses(self, now: datetime) -> Iterator[FaultStatus]:
        """The faults that have not reached a limit."""
        for kind, (_, hits) in self._webhooks.items():
            if not hits.is_over(now):
                yield FaultStatus(f"{kind} webhooks", hits.left, hits.until)
        for path, (request, hits) in self._answers.items():
            if not hits.is_over(now):
                how = f"with {request.status}" if request.status else "slowly"
                yield FaultStatus(f"answer {path} {how}", hits.left, hits.until)

    def _hit(self, kind: WebhookFault, now: datetime) -> timedelta | None:
        if kind not in self._webhooks:
            return None
        request, hits = self._webhooks[kind]
        return request.by if hits.hits(self._chance, now) else None


def _check(span: timedelta, most: timedelta) -> None:
    if not timedelta(0) <= span <= most:
        raise ApiError(400, f"A span of time is longer than {most}, or negative.")
