"""The projector process: it builds what is missing, then follows every book."""

import asyncio
import signal
from collections.abc import Mapping
from contextlib import suppress

import structlog

from service import notices, spill
from service.builds import missing
from service.following import Projector
from service.lease import LeaseTakenError
from service.postgres import connect, is_away
from service.prepare import prepare
from service.rebuild import open_checkpoints, rebuild
from service.rebuild_errors import RebuildError
from service.settings import Settings
from service.versions import shown

_log = structlog.get_logger(__name__)


def run(settings: Settings, url: str) -> None:
    """Follow until SIGTERM, or until whoever started us is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    asyncio.run(_until_stopped(settings, url))


async def _until_stopped(settings: Settings, url: str) -> None:
    task = asyncio.create_task(follow(settings, url))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    await asyncio.gather(task, return_exceptions=True)


async def follow(settings: Settings, url: str) -> None:
    """Project every book of the settings until cancelled."""
    if await prepare(url, settings.books):
        _log.warning("only a trigger fences the events; see: daybook migrate --owner")
    await _build(url)
    projectors = {book: Projector(url, book) for book in settings.books}
    async with asyncio.TaskGroup() as tasks:
        for projector in projectors.values():
            tasks.create_task(projector.run())
        tasks.create_task(_wake(url, projectors))


async def _wake(url: str, projectors: Mapping[str, Projector]) -> None:
    async for book, _ in notices.heard(url, notices.APPENDED):
        if book in projectors:
            projectors[book].wake()


async def _build(url: str) -> None:
    """Build the read models that were never built; another process may be at it."""
    with suppress(OSError):
        # what a rebuild of before left behind, if it was killed
        spill.sweep()
    built = False
    while not built:
        try:
            async with await connect(url) as conn:
                if await missing(conn):
                    if await shown(conn):
                        _log.info("the rows of the version before are shown meanwhile")
                    await rebuild(conn)
                await open_checkpoints(conn)
                built = True
        except LeaseTakenError:
            await asyncio.sleep(0.5)
        except RebuildError as error:
            _log.error("cannot build the read models", reason=str(error))
            await asyncio.sleep(1)
        except Exception as error:  # noqa: BLE001 - whatever it is, webhooks are taken meanwhile
            if is_away(error):
                _log.warning("waiting for the database", error=type(error).__name__)
            else:
                _log.exception("cannot build the read models")
            await asyncio.sleep(1)
