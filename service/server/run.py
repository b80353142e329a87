"""The parent process of the service, which supervises the others.

It holds the listening socket but answers no requests. The workers, each with its own HTTP server,
and the projector are its children, so that each can be restarted.
"""

import errno
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from queue import Empty, SimpleQueue

import structlog
from setproctitle import setproctitle

from service.http.accepting import OpenConnections
from service.processes.child import Job
from service.processes.orphans import GRACE_SECONDS
from service.processes.supervisor import ProcessSupervisor, supervise
from service.settings import Settings, SettingsError
from service.telemetry.shared_metrics import shared_metrics

_POLL_SECONDS = 0.05
_IN_USE_SECONDS = 2.0
_LOOK_SECONDS = 1.0
"""How often the main thread wakes to handle what it slept through.

The kernel may hand a signal to another thread, or just before this one falls asleep: its handler
then waits for the main thread to wake.
"""

_log = structlog.get_logger(__name__)


class Signals:
    """A queue of received signals, for the main thread to take one by one."""

    def __init__(self) -> None:
        # reentrant: a signal handler may put while the main thread gets
        self._queue: SimpleQueue[int] = SimpleQueue()

    def catch(self, *numbers: signal.Signals) -> None:
        """Queue these signals from now on, instead of their usual effect."""
        for number in numbers:
            signal.signal(number, lambda received, _: self._queue.put(received))

    def next(self, seconds: float | None = None) -> int | None:
        """The next signal; None after this many seconds without one."""
        while True:
            try:
                return self._queue.get(timeout=_LOOK_SECONDS if seconds is None else seconds)
            except Empty:
                if seconds is not None:
                    return None


def listen(host: str, port: int) -> socket.socket:
    """Bind the port; 0 for any free one. What its connections send is not held back.

    One that is in use is tried again for a moment: the processes of a service that was killed hold
    it until they notice.

    Raises:
        SettingsError: if the port is in use, or the host is not an address of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    deadline = time.monotonic() + _IN_USE_SECONDS
    try:
        while True:
            try:
                made = socket.create_server((host, port), family=family, backlog=2048)
            except OSError as error:
                if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                    raise
            else:
                # asyncio's own loop does not: a body would wait 40 ms for the receipt of its head
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return made
            time.sleep(_POLL_SECONDS)
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else error
        raise SettingsError(
            f"Cannot listen on {host}:{port}: {reason}. Use another --port, or 0 for any free one."
        ) from error


@contextmanager
def serving(settings: Settings, url: str, sock: socket.socket) -> Iterator[ProcessSupervisor]:
    """Run the workers and the projector for the duration of the block.

    Args:
        settings: has the number of workers.
        url: the database's URL.
        sock: the listening socket, from which all workers accept.

    Raises:
        SettingsError: if the environment configures traces that no worker could send.
    """
    with ExitStack() as stack:
        stack.enter_context(sock)
        if any(name.startswith("OTEL_") for name in os.environ):
            # not at the top: it imports the framework, which this process does not need
            from service.telemetry import tracing  # noqa: PLC0415

            tracing.check()
        stack.enter_context(shared_metrics())
        yield stack.enter_context(supervise(_jobs(settings, url, sock), settings))


def run(
    supervisor: ProcessSupervisor,
    sock: socket.socket,
    settings: Settings,
    load: Callable[[], Settings],
    signals: Signals,
) -> int:
    """Supervise until SIGINT or SIGTERM; on SIGHUP reload the settings of all workers.

    Args:
        supervisor: has the running processes.
        sock: the listening socket, which is closed before they finish their work: a client is
            refused then, instead of waiting for nobody.
        settings: the current ones.
        load: reads them again.
        signals: already queues SIGHUP.

    Returns:
        The exit status: 0, or 128 + n if a second signal n ended the graceful shutdown.
    """
    signals.catch(signal.SIGINT, signal.SIGTERM)
    while signals.next() == signal.SIGHUP:
        settings = _reload(supervisor, settings, load)
    supervisor.terminate()
    sock.close()
    deadline = time.monotonic() + GRACE_SECONDS
    while not supervisor.await_end(0) and time.monotonic() < deadline:
        second = signals.next(_POLL_SECONDS)
        if second is not None and second != signal.SIGHUP:
            supervisor.kill()
            return 128 + second
    return 0


def _reload(
    supervisor: ProcessSupervisor, settings: Settings, load: Callable[[], Settings]
) -> Settings:
    """Send what a reload may change to the workers, if the configuration is valid."""
    try:
        loaded = load()
    except SettingsError as error:
        _log.error("configuration refused; keeping the last valid one", reason=str(error))
        return settings
    books = loaded.books
    if changed := sorted(books.keys() ^ settings.books.keys()):
        _log.warning("adding or removing a book requires a restart", books=changed)
    kept = {name: books.get(name, book) for name, book in settings.books.items()}
    settings = settings.model_copy(update={"books": kept, "console_sso": loaded.console_sso})
    supervisor.reload(settings)
    return settings


def _jobs(settings: Settings, url: str, sock: socket.socket) -> dict[str, Job]:
    connections = OpenConnections(settings.workers)
    workers = {
        f"worker {number + 1}": Job(_work, (url, sock, connections, number), reloads=True)
        for number in range(settings.workers)
    }
    jobs = {**workers, "projector": Job(_project, (url,))}
    if any(book.provider.api_key for book in settings.books.values()):
        jobs["reconciler"] = Job(_reconcile, (url,), reloads=True)
    return jobs


def _work(*args: object) -> None:
    # not at the top, as above
    from service.server.worker import work  # noqa: PLC0415

    work(*args)  # type: ignore[arg-type]


def _project(*args: object) -> None:
    from service.server.projector import run as project  # noqa: PLC0415

    project(*args)  # type: ignore[arg-type]


def _reconcile(*args: object) -> None:
    from service.provider.reconciliation.schedule import run as reconcile  # noqa: PLC0415

    reconcile(*args)  # type: ignore[arg-type]


def name_process(name: str) -> None:
    """Set the process title that ``ps`` and ``top`` show."""
    setproctitle(f"daybook: {name}")
