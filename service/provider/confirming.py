"""Asks the provider before a customer is denied on old news; see ``domain.confirming``."""

import asyncio
import re
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
import structlog
from msgspec.structs import replace

from domain.confirming import Unconfirmed, stands, unconfirmed
from domain.fold import Fold
from domain.policy import Policy
from service.database.connections import WRITER, Pool, pool_connection
from service.database.reader import Lane
from service.provider.client import LOGIN, Provider
from service.provider.confirm_kept import UNANSWERED, JustAsked, Key, Learned
from service.provider.confirm_questions import Questions, open_ends, with_readings
from service.provider.errors import ProviderError
from service.provider.readings import Reading
from service.provider.recording import Compared, compare, record
from service.queries.access import Held, access_of, decided, held_of
from service.queries.answers import AccessAnswer
from service.queries.freshness import Freshness
from service.settings import Book
from service.store.positions import Position
from service.telemetry import metrics

_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")
"""What can be a customer's id at the provider."""

_log = structlog.get_logger(__name__)


class _Question:
    """A question that is on its way, for all who wait for the same customer.

    ``heard`` is what the provider said, as soon as it is known; ``task`` ends when it is recorded.
    """

    def __init__(self) -> None:
        self.heard: Learned | None = None
        self.task: asyncio.Task[Learned]

    async def learned(self, seconds: float) -> Learned:
        """What was learned within so many seconds.

        Raises:
            psycopg.Error: if the book could not be read.
        """
        await asyncio.wait({self.task}, timeout=max(0.0, seconds))
        if self.task.done():
            return self.task.result()
        return self.heard or UNANSWERED


