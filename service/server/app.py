"""The composition root: settings in, a running service out."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import structlog
from litestar import Litestar
from litestar.datastructures import State
from litestar.types import ASGIApp
from msgspec import structs

from service.api import openapi, router
from service.api.auth import Gate
from service.api.open_streams import OpenStreams
from service.api.problem_pages import HANDLERS, PROBLEM_ROUTES
from service.api.rate_limit import Allowance
from service.database.connections import (
    ACCESS,
    LISTS,
    QUESTIONS,
    is_unavailable,
    pool,
    pool_connection,
)
from service.database.notifications import Notifier
from service.database.reader import Lane
from service.http.request_durations import RequestDurations
from service.http.request_heads import RequestHeads
from service.http.routes import WEBHOOKS, route_of
from service.http.segments import Divided
from service.ingest import webhooks
from service.ingest.refusals import Refusals
from service.ingest.signature import Verifier
from service.ingest.webhooks import Door, Webhooks
from service.ingest.writer import Writer
from service.processes.link import Link
from service.processes.tasks import TaskSupervisor
from service.queries.freshness import Tips
from service.readmodels.tables import ensure_readable
from service.server.background import flush_every
from service.server.health import healthz, readyz
from service.server.pool_use import PoolUse
from service.settings import Book, Settings
from service.store.api_keys import CallerCache
from service.store.prepare import prepare
from service.telemetry.request_ids import RequestIds
from service.telemetry.tracing import with_tracing

_ASK_SECONDS = 0.1
_SWITCH_SECONDS = 0.0005

_log = structlog.get_logger(__name__)


def build(settings: Settings, url: str, link: Link, tips: Tips) -> ASGIApp:
    """The service over the database at ``url``; it connects when it is started.

    It starts while the database is away, answers 503, and recovers when it is there; webhooks are
    recorded while the read models are still being built, which the projector process does. The
    parent process hears its heartbeats by ``link``, and sends it new secrets and policies of the
    books that are there. Closing ``tips`` ends the streams of changes.
    """
    notifier = Notifier(url)
    doors = {name: _door(url, name, book, notifier) for name, book in settings.books.items()}

    refusals, keyring = Refusals(), CallerCache()
    routes: list[Any] = [router.ROUTER, healthz, readyz, *PROBLEM_ROUTES]
    if settings.metrics:
        # not at the top: the library must not be imported before ``shared_metrics``
        from service.server.prometheus import get_metrics  # noqa: PLC0415

        routes.append(get_metrics)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.doors = doors
        app.state.policies = {n: b.access.policy for n, b in settings.books.items()}
        app.state.books = dict(settings.books)
        app.state.prepared, app.state.built = asyncio.Event(), asyncio.Event()
        app.state.tips = tips
        app.state.streams = OpenStreams()
        async with (
            pool(url, QUESTIONS) as connections,
            pool(url, ACCESS, 2, least=0) as probes,
        ):
            app.state.pool = connections
            app.state.access = Lane(url, ACCESS, 2, probes)
            app.state.lists = Lane(url, LISTS, 3, connections)
            readers = (app.state.access.reader, app.state.lists.reader)
            # a fold in a thread holds the loop up for so long each time that both have work
            sys.setswitchinterval(_SWITCH_SECONDS)
            app.state.supervisor = supervisor = TaskSupervisor(is_unavailable)
            try:
                _start(supervisor, app.state, settings, url, notifier)
                for seconds, what in (
                    (1.0, refusals),
                    (5.0, PoolUse(*readers)),
                    (30.0, keyring),
                ):
                    run = partial(flush_every, seconds, what.flush, connections, app.state.prepared)
                    supervisor.start(type(what).__name__.lower(), run, needed=False)
                _log.info("serving", books=list(doors))
                # what is there now stays for good: looking through it again and again for cycles
                # would hold every request up by some 60 ms each time
                gc.collect()
                gc.freeze()
                async with link.attached(partial(_reload, app.state)):
                    yield
            finally:
                await supervisor.stop()
            for reader in readers:
                reader.close()
        _log.info("stopped")

    app = Litestar(
        route_handlers=routes,
        lifespan=[lifespan],
        request_max_body_size=settings.max_body_bytes,
        exception_handlers=HANDLERS,
        openapi_config=openapi.CONFIG,
        logging_config=None,
    )
    (app.openapi_schema.paths or {})[WEBHOOKS + "{book}"] = webhooks.DESCRIBED
    gate = Gate(app, keyring, Allowance(settings.requests_per_minute))
    rest = RequestIds(RequestHeads(Divided(gate)))
    door = Webhooks(rest, doors, settings.max_body_bytes, refusals)
    return with_tracing(RequestDurations(door) if settings.metrics else door, route_of)


def _reload(state: State, settings: Settings) -> None:
    """Follow rotated secrets and changed policies, from one request to the next."""
    for name, book in settings.books.items():
        state.doors[name] = structs.replace(state.doors[name], verifier=_verifier(book))
        state.policies[name] = book.access.policy
        state.books[name] = book


def _door(url: str, name: str, book: Book, notifier: Notifier) -> Door:
    return Door(_verifier(book), Writer(url, name, partial(notifier.announce, name)))


def _verifier(book: Book) -> Verifier:
    return Verifier([secret.get_secret_value() for secret in book.secrets])


def _start(
    supervisor: TaskSupervisor, state: State, settings: Settings, url: str, notifier: Notifier
) -> None:
    """Start what runs beside the requests; it ends after the last of them."""
    built = partial(_await_built, state, settings, url)
    supervisor.start("read models", built, once=True)
    # without the notices processes poll
    supervisor.start("notifier", notifier.run, needed=False)
    listen = partial(state.tips.listen, url, state.doors.keys())
    supervisor.start("listener", listen, needed=False)
    supervisor.start("checkpoints", partial(state.tips.poll, state.access.pool))
    for name, door in state.doors.items():
        supervisor.start(f"writer of {name}", door.writer.run)


async def _await_built(state: State, settings: Settings, url: str) -> None:
    """Prepare the store, and learn when the projector process has built the read models."""
    await prepare(url, settings.books)
    state.prepared.set()
    while True:
        async with pool_connection(state.access.pool, ACCESS) as conn:
            if await ensure_readable(conn):
                state.built.set()
                return
        await asyncio.sleep(_ASK_SECONDS)
