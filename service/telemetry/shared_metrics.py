"""The directory in which the processes of a service count together for Prometheus.

It is locked for as long as the service runs, so that those of services that were killed can be told
from the others, and removed.
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
    """Let the processes that are started in the block count together.

    To be entered before the first of them counts: the library asks once, as it is imported.
    """
    home = Path(tempfile.gettempdir())
    _remove_abandoned(home)
    # locked before it has the name that others look for
    fresh = Path(tempfile.mkdtemp(prefix="daybook-new-", dir=home))
    path = home / f"{_PREFIX}{fresh.name.removeprefix('daybook-new-')}"
    lock = _locked(fresh)
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
        lock = _locked(path)
        if lock is not None:
            shutil.rmtree(path, ignore_errors=True)
            os.close(lock)


def _locked(path: Path) -> int | None:
    """A descriptor that holds the directory's lock; None if another has it, or it is not ours."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
        else:
            return descriptor
    return None
