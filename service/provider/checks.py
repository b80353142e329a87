"""Checks of a book against the provider: its key, the clocks, its webhook endpoint."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta

import msgspec
from msgspec import Struct

from service.provider import endpoints
from service.provider.client import Patience, Provider, Reply
from service.provider.endpoints import Endpoint
from service.provider.errors import ProviderError, WrongKeyError
from service.provider.findings import Finding
from service.settings import Book
from service.telemetry.wording import span_of

_PATIENCE = Patience(6.0)

_CLOCK = timedelta(seconds=60)
"""How far the clocks may differ; a webhook is refused at five minutes."""

_MAX_ENDPOINTS = 20
"""The most endpoints whose secrets are read, one request each."""

_SHOWN_TYPES = 6


class _Customer(Struct):
    business_id: str | None = None


class _Customers(Struct):
    items: list[_Customer]


class Examination:
    """The checks of one book, with what they have in common."""

    def __init__(self, name: str, book: Book, url: str | None) -> None:
        self._name = name
        self._book = book
        self._url = url
        self._secrets = {secret.get_secret_value() for secret in book.secrets}

    async def run(self, explain: Callable[[Exception], str]) -> list[Finding]:
        """All findings; without an API key, one that says that nothing was looked at."""
        if self._book.provider.api_key is None:
            found = "The book has no API key of the provider, so the provider was not asked."
            remedy = f"daybook connect --book {self._name} --url https://…/webhooks/{self._name}"
            return [self._finding("api key", "skipped", found, remedy)]
        async with Provider(self._name, self._book) as provider:
            try:
                existing, reply = await endpoints.list_endpoints(provider, patience=_PATIENCE)
            except WrongKeyError as error:
                return [
                    self._finding("api key", "problem", str(error), "Configure another API key."),
                    self._finding("endpoint", "unknown", "The API key is refused."),
                ]
            except ProviderError as error:
                return [
                    self._finding("api key", "unknown", explain(error)),
                    self._finding("endpoint", "unknown", "The provider was not asked."),
                ]
            where = f"{provider.url} accepts the API key, as one of {self._book.mode} mode."
            business, endpoint = await asyncio.gather(
                self._business(provider, explain), self._endpoint(provider, existing, explain)
            )
            key = self._finding("api key", "ok", where)
            return [key, self._clock(reply), *business, *endpoint]

    def _finding(self, check: str, state: str, found: str, remedy: str = "") -> Finding:
        return msgspec.convert(
            {"book": self._name, "check": check, "state": state, "found": found, "remedy": remedy},
            Finding,
        )

    def _clock(self, reply: Reply) -> Finding:
        if reply.date is None:
            found = "The provider's answer has no Date to compare the clock with."
            return self._finding("clock", "unknown", found)
        middle = reply.requested_at + (reply.answered_at - reply.requested_at) / 2
        apart = middle - reply.date
        seconds = round(abs(apart).total_seconds())
        # a Date has no fractions of a second
        found = "This host's clock agrees with the provider's."
        if seconds > 1:
            word = "ahead of" if apart > timedelta(0) else "behind"
            found = f"This host's clock is {span_of(seconds)} {word} the provider's."
        if abs(apart) <= max(_CLOCK, self._book.webhook_max_age or _CLOCK):
            return self._finding("clock", "ok", found)
        return self._finding(
            "clock",
            "problem",
            found,
            "Check the time synchronisation: from five minutes on, webhooks are refused.",
        )

    async def _business(
        self, provider: Provider, explain: Callable[[Exception], str]
    ) -> list[Finding]:
        expected = self._book.business_id
        if expected is None:
            return []
        try:
            reply = await provider.get("/customers", {"page_size": 1}, patience=_PATIENCE)
            rows = msgspec.json.decode(reply.body, type=_Customers).items
        except (ProviderError, msgspec.MsgspecError) as error:
            return [self._finding("business", "unknown", explain(error))]
        businesses = {row.business_id for row in rows if row.business_id}
        if not businesses:
            found = "There is no customer yet, whose business could be compared."
            return [self._finding("business", "skipped", found)]
        if businesses == {expected}:
            return [self._finding("business", "ok", f"The API key is of business {expected}.")]
        return [
            self._finding(
                "business",
                "problem",
                f"The API key is of business {', '.join(businesses)}, the book of {expected}.",
                "Configure a key of the book's business, or correct its `business_id`.",
            )
        ]

    async def _endpoint(
        self,
        provider: Provider,
        existing: tuple[Endpoint, ...],
        explain: Callable[[Exception], str],
    ) -> list[Finding]:
        asked = existing[:_MAX_ENDPOINTS]
        answers = await asyncio.gather(
            *(endpoints.read_secret(provider, e, patience=_PATIENCE) for e in asked),
            return_exceptions=True,
        )
        secrets = {e.id: a for e, a in zip(asked, answers, strict=True) if isinstance(a, str)}
        unread = next((explain(a) for a in answers if isinstance(a, ProviderError)), "")
        own = self._own(existing, secrets)
        if not own:
            where = f"for {self._url}" if self._url else f"that delivers to book {self._name!r}"
            found = f"The provider has no endpoint {where}, out of {len(existing)}."
            return [self._finding("endpoint", "problem", found, self._connect())]
        results: list[Finding] = []
        for endpoint in own:
            results += self._examined(endpoint, secrets.get(endpoint.id), unread)
        if len(own) > 1:
            found = f"{len(own)} endpoints deliver to this book: {', '.join(e.id for e in own)}."
            remedy = "Delete all but one in the dashboard: each webhook comes several times."
            results.append(self._finding("endpoint", "problem", found, remedy))
        return results

    def _own(self, existing: tuple[Endpoint, ...], secrets: dict[str, str]) -> list[Endpoint]:
        """The endpoints of this book: by the URL if it was given, else by secret or by path."""
        if self._url:
            return endpoints.with_url(existing, self._url)
        signed = [e for e in existing if secrets.get(e.id) in self._secrets]
        return signed or endpoints.of_book(existing, self._name)

    def _examined(self, endpoint: Endpoint, secret: str | None, unread: str) -> Iterator[Finding]:
        label = f"Endpoint {endpoint.id} for {endpoint.url}"
        if endpoint.disabled:
            found = f"{label} is disabled: nothing is sent."
            remedy = f"{self._connect()} Then let the dashboard resend what it has missed."
            yield self._finding("endpoint", "problem", found, remedy)
        else:
            yield self._finding("endpoint", "ok", f"{label} is enabled.")
        if missing := endpoint.missing_types:
            shown = ", ".join(missing[:_SHOWN_TYPES])
            more = f" and {len(missing) - _SHOWN_TYPES} more" * (len(missing) > _SHOWN_TYPES)
            found = f"The endpoint does not receive {shown}{more}."
            remedy = (
                f"{self._connect()} Then Replay missing messages, in the dashboard under"
                " Developer > Webhooks: it reaches two weeks back."
            )
            yield self._finding("event types", "problem", found, remedy)
        else:
            yield self._finding("event types", "ok", "The endpoint receives every known type.")
        if secret is None:
            found = unread or "The endpoint's secret was not read."
            yield self._finding("secret", "unknown", found)
        elif secret in self._secrets:
            yield self._finding("secret", "ok", "The endpoint's secret is one of the book's.")
        else:
            found = "The endpoint signs with a secret that the book does not have."
            remedy = f"{self._connect()} It adds the secret; then send SIGHUP to daybook serve."
            yield self._finding("secret", "problem", found, remedy)

    def _connect(self) -> str:
        url = self._url or f"https://…/webhooks/{self._name}"
        return f"Run: daybook connect --book {self._name} --url {url}."
