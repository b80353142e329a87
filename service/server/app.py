"""The composition root: settings in, a running service out."""

import asyncio
import gc
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp
from msgspec import structs

from service.api import pages, router
from service.api.auth import Gate
from service.api.checkpoints import get_public_checkpoint
from service.api.problem_pages import HANDLERS, PROBLEM_ROUTES
from service.console.errors import is_below, show_error
from service.console.rendering import TEMPLATES
from service.console.router import console
from service.console.sso.sign_on import SignOn, provide_sign_on
from service.database.connections import (
    ACCESS,
    LISTS,
    QUESTIONS,
    WRITER,
    Pool,
    is_unavailable,
    pool,
    pool_connection,
)
from service.database.notifications import Notifier
from service.database.reader import Lane, Reader
from service.evidence.signing import Signing
from service.http.limits import Allowance, OpenStreams
from service.http.request_heads import RequestHeads
from service.http.routes import WEBHOOKS, RequestDurations, route_of
from service.http.segments import MarkSlashes
from service.http.services import Services, provide
from service.ingest import webhooks
from service.ingest.refusals import Refusals
from service.ingest.signature import Verifier
from service.ingest.webhooks import BookEndpoint, Webhooks
from service.ingest.writer import Writer
from service.problems import REFUSALS
from service.processes.link import Link
from service.processes.tasks import TaskSupervisor
from service.proof.anchors import open_anchors
from service.proof.keys import load_signer
from service.provider.confirming import Confirmer
from service.queries.freshness import Freshness
from service.queries.replica import replica_of
from service.readmodels import spill
from service.readmodels.lag import LagSamples
from service.readmodels.tables import ensure_readable
from service.server.health import healthz, readyz
from service.settings import Book, Settings
from service.store.api_keys import CallerCache
from service.store.prepare import prepare
from service.telemetry import metrics
from service.telemetry.request_ids import RequestIds
from service.telemetry.tracing import with_tracing

_POLL_SECONDS = 0.1
_SWITCH_SECONDS = 0.0005
_LAST_FLUSH_SECONDS = 2.0

_log = structlog.get_logger(__name__)

Endpoints = dict[str, BookEndpoint]


def build(settings: Settings, url: str, link: Link, freshness: Freshness) -> ASGIApp:
    """The service over the database at ``url``; it connects when it is started.

    It starts while the database is away, answers 503, and recovers when the database is back.
    Webhooks are recorded while the projector process still builds the read models. The parent
    process receives heartbeats by ``link`` and sends the books' new secrets and policies by it.
    Closing ``freshness`` ends the streams of changes.
    """
    notifier = Notifier(url)
    endpoints = {
        name: BookEndpoint(_verifier(book), Writer(url, name, partial(notifier.announce, name)))
        for name, book in settings.books.items()
    }
    refusals, keyring = Refusals(), CallerCache()
    allowance = Allowance(settings.requests_per_minute)
    sign_on = SignOn(settings.console_sso, settings.trusted_proxies)
    replica_url = settings.replica_url.get_secret_value() if settings.replica_url else None
    routes: list[Any] = [router.ROUTER, pages.get_index, healthz, readyz, *PROBLEM_ROUTES]
    routes.append(get_public_checkpoint)
    if settings.console:
        routes.append(console(settings.console_url))
    if settings.metrics:
        # not at the top: the library must not be imported before ``shared_metrics``
        from service.server.prometheus import get_metrics  # noqa: PLC0415

        routes.append(get_metrics)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        async with (
            pool(url, QUESTIONS) as connections,
            pool(url, ACCESS, 2, least=0) as probes,
            pool(url, WRITER, 2, least=0) as readings,
            replica_of(replica_url) as replica,
        ):
            books = dict(settings.books)
            access = Lane(url, ACCESS, 2, probes, freshness.events)
            confirmer = Confirmer(books, freshness, access, readings)
            services = Services(
                books=books,
                freshness=freshness,
                allowance=allowance,
                streams=OpenStreams(),
                pool=connections,
                access=access,
                lists=Lane(url, LISTS, 3, connections, freshness.events),
                confirming=confirmer,
                signing=Signing(
                    partial(load_signer, settings), open_anchors(settings.anchors), stamp=False
                ),
                replica=replica,
                supervisor=TaskSupervisor(is_unavailable),
                directories={"data": settings.data_dir, "temporary": spill.temporary_home()},
                prepared=asyncio.Event(),
                built=asyncio.Event(),
            )
            provide(app, services)
            provide_sign_on(app, sign_on)
            for book in books:
                metrics.count_from_zero(book, REFUSALS)
            readers = (services.access.reader, services.lists.reader)
            # folding in a thread blocks the event loop for one switch interval at a time
            sys.setswitchinterval(_SWITCH_SECONDS)
            try:
                _start(services, endpoints, url, notifier)
                if settings.console:
                    services.supervisor.start("sign-on keys", sign_on.follow, needed=False)
                for seconds, part in (
                    (1.0, refusals),
                    (5.0, PoolUse(*readers)),
                    (10.0, LagSamples()),
                    (30.0, keyring),
                ):
                    run = partial(_flush_every, seconds, part.flush, connections, services.prepared)
                    services.supervisor.start(type(part).__name__.lower(), run, needed=False)
                _log.info("serving", books=list(endpoints))
                # objects made at startup live for good: scanning them for cycles would hold every
                # request up by some 60 ms each time
                gc.collect()
                gc.freeze()
                async with link.attached(partial(_reload, books, endpoints, confirmer, sign_on)):
                    yield
            finally:
                await confirmer.close()
                await services.supervisor.stop()
            for reader in readers:
                reader.close()
        _log.info("stopped")

    app = Litestar(
        route_handlers=routes,
        lifespan=[lifespan],
        request_max_body_size=settings.max_body_bytes,
        exception_handlers=_handlers(settings),
        template_config=TEMPLATES if settings.console else None,
        state=State(
            {
                "console_url": settings.console_url,
                "has_console": settings.console,
                "described": {WEBHOOKS + "{book}": webhooks.DESCRIBED},
            }
        ),
        openapi_config=pages.CONFIG,
        logging_config=None,
    )
    gate = Gate(app, keyring, allowance)
    api = RequestIds(RequestHeads(MarkSlashes(gate)))
    doors = Webhooks(api, endpoints, settings.max_body_bytes, refusals)
    return with_tracing(RequestDurations(doors) if settings.metrics else doors, route_of)


