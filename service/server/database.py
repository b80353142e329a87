"""The database: the configured one, or a private one in the data directory."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.errors import ReadOnlySqlTransaction

from service.database.accounts import EmbeddedError
from service.database.embedded import embedded
from service.processes.backoff import repeat
from service.settings import Settings
from service.store.roles import SERVICE, set_up_role

_WATCH_SECONDS = 1.0
_RECOVERY_SECONDS = 600.0
_POLL_SECONDS = 0.1


@contextmanager
def database(settings: Settings, *, watch: bool = False) -> Iterator[str]:
    """The URL of the database, running for the duration of the block.

    A private database is migrated first; its URL is that of the service's role.

    Args:
        settings: has ``database_url``, or the data directory for a private server.
        watch: restart the private server if it dies, for a long-running service.

    Raises:
        EmbeddedError: if no database is configured and a private one cannot run.
    """
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with embedded(settings.data_dir) as server:
        _set_up(server.url, settings.data_dir / "postgres")
        ended = threading.Event()
        args = ("private PostgreSQL", server.ensure_running, _WATCH_SECONDS, ended)
        watcher = threading.Thread(target=repeat, args=args, daemon=True)
        if watch:
            watcher.start()
        try:
            yield server.url_of(SERVICE)
        finally:
            ended.set()
            if watch:
                watcher.join()


def _set_up(url: str, pgdata: Path) -> None:
    """Migrate; wait while a base backup that was put in place still reads its WAL."""
    deadline = time.monotonic() + _RECOVERY_SECONDS
    while True:
        try:
            asyncio.run(set_up_role(url, SERVICE))
        except ReadOnlySqlTransaction:
            if (pgdata / "standby.signal").exists():
                raise
            if time.monotonic() > deadline:
                raise EmbeddedError(
                    f"PostgreSQL in {pgdata} still restores from its archive. Look into server.log"
                    " there, and try again. If recovery_target_action is not 'promote', it waits"
                    " for: select pg_promote()."
                ) from None
            time.sleep(_POLL_SECONDS)
        else:
            return
