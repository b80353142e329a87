"""Running the service: the process that is started holds the socket, and supervises the others.

It answers nothing itself: workers, each with an HTTP server of its own, and the projector are its
children, so that any of them can be replaced.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue

import structlog
from setproctitle import setproctitle

from service.processes.child import Job
from service.processes.orphans import GRACE_SECONDS
from service.processes.supervisor import ProcessSupervisor, supervise
from service.settings import Settings, SettingsError
from service.telemetry.shared_metrics import shared_metrics

_LOOK_SECONDS = 0.05

_log = structlog.get_logger(__name__)


class Signals:
    """Signals in the order of their arrival, for the main thread to take one by one."""

    def __init__(self) -> None:
        # the one queue whose put may interrupt its own get, as a signal's handler does
        self._queue: SimpleQueue[int] = SimpleQueue()

    def catch(self, *numbers: signal.Signals) -> None:
        """From now on these are put into the queue, and do nothing else."""
        for number in numbers:
            signal.signal(number, lambda received, _: self._queue.put(received))

    def next(self, seconds: float | None = None) -> int | None:
        """The next one; None if none has come in so many seconds."""
        try:
            return self._queue.get(timeout=seconds)
        except Empty:
            return None


def listen(host: str, port: int) -> socket.socket:
    """Take the port; with 0, any free one.

    Raises:
        SettingsError: if it is taken, or the host is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise SettingsError(
            f"Cannot listen on {host}:{port}: {reason}. Another --port, or 0 for any free one?"
        ) from error


@contextmanager
def serving(settings: Settings, url: str, sock: socket.socket) -> Iterator[ProcessSupervisor]:
    """Run the workers and the projector until the block is left.

    Args:
        settings: say how many workers.
        url: of the database.
        sock: listens; all workers accept from it.

    Raises:
        SettingsError: if the environment asks for traces that no worker could send.
    """
    with ExitStack() as stack:
        stack.enter_context(sock)
        if any(name.startswith("OTEL_") for name in os.environ):
            # not at the top: it knows the framework, which this process need not
            from service.telemetry import tracing  # noqa: PLC0415

            tracing.check()
        stack.enter_context(shared_metrics())
        yield stack.enter_context(supervise(_jobs(settings, url, sock), settings))


def run(
    supervisor: ProcessSupervisor,
    settings: Settings,
    load: Callable[[], Settings],
    signals: Signals,
) -> int:
    """Supervise until SIGINT or SIGTERM; on SIGHUP have all workers follow the settings of now.

    Args:
        supervisor: of the running processes.
        settings: that they follow.
        load: reads the settings.
        signals: SIGHUP is caught already.

    Returns:
        The exit status: not 0 where a second signal cut off what was being finished.
    """
    signals.catch(signal.SIGINT, signal.SIGTERM)
    while signals.next() == signal.SIGHUP:
        settings = _reload(supervisor, settings, load)
    supervisor.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    while not supervisor.await_end(0) and time.monotonic() < deadline:
        second = signals.next(_LOOK_SECONDS)
        if second is not None and second != signal.SIGHUP:
            supervisor.kill()
            return 128 + second
    return 0


def _reload(
    supervisor: ProcessSupervisor, settings: Settings, load: Callable[[], Settings]
) -> Settings:
    """Follow rotated secrets and changed policies; a wrong configuration changes nothing."""
    try:
        books = load().books
    except SettingsError as error:
        _log.error("configuration refused; the last good one stays", reason=str(error))
        return settings
    if others := sorted(books.keys() ^ settings.books.keys()):
        _log.warning("adding or removing a book requires a restart", books=others)
    kept = {name: books.get(name, book) for name, book in settings.books.items()}
    settings = settings.model_copy(update={"books": kept})
    supervisor.reload(settings)
    return settings


def _jobs(settings: Settings, url: str, sock: socket.socket) -> dict[str, Job]:
    workers = {
        f"worker {number}": Job(_work, (url, sock), reloads=True)
        for number in range(1, settings.workers + 1)
    }
    return {**workers, "projector": Job(_project, (url,))}


def _work(*args: object) -> None:
    # not at the top, as above
    from service.server.worker import work  # noqa: PLC0415

    work(*args)  # type: ignore[arg-type]


def _project(*args: object) -> None:
    from service.readmodels.process import run as project  # noqa: PLC0415

    project(*args)  # type: ignore[arg-type]


def name_process(name: str) -> None:
    """Set the title by which ``ps`` and ``top`` tell the processes of a service."""
    setproctitle(f"daybook: {name}")