def _handlers(settings: Settings) -> dict[int | type[Exception], Callable[..., Response[Any]]]:
    """The handlers of errors; one of a path below the console that leads nowhere is a page."""

    def of_framework(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
        handle = show_error if is_below(request.scope["path"]) else HANDLERS[HTTPException]
        return handle(request, error)

    return {**HANDLERS, HTTPException: of_framework} if settings.console else {**HANDLERS}


def _reload(
    books: dict[str, Book],
    endpoints: Endpoints,
    confirmer: Confirmer,
    sign_on: SignOn,
    settings: Settings,
) -> None:
    """Use rotated secrets and changed policies and admissions from the next request on."""
    for name, book in settings.books.items():
        endpoints[name] = structs.replace(endpoints[name], verifier=_verifier(book))
        books[name] = book
    confirmer.forget()
    sign_on.configure(settings.console_sso)


def _verifier(book: Book) -> Verifier:
    secrets = [secret.get_secret_value() for secret in book.secrets]
    return Verifier(secrets, book.webhook_max_age)


def _start(
    services: Services, endpoints: Mapping[str, BookEndpoint], url: str, notifier: Notifier
) -> None:
    """Start the background tasks; they end after the last request."""
    supervisor, freshness = services.supervisor, services.freshness
    supervisor.start("read models", partial(_await_built, services, url), once=True)
    # without notifications processes poll
    supervisor.start("notifier", notifier.run, needed=False)
    supervisor.start("listener", partial(freshness.listen, url, services.books), needed=False)
    supervisor.start("checkpoints", partial(freshness.poll, services.access.pool))
    if services.replica is not None:
        polling = partial(services.replica.poll, services.access.pool)
        supervisor.start("replica", polling, needed=False)
    for name, endpoint in endpoints.items():
        supervisor.start(f"writer of {name}", endpoint.writer.run)


async def _await_built(services: Services, url: str) -> None:
    """Prepare the store, then poll until the projector process has built the read models."""
    await prepare(url, services.books)
    services.prepared.set()
    while True:
        async with pool_connection(services.access.pool, ACCESS) as conn:
            if await ensure_readable(conn):
                services.built.set()
                return
        await asyncio.sleep(_POLL_SECONDS)


async def _flush_every(
    seconds: float,
    flush: Callable[[Pool], Awaitable[None]],
    pool: Pool,
    prepared: asyncio.Event,
) -> None:
    """Flush until cancelled, once the store is ``prepared``, and a last time at the end."""
    try:
        await prepared.wait()
        while True:
            await asyncio.sleep(seconds)
            await flush(pool)
    except asyncio.CancelledError:
        with suppress(Exception):
            async with asyncio.timeout(_LAST_FLUSH_SECONDS):
                await flush(pool)
        raise


class PoolUse:
    """Adds the use of a pool and of readers to the metrics."""

    def __init__(self, *readers: Reader) -> None:
        self._readers = readers

    async def flush(self, pool: Pool) -> None:
        """Add their use since the last flush."""
        uses = [reader.pop_use() for reader in self._readers]
        statements, seconds = sum(u.statements for u in uses), sum(u.seconds for u in uses)
        metrics.count_pool_use(pool.pop_stats(), statements, seconds)