class Confirmer:
    """Confirms denials with the provider, for all books of a process.

    One question at a time is asked about a customer, and none for a minute after an answer. What
    the provider says is recorded, and the answer waits until the read models reflect it; where
    that takes too long, they are read as if they did.
    """

    def __init__(
        self, books: Mapping[str, Book], freshness: Freshness, lane: Lane, pool: Pool
    ) -> None:
        self._books = books
        self._freshness = freshness
        self._lane = lane
        self._pool = pool
        self._kept = JustAsked()
        self._questions: dict[Key, _Question] = {}
        self._providers: dict[str, tuple[Book, Provider]] = {}
        self._replaced: list[Provider] = []

    def can_ask(self, book: str) -> bool:
        """Whether the book has an API key of the provider."""
        configured = self._books.get(book)
        return configured is not None and configured.provider.api_key is not None

    def forget(self) -> None:
        """Ask again about everybody: the settings have changed."""
        self._kept.forget()

    async def close(self) -> None:
        """Give up the questions that are on their way, and close all connections."""
        tasks = [question.task for question in self._questions.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for provider in (*self._replaced, *(known for _, known in self._providers.values())):
            await provider.__aexit__(None, None, None)

    async def confirm(self, book: str, denial: AccessAnswer) -> AccessAnswer:
        """The answer that stands instead of a "no", or that "no"; after two seconds at most.

        Raises:
            psycopg.Error: if the book cannot be read.
        """
        deadline = time.monotonic() + LOGIN.seconds
        if not self.can_ask(book) or not _ID.fullmatch(denial.customer_id):
            return denial
        held, checkpoint = await self._held(book, denial.customer_id)
        now = datetime.now(UTC)
        if stands(denial.because, _folds(held), now, parked=denial.stale):
            return denial
        key = (book, denial.customer_id)
        learned = self._kept.get(key)
        if learned is None:
            question = self._questions.get(key) or self._ask(key, held, checkpoint)
            learned = await question.learned(deadline - time.monotonic())
        answer = denial
        if learned.compared:
            answer, held = await self._answer(key, learned, deadline)
        if not answer.entitled and not learned.decides:
            setting = self._books[book].access.unconfirmed
            answer = _unconfirmed(answer, held, now, setting)
            metrics.count_confirmation(book, "unconfirmed")
            return answer
        metrics.count_confirmation(book, "yes" if answer.entitled else "no")
        return answer

    async def _answer(
        self, key: Key, learned: Learned, deadline: float
    ) -> tuple[AccessAnswer, Held]:
        """What the book says with what was learned."""
        book, customer_id = key
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                await self._freshness.wait_until_past(book, learned.position - 1)
        policy, now = self._policy(book), datetime.now(UTC)
        async with self._lane.connection() as conn:
            answer = await access_of(conn, book, customer_id, now, policy)
        held, checkpoint = await self._held(book, customer_id)
        if not answer.entitled:
            told = decided(with_readings(held, learned.compared), now, policy, checkpoint)
            if told.entitled or checkpoint.number < learned.position:
                answer = told
        return answer, held

    def _ask(self, key: Key, held: Held, checkpoint: Position) -> _Question:
        question = _Question()
        question.task = asyncio.create_task(self._learn(question, key, held, checkpoint))
        question.task.add_done_callback(partial(self._asked, key))
        self._questions[key] = question
        metrics.count_question(key[0])
        return question

    def _asked(self, key: Key, task: asyncio.Task[Learned]) -> None:
        del self._questions[key]
        # mark the error as retrieved: a caller may or may not be waiting for it
        if not task.cancelled() and task.exception() is None:
            self._kept.put(key, task.result())

    async def _learn(
        self, question: _Question, key: Key, held: Held, checkpoint: Position
    ) -> Learned:
        book, customer_id = key
        provider = self._provider(book)
        questions = Questions(provider, customer_id, time.monotonic() + LOGIN.seconds)
        try:
            found = await questions.subscriptions()
        except ProviderError as error:
            _log.warning("denial not confirmed", book=book, error=str(error))
            return UNANSWERED
        compared = await self._compare(book, found)
        answered = decides = True
        policy, now = self._policy(book), datetime.now(UTC)
        if not decided(with_readings(held, compared), now, policy, checkpoint).entitled:
            others, failure = await questions.others(held, found, policy)
            if failure is not None:
                _log.warning("denial not confirmed", book=book, error=str(failure))
            compared += await self._compare(book, others)
            answered = failure is None
            decides = answered and not open_ends(held, (*found, *others))
        differing = tuple(one for one in compared if _differs(one))
        question.heard = Learned(answered, decides, differing)
        position = await self._record(book, question.heard.compared, provider.key_fingerprint)
        return replace(question.heard, position=position)

    async def _compare(self, book: str, readings: list[Reading]) -> list[Compared]:
        if not readings:
            return []
        async with pool_connection(self._pool, WRITER) as conn:
            return await compare(conn, book, self._books[book].business_id, readings)

    async def _record(self, book: str, news: Iterable[Compared], fingerprint: str) -> int:
        """The position of what was recorded; 0 if nothing was."""
        settled = [one for one in news if not one.in_flight]
        if not settled:
            return 0
        try:
            async with pool_connection(self._pool, WRITER) as conn:
                receipts = await record(conn, book, settled, fingerprint)
        except psycopg.Error as error:
            # what the provider said holds all the same
            _log.warning("reading not recorded", book=book, error=type(error).__name__)
            return 0
        return max((receipt.position for receipt in receipts), default=0)

    async def _held(self, book: str, customer_id: str) -> tuple[Held, Position]:
        async with self._lane.connection() as conn:
            return await held_of(conn, book, customer_id)

    def _policy(self, book: str) -> Policy:
        return self._books[book].access.policy

    def _provider(self, book: str) -> Provider:
        """The client of a book, another one once its settings have changed."""
        configured = self._books[book]
        known = self._providers.get(book)
        if known is not None and known[0].provider == configured.provider:
            return known[1]
        if known is not None:
            # others may be waiting for its answers
            self._replaced.append(known[1])
        made = Provider(book, configured)
        self._providers[book] = (configured, made)
        return made


def _differs(one: Compared) -> bool:
    """Whether the read models do not reflect a reading, even if it is recorded."""
    unknown = one.known is None or one.overtaken
    return one.entry.aggregate is not None and (unknown or bool(one.differing))


def _folds(held: Held) -> list[Fold[Any]]:
    return [folded for folds in held.folds.values() for folded in folds]


def _unconfirmed(
    denial: AccessAnswer, held: Held, now: datetime, setting: Unconfirmed
) -> AccessAnswer:
    reason = unconfirmed(denial.because, denial.state, _folds(held), now, setting)
    return replace(
        denial, entitled=reason.entitled, state=reason.state, until=reason.until,
        because=(reason, *denial.because),
    )  # fmt: skip
