"""The directory where all processes of a service write their counts for Prometheus.

A running service locks its directory. An unlocked one belongs to a service that was killed, and is
removed by the next service.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from service.telemetry.instruments import DIRECTORY

_PREFIX = "daybook-meters-"


@contextmanager
def shared_metrics() -> Iterator[None]:
    """Give all processes that are started in the block one directory for their counts.

    Enter it before the first count: the library reads the variable once, when it is imported.
    """
    home = Path(tempfile.gettempdir())
    _remove_abandoned(home)
    # locked before it is renamed, so that no other service removes it
    fresh = Path(tempfile.mkdtemp(prefix="daybook-new-", dir=home))
    path = home / f"{_PREFIX}{fresh.name.removeprefix('daybook-new-')}"
    lock = _try_lock(fresh)
    try:
        fresh.rename(path)
        os.environ[DIRECTORY] = str(path)
        yield
    finally:
        os.environ.pop(DIRECTORY, None)
        shutil.rmtree(path, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def _remove_abandoned(home: Path) -> None:
    for path in home.glob(f"{_PREFIX}*"):
        lock = _try_lock(path)
        if lock is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


def _try_lock(path: Path) -> int | None:
    """A descriptor that holds the directory's lock; None if it is locked or not ours."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
        else:
            return descriptor
    return None
