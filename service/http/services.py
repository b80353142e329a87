"""What all requests of a worker share: connections, configured books, freshness, open streams."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from litestar import Litestar, Request
from msgspec import Struct

from service.database.connections import Pool
from service.database.reader import Lane
from service.evidence.signing import Signing
from service.http.limits import Allowance, OpenStreams
from service.processes.tasks import TaskSupervisor
from service.queries.answers import AccessAnswer
from service.queries.freshness import Freshness
from service.queries.replica import Replica
from service.settings import Book


class Confirming(Protocol):
    """Asks the provider before a customer is denied."""

    def can_ask(self, book: str) -> bool:
        """Whether the book has an API key of the provider."""

    async def confirm(self, book: str, denial: AccessAnswer) -> AccessAnswer:
        """The answer that stands instead of a "no", or that "no"; after two seconds at most."""


class Services(Struct, kw_only=True):
    """What the composition root gives to the routes.

    Attributes:
        books: the configuration of each book; a reload replaces its values, never its names.
        freshness: how far the read models have come.
        allowance: the requests of each key, in the API and in the console.
        streams: the open streams of changes.
        pool: connections for questions that take a while.
        access: the lane of questions that a login waits for, and of short checks.
        lists: the lane of other short questions.
        confirming: asks the provider before a customer is denied.
        signing: signs a book at once, for what is to be proved now.
        replica: a standby that answers questions, if one is configured.
        supervisor: of the worker's tasks.
        directories: the directories that this host writes to, by name.
        prepared: set once the store's schema is there.
        built: set once the read models are built.
    """

    books: dict[str, Book]
    freshness: Freshness
    allowance: Allowance
    streams: OpenStreams
    pool: Pool
    access: Lane
    lists: Lane
    confirming: Confirming
    signing: Signing
    replica: Replica | None
    supervisor: TaskSupervisor
    directories: Mapping[str, Path]
    prepared: asyncio.Event
    built: asyncio.Event


def provide(app: Litestar, services: Services) -> None:
    """Give an application its services, when it starts."""
    app.state.services = services


def services(request: Request[Any, Any, Any]) -> Services:
    """The services of the application that answers a request."""
    return services_of(request.app)


def services_of(app: Litestar) -> Services:
    """The services of an application that was started."""
    provided: Services = app.state.services
    return provided
