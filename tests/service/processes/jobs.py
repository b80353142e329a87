"""What the children of the supervisor's tests do."""

import asyncio
import os
import signal
import time
from pathlib import Path

from service.processes.link import Link
from service.processes.tasks import end_process, exit_if_given_up
from service.settings import Settings


def run(link: Link, settings: Settings, path: str) -> None:
    """Beat until SIGTERM; leave a file for each start, and the data directory that it follows."""
    asyncio.run(_run(link, settings, Path(path)))
    exit_if_given_up()


async def _run(link: Link, settings: Settings, path: Path) -> None:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_signal_handler(signal.SIGUSR2, end_process)
    loop.add_signal_handler(signal.SIGWINCH, block_for_ever)
    (path / f"{os.getpid()}.started").write_text(str(settings.data_dir))

    def reload(fresh: Settings) -> None:
        (path / f"{os.getpid()}.reloaded").write_text(str(fresh.data_dir))

    async with link.attached(reload):
        await ended.wait()


def block_for_ever() -> None:
    """Block the event loop, as a fold without end would."""
    while True:
        time.sleep(1)


def fail(_link: Link, _settings: Settings) -> None:
    """End at once, by an exception."""
    raise RuntimeError("broken")
