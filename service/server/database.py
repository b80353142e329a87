"""The database: the configured one, or a private one in the data directory."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from service.database.embedded import embedded
from service.processes.backoff import repeat
from service.settings import Settings
from service.store.roles import SERVICE, set_up_role

_WATCH_SECONDS = 1.0


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
        asyncio.run(set_up_role(server.url, SERVICE))
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
