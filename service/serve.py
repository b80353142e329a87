"""Running the service: the socket, the server, and what to try with it."""

import asyncio
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import uvicorn
from msgspec import Struct

from service import keys
from service.app import build, prepare
from service.postgres import connect
from service.settings import CONFIG_NAME, Settings, SettingsError, load, make_trial_book

TRIAL_BOOK = "test"

_GRACE_SECONDS = 20


class Trial(Struct, frozen=True):
    """What is needed to try a book that ``serve`` made itself."""

    secret: str
    api_key: str


def with_books(settings: Settings, config: Path | None, **flags: object) -> Settings:
    """The settings, with a book made for trying where none is configured."""
    if settings.books:
        return settings
    make_trial_book(settings.data_dir)
    return load(config or settings.data_dir / CONFIG_NAME, **flags)


def listen(host: str, port: int) -> socket.socket:
    """Take the port; with 0, any free one.

    Raises:
        SettingsError: if it is taken, or the host is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise SettingsError(f"Cannot listen on {host}:{port}: {error.strerror}.") from error


def server(settings: Settings, url: str) -> uvicorn.Server:
    """The HTTP server over the database at ``url``, not yet running."""
    config = uvicorn.Config(
        build(settings, url),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    return uvicorn.Server(config)


def run(settings: Settings, url: str, sock: socket.socket) -> bool:
    """Serve until SIGINT or SIGTERM; returns whether it had started."""
    served = server(settings, url)
    with closing(sock), _unfazed():
        served.run(sockets=[sock])
    return served.started


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
    """The trial book's secret and a key, where the book is one that ``serve`` made."""
    path = settings.data_dir / CONFIG_NAME
    book = settings.books.get(TRIAL_BOOK)
    if book is None or not path.exists() or len(settings.books) > 1:
        return None
    await prepare(url, settings.books)
    kept = settings.data_dir / "trial-api-key"
    async with await connect(url) as conn:
        key = kept.read_text().strip() if kept.exists() else ""
        if not key or await keys.book_of(conn, key) is None:
            key = await keys.create(conn, TRIAL_BOOK)
            kept.touch(mode=0o600)
            kept.write_text(key + "\n")
    return Trial(book.secrets[0].get_secret_value(), key)


def trial_now(settings: Settings, url: str) -> Trial | None:
    """``trial``, from outside an event loop."""
    return asyncio.run(trial(settings, url))
