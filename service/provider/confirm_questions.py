"""What the provider is asked about one customer whom the book would deny.

First the customer's subscriptions, in one request. Only where they do not entitle either: what else
decides.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from domain.carried import evolved
from domain.events import Entry
from domain.fold import Fold, extend, fold
from domain.legible import UNREADABLE, readable
from domain.policy import Policy
from domain.steps import Reading as Alternative
from service.provider.by_id import whole
from service.provider.client import Patience, Provider
from service.provider.errors import (
    NotFoundError,
    ProviderError,
    UnexpectedAnswerError,
    UnreachableError,
)
from service.provider.kinds import ENTITLEMENT_GRANT, LICENSE_KEY, PAYMENT, SUBSCRIPTION, Kind
from service.provider.lists import PAGE_SIZE, Page, rows
from service.provider.readings import Reading
from service.provider.recording import Compared
from service.queries.access import Held

_MOST_BY_ID = 5
_RESOLUTION = timedelta(seconds=1)
"""Of the provider's ``Date``, by which a reading is placed among the events."""

_OVER = frozenset({"cancelled", "expired", "failed"})
_GIVES = frozenset({"active", "past_due"})


class Questions:
    """The requests about one customer, which together end by ``deadline``, of the monotonic clock.

    A 404 is an empty answer: it says nothing against anybody.
    """

    def __init__(self, provider: Provider, customer_id: str, deadline: float) -> None:
        self._provider = provider
        self._customer_id = customer_id
        self._deadline = deadline
        self._partial: ProviderError | None = None

    async def subscriptions(self) -> list[Reading]:
        """The customer's subscriptions, as many as the provider shows by the deadline.

        Raises:
            ProviderError: if the provider does not answer.
        """
        return await self._list(SUBSCRIPTION)

    async def others(
        self, held: Held, found: Iterable[Reading], policy: Policy
    ) -> tuple[list[Reading], ProviderError | None]:
        """What else decides, at once: grants, payments, keys, and some subscriptions by id.

        The latter are those that go on as far as we know and are not ``found``, and those that are
        found as active, though we have a date that ended them: rows of lists lack it.

        Returns:
            What was read, and why anything was not, of the subscriptions either.
        """
        subscriptions = {one.id: _status(one) for one in found}
        asked = [self._list(ENTITLEMENT_GRANT)]
        if subscriptions or held.folds["subscription"] or policy.one_time_payments:
            asked.append(self._list(PAYMENT, status="succeeded"))
        if policy.license_keys:
            asked.append(self._list(LICENSE_KEY))
        closer = [i for i in _live(held) if i not in subscriptions]
        closer += [i for i, status in subscriptions.items() if status in _GIVES]
        asked += [self._read(SUBSCRIPTION, i) for i in closer[:_MOST_BY_ID]]
        read: list[Reading] = []
        failure: ProviderError | None = None
        for answer in await asyncio.gather(*asked, return_exceptions=True):
            if isinstance(answer, ProviderError):
                failure = answer
            elif isinstance(answer, BaseException):
                raise answer
            else:
                read += answer
        return read, failure or self._partial

    async def _list(self, kind: Kind, **filters: str) -> list[Reading]:
        readings: list[Reading] = []
        try:
            async with (
                asyncio.timeout(max(0.0, self._deadline - time.monotonic())),
                aclosing(self._pages(kind, filters)) as pages,
            ):
                async for page in pages:
                    readings += [Reading(kind, r.id, r.body, page.reply, True) for r in page.rows]
                    if page.unread:
                        self._partial = UnexpectedAnswerError(page.unread[0], page.reply.status)
                    if len(page.rows) + len(page.unread) < PAGE_SIZE:
                        break
        except NotFoundError:
            pass
        except (ProviderError, TimeoutError) as error:
            failure = UnreachableError("The provider did not answer all within the time.")
            self._partial = error if isinstance(error, ProviderError) else failure
            if not readings:
                raise self._partial from None
        return readings

    def _pages(self, kind: Kind, filters: Mapping[str, str]) -> AsyncGenerator[Page, None]:
        # not by windows of time: the newest matters, and the provider's clock is not known yet
        named = {"customer_id": self._customer_id, **filters}
        whole = replace(kind, window=None)
        return rows(self._provider, whole, filters=named, patience=self._patience())

    async def _read(self, kind: Kind, resource_id: str) -> list[Reading]:
        try:
            reply = await self._provider.get(kind.path_of(resource_id), patience=self._patience())
        except NotFoundError:
            return []
        return [whole(kind, resource_id, reply)]

    def _patience(self) -> Patience:
        return Patience(max(0.0, self._deadline - time.monotonic()), retry=False)


def open_ends(held: Held, readings: Iterable[Reading]) -> bool:
    """Whether readings that do not entitle a customer still do not tell that nothing does.

    A subscription that goes on as far as the book knows is not over because the provider lacks it.
    One that is active there, though its period has ended, may be about to be renewed.
    """
    found = {one.id: _status(one) for one in readings if one.kind is SUBSCRIPTION}
    return "active" in found.values() or not found.keys() >= {*_live(held)}


def _live(held: Held) -> list[str]:
    return [f.state.id for f in held.folds["subscription"] if f.status not in _OVER]


def with_readings(held: Held, compared: Iterable[Compared]) -> Held:
    """What the book would hold if it had folded these readings.

    A reading that the book has folded, or that is older than its last news, changes nothing. Where
    nothing tells which of the two is older, the resource can be read in two ways.
    """
    folds = {category: list(known) for category, known in held.folds.items()}
    for one in compared:
        if one.entry.aggregate is not None:
            _fold_into(folds[one.reading.kind.category], one)
    return replace(held, folds=folds, known=held.known or any(folds.values()))


def _fold_into(folds: list[Fold[Any]], one: Compared) -> None:
    for index, known in enumerate(folds):
        if known.state.id == one.reading.id:
            folds[index] = _with_reading(known, one.entry)
            return
    folds.append(fold([one.entry])[0])


def _with_reading(known: Fold[Any], entry: Entry) -> Fold[Any]:
    extended = extend(known, [entry])
    if extended is not None:
        return extended[0]
    if entry.event.sent_at + _RESOLUTION <= known.last[0] or entry.aggregate is None:
        return known
    at, state = entry.occurred_at, evolved(entry.aggregate, known.state, entry)
    status = entry.status or known.status
    if (status, state) == (known.status, known.state):
        return known
    # also of the same status: a date may be newer
    return replace(known, other=Alternative(status, at, at, state))


class _Row(msgspec.Struct):
    status: str | None = None


def _status(reading: Reading) -> str | None:
    try:
        return msgspec.json.decode(readable(reading.body)[0], type=_Row).status
    except UNREADABLE:
        return None
