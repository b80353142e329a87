"""The server of ``forkserver``: what imports ``daybook``, and what its forks become.

``python -m tests.forking NUMBER`` serves on the connection that it inherits under this number.
"""

import atexit
import ctypes
import gc
import multiprocessing.util
import os
import resource
import runpy
import signal
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from types import ModuleType
from typing import cast

import httpx
import msgspec
from httpx._transports import default
from setproctitle import setproctitle

import service
from service.processes.link import Link
from service.queries.freshness import Freshness
from service.server.app import build
from service.settings import Settings

_ADOPTS = 36  # PR_SET_CHILD_SUBREAPER
_MOST_BYTES = 1 << 20
_MOST_FILES = 64
_LIMITS = sorted({getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")})


class Request(msgspec.Struct):
    """What a fork is to be: a module, or a text of code, and its surroundings."""

    run: str
    is_code: bool
    arguments: list[str]
    environment: dict[str, str]
    directory: str
    files: list[int]
    limits: list[tuple[int, int]]
    leads_session: bool = False


class Client:
    """Asks a server, which is a child of this process, for forks."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._turn = threading.Lock()

    def fork(self, request: Request, files: Sequence[int]) -> int:
        """The pid of a new child of this process, which has these files under its own numbers."""
        libc = ctypes.CDLL(None)
        with self._turn:
            libc.prctl(_ADOPTS, 1)
            try:
                socket.send_fds(self._connection, [msgspec.json.encode(request)], files)
                pid = int(self._connection.recv(100))
                # its parent has ended, so that it is ours
                assert self._connection.recv(100) == b"adopted"
            finally:
                libc.prctl(_ADOPTS, 0)
        return pid

    def end(self, server: int) -> None:
        """Have the server end."""
        self._connection.close()
        with suppress(ChildProcessError):
            os.waitpid(server, 0)


def share_certificates() -> None:
    """Have the clients of this process read the authorities' certificates once for all."""
    name = "create_ssl_context"
    setattr(default, name, cache(getattr(default, name)))
    httpx.Client().close()


def limits() -> list[tuple[int, int]]:
    """The limits of this process, as a request has them."""
    return [resource.getrlimit(which) for which in _LIMITS]


def pair() -> tuple[socket.socket, socket.socket]:
    """The ends of a client and of its server."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)


def spawn(
    client: Callable[[], Client], _: bytes, args: Sequence[bytes | str], files: Sequence[int]
) -> int:
    """Fork what ``multiprocessing`` would have started with this command line."""
    line = [os.fsdecode(arg) for arg in args]
    code = line.index("-c") + 1
    numbers = sorted({0, 1, 2, *files})
    request = Request(
        line[code], True, ["-c", *line[code + 1 :]], dict(os.environ), str(Path.cwd()),
        numbers, limits(),
    )  # fmt: skip
    return client().fork(request, numbers)


def _await_request(connection: socket.socket) -> tuple[Request, list[int]] | None:
    """Serve until the client has ended, with None; in a fork: what it is to be."""
    interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        content, files, _, _ = socket.recv_fds(connection, _MOST_BYTES, _MOST_FILES)
        if not content:
            return None
        if between := os.fork():
            for file in files:
                os.close(file)
            os.waitpid(between, 0)
            connection.send(b"adopted")
        elif pid := os.fork():
            connection.send(str(pid).encode())
            os._exit(0)
        else:
            connection.close()
            signal.signal(signal.SIGINT, interrupt)
            return msgspec.json.decode(content, type=Request), files


def _become(request: Request, files: Sequence[int], imported: Mapping[str, str]) -> None:
    """Take over what an interpreter of its own would have been given."""
    if request.leads_session:
        os.setsid()
    _take(files, request.files)
    for which, limit in zip(_LIMITS, request.limits, strict=True):
        if resource.getrlimit(which) != limit:
            resource.setrlimit(which, limit)
    os.environ.clear()
    os.environ.update({**imported, **request.environment})
    os.chdir(request.directory)
    sys.path[0] = request.directory
    sys.argv = request.arguments
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    for name, file in (("stdout", 1), ("stderr", 2)):
        usual = getattr(sys, name)
        stream = open(  # noqa: SIM115
            file, "w", encoding=usual.encoding, errors=usual.errors, closefd=False,
            buffering=1 if name == "stderr" or os.isatty(file) else -1,
        )  # fmt: skip
        setattr(sys, name, stream)
        # the interpreter flushes these at its end
        setattr(sys, f"__{name}__", stream)


def _take(files: Sequence[int], numbers: Sequence[int]) -> None:
    """Have these files under these numbers, and no others."""
    above = list(files)
    while above and min(above) <= max(numbers):
        above = [os.dup(file) for file in above]
    for file, number in zip(above, numbers, strict=True):
        os.dup2(file, number)
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) not in numbers:
            # the directory's own is closed
            with suppress(OSError):
                os.close(int(name))


def _fork_children() -> tuple[Request, list[int]] | None:
    """Have forked what ``multiprocessing`` spawns; None here, and what it is to be in a fork."""
    ours, theirs = pair()
    server = os.fork()
    if server == 0:
        ours.close()
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):
            os.dup2(nothing, number)
        asked = _await_request(theirs)
        if asked is None:
            os._exit(0)
        return asked
    theirs.close()
    client = Client(ours)
    atexit.register(client.end, server)
    multiprocessing.util.spawnv_passfds = partial(spawn, lambda: client)
    return None


def _import() -> None:
    """Import all but the command line, which reads its environment, and what is a program."""
    left_out = ("service.__main__", "service.cli.", "service.evidence.verify")
    for module in walk_packages(service.__path__, "service."):
        if not module.name.startswith(left_out):
            import_module(module.name)
    # the framework and the server import them when they start
    for name in ("litestar.plugins.opentelemetry", "uvicorn.lifespan.on", "uvicorn.loops.uvloop",
                 "anyio._backends._asyncio", "httptools", "rich.console",
                 "rich.progress", "rich.table", "typer.main"):  # fmt: skip
        import_module(name)
    share_certificates()
    # once, so that what the framework and the templates remember of it is there in every fork
    build(Settings(), "", cast("Link", None), Freshness())
    # the first time, while it finds the environment where the system has put it
    setproctitle("fork server of tests")
    gc.collect()
    # else every fork would copy what the collector marks
    gc.freeze()


def main() -> None:
    """Serve on the connection whose number is given; in each fork, run what was asked for."""
    given = set(os.environ)
    _import()
    imported = {name: value for name, value in os.environ.items() if name not in given}
    asked = _await_request(socket.socket(fileno=int(sys.argv[1])))
    if asked is None:
        return
    _become(*asked, imported)
    if not asked[0].is_code:
        spawned = _fork_children()
        if spawned is not None:
            asked = spawned
            _become(*asked, imported)
    request, _ = asked
    try:
        if request.is_code:
            sys.modules["__main__"] = module = ModuleType("__main__")
            exec(request.run, module.__dict__)  # noqa: S102 - as an interpreter does with -c
        else:
            runpy.run_module(request.run, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            raise
        _exit(end.code or 0)
    _exit(0)


def _exit(code: int) -> None:
    """Exit as an interpreter does, but leave the memory to the system: that is most of the time."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if not stream.closed:
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
