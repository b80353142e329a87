"""One book's client of the provider's REST API, on httpx.

It does not use the provider's SDK: an observation is stored as the bytes that were sent, which the
SDK's models replace; its automatic pagination skips page 1 of every list; and its models, 3.4 MB of
them, refuse nothing that Daybook would have to refuse.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import TracebackType
from typing import Self
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec
from msgspec import Struct

from service.processes.backoff import Backoff
from service.provider.answers import Answers
from service.provider.errors import (
    BrokenAnswerError,
    LimitedError,
    ProviderError,
    UnreachableError,
)
from service.provider.pace import Pace, answered_date
from service.setting_checks import is_loopback
from service.settings import Book, SettingsError

MAX_BODY_BYTES = 16 << 20
"""The longest answer that is read."""

_CONNECTIONS = 10


class Patience(Struct, frozen=True):
    """How long a caller waits for one reply, with pauses and retries.

    Without ``retry`` the first failure is the result, and the caller may use the requests that
    others leave to it; see ``Pace``. ``failing`` is how long failures are retried, where that is
    shorter than one waits for one's turn.
    """

    seconds: float
    retry: bool = True
    failing: float = math.inf


LOGIN = Patience(2.0, retry=False)
"""Somebody waits at a login."""

COMMAND = Patience(30.0)
"""Somebody waits at a terminal."""

MANY = Patience(900.0, failing=30.0)
"""Somebody waits at a terminal for many requests: the rate takes its time, an outage ends it."""

BACKGROUND = Patience(900.0)
"""Nobody waits: survives an outage of a quarter of an hour."""


class Reply(Struct, frozen=True):
    """An answer of the provider, exactly as it came.

    ``path`` has the query. ``requested_at`` and ``answered_at`` are of our clock: what the reply
    says was read between the two. Their distance is measured on a monotonic clock. ``date`` is the
    provider's clock, to the second.
    """

    path: str
    status: int
    body: bytes
    date: datetime | None
    requested_at: datetime
    answered_at: datetime


class Provider:
    """The provider's REST API for one book; use it as an asynchronous context manager.

    Every reply came within ``timeout_seconds`` of the book's settings, so the moment it describes
    is known that well. No redirect is followed. ``calls`` counts the requests that were sent;
    ``now`` is the provider's clock; ``key_fingerprint`` names the API key without revealing it.

    Raises:
        SettingsError: if the book has no API key.
    """

    def __init__(self, name: str, book: Book) -> None:
        if book.provider.api_key is None:
            raise SettingsError(
                f"Book {name!r} has no API key of the provider. Run `daybook connect --book {name}`"
                f", or set books.{name}.provider.api_key."
            )
        self.calls = 0
        key = book.provider.api_key.get_secret_value()
        self.key_fingerprint = sha256(b"daybook-api-key-1" + key.encode()).hexdigest()[:16]
        self._ahead = timedelta(0)
        self.url = book.provider_url
        self._name = name
        self._answers = Answers(name, book)
        self._timeout = float(book.provider.timeout_seconds)
        self._pace = Pace(book.provider.requests_per_minute)
        self._client = httpx.AsyncClient(
            headers={
                "authorization": f"Bearer {key}",
                "accept": "application/json",
                # a compressed body could inflate without limit
                "accept-encoding": "identity",
                "user-agent": "daybook",
            },
            timeout=self._timeout,
            limits=httpx.Limits(max_connections=_CONNECTIONS),
            follow_redirects=False,
            # the environment may name a proxy, which does not lead back to this machine
            trust_env=not is_loopback(urlsplit(self.url).hostname),
        )

    @property
    def rate_limit_remaining(self) -> int | None:
        """How many requests are left to the API key for now, by the last answer that said so."""
        return self._pace.remaining

    @property
    def now(self) -> datetime:
        """The provider's clock, to a second, by its last reply; ours before the first."""
        return datetime.now(UTC) + self._ahead

    async def __aenter__(self) -> Self:
        """Ready to send."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def get(
        self,
        path: str,
        params: Mapping[str, str | int] | None = None,
        *,
        patience: Patience = COMMAND,
    ) -> Reply:
        """Read a path; retry what may pass: 429, 5xx, a slow answer, a failure of the network.

        Returns:
            A reply of status 2xx, whose body is JSON, but for single values that may be broken.

        Raises:
            ProviderError: by its kind; see ``service.provider.errors``.
        """
        target = f"{path}?{urlencode(params)}" if params else path
        return await self._patiently("GET", target, None, patience)

    async def get_file(self, path: str, media_type: str, *, patience: Patience = COMMAND) -> Reply:
        """Read a file of a media type, such as an invoice.

        Raises:
            ProviderError: as ``get``.
        """
        return await self._patiently("GET", path, None, patience, media_type)

    async def send(
        self, method: str, path: str, document: object, *, patience: Patience = COMMAND
    ) -> Reply:
        """Send a JSON document. Only a request that the provider refused for its rate is repeated.

        Raises:
            ProviderError: as ``get``. After an ``UnreachableError`` it may have been done or not.
        """
        return await self._patiently(method, path, msgspec.json.encode(document), patience)

    async def _patiently(
        self,
        method: str,
        target: str,
        content: bytes | None,
        patience: Patience,
        media_type: str | None = None,
    ) -> Reply:
        deadline = time.monotonic() + patience.seconds
        backoff = Backoff()
        until = math.inf
        while True:
            await self._await_turn(deadline, urgent=not patience.retry)
            try:
                return await self._once(method, target, content, deadline, media_type)
            except LimitedError as error:
                failure: ProviderError = error
            except UnreachableError as error:
                if content is not None:
                    raise
                failure = error
                until = min(until, time.monotonic() + patience.failing)
            pause = backoff.pause()
            if not patience.retry or time.monotonic() + pause >= min(deadline, until):
                raise failure
            await asyncio.sleep(pause)

    async def _await_turn(self, deadline: float, *, urgent: bool) -> None:
        while delay := self._pace.delay(time.monotonic(), urgent=urgent):
            if time.monotonic() + delay >= deadline:
                raise LimitedError(
                    f"The provider's rate limit leaves no request for {math.ceil(delay)} seconds."
                    " Try again later."
                )
            await asyncio.sleep(delay)
        self._pace.take(time.monotonic())

    async def _once(
        self,
        method: str,
        target: str,
        content: bytes | None,
        deadline: float,
        media_type: str | None,
    ) -> Reply:
        self.calls += 1
        requested_at, started = datetime.now(UTC), time.monotonic()
        limit = min(self._timeout, deadline - started)
        try:
            async with asyncio.timeout(limit):
                response, body = await self._exchange(method, target, content, media_type)
        except TimeoutError:
            raise UnreachableError(
                f"{self.url} did not answer within {limit:.0f} seconds. Try again later."
            ) from None
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise UnreachableError(
                f"Cannot reach {self.url}: {reason}. Check the network, and the `provider.url` of"
                f" book {self._name!r}."
            ) from error
        ended = time.monotonic()
        self._pace.heed(response.headers, response.status_code, ended)
        answered = response.status_code, response.headers, target, body
        if media_type is None:
            self._answers.check(*answered)
        else:
            self._answers.check_file(*answered, media_type)
        date = answered_date(response.headers)
        answered_at = requested_at + timedelta(seconds=ended - started)
        if date is not None:
            self._ahead = date - answered_at
        return Reply(target, response.status_code, body, date, requested_at, answered_at)

    async def _exchange(
        self, method: str, target: str, content: bytes | None, media_type: str | None
    ) -> tuple[httpx.Response, bytes]:
        headers = {"content-type": "application/json"} if content is not None else {}
        if media_type is not None:
            headers["accept"] = media_type
        stream = self._client.stream(method, self.url + target, content=content, headers=headers)
        body = bytearray()
        async with stream as response:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    text = f"{target}: the answer has more than {MAX_BODY_BYTES} bytes."
                    raise BrokenAnswerError(text, response.status_code)
        return response, bytes(body)
