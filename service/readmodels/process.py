"""The projector process: it builds missing read models, then follows every book."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import structlog

from service.database import notifications
from service.database.connections import connect, is_unavailable
from service.database.lease import LeaseTakenError
from service.processes.link import Link
from service.processes.tasks import TaskSupervisor, exit_if_given_up, run_until_stopped
from service.readmodels import jobs, spill
from service.readmodels.errors import RebuildError
from service.readmodels.follower import Projector
from service.readmodels.rebuild import open_checkpoints, rebuild
from service.readmodels.tables import ensure_readable, missing
from service.settings import Settings
from service.store.prepare import prepare

_LEASE_PAUSE_SECONDS = 0.5
_REFUSED_PAUSE_SECONDS = 5.0

_log = structlog.get_logger(__name__)


Start = Callable[[TaskSupervisor, Settings, str], None]
"""Starts further tasks of this process, once the database is prepared."""


def run(link: Link, settings: Settings, url: str, more: Start | None = None) -> None:
    """Follow until SIGTERM, or until the parent process ends."""
    asyncio.run(_until_stopped(link, settings, url, more))
    exit_if_given_up()


async def _until_stopped(link: Link, settings: Settings, url: str, more: Start | None) -> None:
    # an error goes on, into the log
    async with link.attached():
        await run_until_stopped(follow(settings, url, more))


async def follow(settings: Settings, url: str, more: Start | None = None) -> None:
    """Project every book of the settings until cancelled, and do what ``more`` starts."""
    supervisor = TaskSupervisor(is_unavailable)
    try:
        await supervisor.start("read models", partial(_build, settings, url), once=True)
        projectors = {book: Projector(url, book) for book in settings.books}
        for book, projector in projectors.items():
            supervisor.start(f"projector of {book}", projector.run)
        if more is not None:
            more(supervisor, settings, url)
        # what a request asked for
        supervisor.start("jobs", partial(jobs.follow, url, settings.books), needed=False)
        # without it they poll
        supervisor.start("wake-ups", partial(_wake, url, projectors), needed=False)
        await asyncio.Event().wait()
    finally:
        await supervisor.stop()


async def _wake(url: str, projectors: Mapping[str, Projector]) -> None:
    async for book, _ in notifications.listen(url, notifications.APPENDED):
        if book in projectors:
            projectors[book].wake()


async def _build(settings: Settings, url: str) -> None:
    """Build the read models that were never built, unless another process does."""
    if await prepare(url, settings.books):
        _log.warning("only a trigger fences the events; see: daybook migrate --owner")
    with suppress(OSError):
        # what a rebuild of before left behind, if it was killed
        spill.sweep()
    await build_missing(url)


async def build_missing(url: str) -> None:
    """Build the read models that were never built, and open them for every book of the store.

    Waits while another process builds them. The database must be prepared.
    """
    while True:
        try:
            async with await connect(url) as conn:
                if await missing(conn):
                    if await ensure_readable(conn):
                        _log.info("previous version shown while building")
                    await rebuild(conn)
                await open_checkpoints(conn)
                return
        except LeaseTakenError:
            await asyncio.sleep(_LEASE_PAUSE_SECONDS)
        except RebuildError as error:
            _log.error("cannot build the read models", reason=str(error))
            await asyncio.sleep(_REFUSED_PAUSE_SECONDS)
