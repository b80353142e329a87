"""Runs a coroutine in a process of its own, so that heavy work does not hold up this one."""

import asyncio
import multiprocessing
import signal
import threading
import traceback
from collections.abc import Callable, Coroutine
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, TypeVar

from setproctitle import setproctitle

from service.processes.orphans import GRACE_SECONDS, end_with_parent
from service.telemetry import logs

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

T = TypeVar("T")

_POLL_SECONDS = 0.1


class ProcessEndedError(Exception):
    """The process has ended before its work was done, for example because memory ran out."""


async def run_apart(name: str, do: Callable[..., Coroutine[Any, Any, T]], *args: object) -> T:
    """Run ``do(*args)`` in a process of its own; cancelled, it cancels the work and waits for it.

    Args:
        name: what ``ps`` shows.
        do: a module-level coroutine function.
        args: can be pickled, as what it returns and raises.

    Raises:
        Exception: what ``do`` raises.
        ProcessEndedError: if the process was killed.
    """
    # spawned, not forked, because this process has threads
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    with ours:
        with theirs:
            process = context.Process(target=_run, args=(theirs, name, do, args))
            process.start()
        try:
            is_error, content = await _received(ours)
        except EOFError:
            raise ProcessEndedError(f"The process {name!r} has ended before its time.") from None
        finally:
            await _end(process)
    if is_error:
        raise content
    return content  # type: ignore[no-any-return]


async def _received(ours: Connection) -> tuple[bool, Any]:
    while not ours.poll():  # noqa: ASYNC110 - another process sends
        await asyncio.sleep(_POLL_SECONDS)
    return ours.recv()  # type: ignore[no-any-return]


async def _end(process: "SpawnProcess") -> None:
    """Terminate it if it still runs, and wait for its end."""
    with suppress(ProcessLookupError):
        process.terminate()
    await asyncio.to_thread(process.join, GRACE_SECONDS)
    if process.is_alive():
        process.kill()
        await asyncio.to_thread(process.join)
    process.close()


def _run(
    theirs: Connection,
    name: str,
    do: Callable[..., Coroutine[Any, Any, Any]],
    args: tuple[object, ...],
) -> None:
    # only the parent decides to end
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    setproctitle(f"daybook: {name}")
    logs.configure_logging()
    threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        result = False, asyncio.run(_until_terminated(do(*args)))
    except asyncio.CancelledError:
        return
    except Exception as error:  # noqa: BLE001 - it is the caller's
        # the traceback itself stays here
        error.add_note(traceback.format_exc())
        result = True, error
    with theirs:
        theirs.send(result)


async def _until_terminated(work: Coroutine[Any, Any, T]) -> T:
    task = asyncio.create_task(work)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task
