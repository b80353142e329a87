"""Running the service: the socket, the server, and what to try with it."""

import asyncio
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, get_args

import uvicorn
from msgspec import Struct

from service import follow, keys, meters
from service.app import build
from service.children import Children, Job, beside
from service.http_protocol import IDLE_SECONDS, HttpProtocol
from service.ingest import fingerprint
from service.migrations import migrate
from service.postgres import UNAVAILABLE, connect
from service.settings import (
    CONFIG_NAME,
    MADE_NAME,
    Settings,
    SettingsError,
    configured,
    load,
    make_trial_book,
)
from service.tips import Tips

TRIAL_BOOK = "test"

_GRACE_SECONDS = 20


class Trial(Struct, frozen=True):
    """What is needed to try a book that ``serve`` made itself."""

    secret: str
    api_key: str


def with_books(settings: Settings, config: Path | None, **flags: object) -> Settings:
    """The settings, with a book made for trying where there is no configuration at all.

    Raises:
        SettingsError: if there is one, and it names no book.
    """
    if settings.books:
        return settings
    if found := configured(config, settings.data_dir):
        raise SettingsError(f"{found}: no book is configured; the README shows how.")
    make_trial_book(settings.data_dir)
    return load(settings.data_dir / CONFIG_NAME, **flags)


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


class _Server(uvicorn.Server):
    """Tells the other processes to end as soon as it is told to, so that all drain together."""

    children: Children | None = None
    tips: Tips

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.children is not None:
            self.children.end()
        # streams have no end of their own, and nothing drains before they do
        self.tips.close()
        super().handle_exit(sig, frame)


def server(settings: Settings, url: str, again: Callable[[], Settings] | None = None) -> _Server:
    """The HTTP server over the database at ``url``, not yet running."""
    tips = Tips()
    made = _Server(uvicorn.Config(build(settings, url, again, tips), **options()))
    made.tips = tips
    return made


def options() -> dict[str, Any]:
    """How the HTTP server is set up."""
    return {
        "loop": "uvloop",
        "http": HttpProtocol,
        # no route speaks it, and whoever asks for it is answered over HTTP
        "ws": "none",
        "lifespan": "on",
        "access_log": False,
        "log_config": None,
        "server_header": False,
        "proxy_headers": False,
        "timeout_keep_alive": IDLE_SECONDS,
        "timeout_graceful_shutdown": _GRACE_SECONDS,
    }


def run(settings: Settings, url: str, sock: socket.socket, again: Callable[[], Settings]) -> bool:
    """Serve until SIGINT or SIGTERM, on SIGHUP with the settings ``again``.

    This process is the first worker; the projector and the other workers run beside it.

    Args:
        settings: say how many workers.
        url: of the database.
        sock: listens; all workers accept from it.
        again: reads the settings; a module's function, or a partial of one.

    Returns:
        Whether it had started.
    """
    jobs = projecting(settings, url)
    for number in range(2, settings.workers + 1):
        jobs[f"worker {number}"] = Job(work, (settings, url, sock, again))
    with closing(sock), meters.shared(), beside(jobs) as children:
        # built before SIGTERM is held off: meanwhile it must still end the process
        served = server(settings, url, again)
        served.children = children
        with _unfazed():
            served.run(sockets=[sock])
    return served.started


def projecting(settings: Settings, url: str) -> dict[str, Job]:
    """The job of the projector process."""
    return {"projector": Job(follow.run, (settings, url))}


def work(settings: Settings, url: str, sock: socket.socket, again: Callable[[], Settings]) -> None:
    """A further worker."""
    served = server(settings, url, again)
    with _unfazed():
        served.run(sockets=[sock])


@contextmanager
def _unfazed() -> Iterator[None]:
    """The server raises the signal that ended it once more; by then we are on our way out."""
    before = {n: signal.signal(n, lambda *_: None) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def trial(settings: Settings, url: str) -> Trial | None:
    """The trial book's secret and a key, while the book is as ``serve`` made it."""
    book = settings.books.get(TRIAL_BOOK)
    made = settings.data_dir / MADE_NAME
    if book is None or len(settings.books) > 1 or not made.exists():
        return None
    secret = book.secrets[0].get_secret_value()
    mark, _, key = made.read_text().strip().partition(" ")
    if mark != fingerprint(secret):
        # somebody has put a secret of their own in its place: not one to print
        return None
    async with await connect(url) as conn:
        await migrate(conn)
        if not key or await keys.caller(conn, keys.digest(key)) is None:
            key = await keys.create(conn, TRIAL_BOOK, get_args(keys.Scope))
            made.write_text(f"{mark} {key}\n")
    return Trial(secret, key)


def trial_now(settings: Settings, url: str) -> Trial | None:
    """``trial``, from outside an event loop; None while the database is away."""
    try:
        return asyncio.run(trial(settings, url))
    except UNAVAILABLE:
        return None
