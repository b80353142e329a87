"""Which database: the one that is configured, or the private one of the data directory."""

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
    """The URL of the database, for as long as it is used.

    The private one is brought up to date, and its URL is that of the service's role.

    Args:
        settings: with ``database_url``, or the data directory of the private server.
        watch: start the private server again when it dies, as a long-running service wants.

    Raises:
        EmbeddedError: if no database is configured and the private one cannot be run.
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
