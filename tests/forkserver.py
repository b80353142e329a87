"""Processes of ``daybook``, forked from one that has imported it: a start takes 50 ms, not 1 s.

``Popen`` and ``run`` are those of ``subprocess``. They run a command line ``python -m service …``,
or ``python -c …``, in a fork. It is a child of the caller like any other, with a pid, files, an
environment, a directory and limits of its own. What it starts by ``multiprocessing`` is forked from
a copy of what it was before it began, and so inherits nothing else.

They fork once ``use`` was called, as for ``pytest``. With ``-m slow`` and ``-m long``, and in a
benchmark, every process is started as users start it.
"""

import atexit
import multiprocessing.util
import os
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any

from tests.forking import Client, Request, limits, pair, share_certificates, spawn

FORKED = ("service", "tests.acceptance.hasty", "tests.acceptance.projecting")
"""The modules that a fork runs."""

_PASSED = ("executable", "preexec_fn", "close_fds", "pass_fds", "cwd", "env", "startupinfo",
           "creationflags", "shell", "p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread",
           "errwrite", "restore_signals", "gid", "gids", "uid", "umask",
           "start_new_session")  # fmt: skip
_PIPES = _PASSED[9:15]

_FREE = ("DAYBOOK_", "OTEL_", "PG", "COLUMNS", "TMPDIR")
"""Variables that neither the interpreter nor a library reads when it is imported begin so."""

_turn = threading.Lock()


class Popen(subprocess.Popen[Any]):
    """``subprocess.Popen``, which forks where that makes no difference but to the time."""

    forks = False

    def _execute_child(self, args: Any, *passed: Any) -> None:  # noqa: ANN401
        line = [os.fspath(arg) for arg in args]
        given = dict(zip(_PASSED, passed, strict=False))
        env = dict(os.environ if given["env"] is None else given["env"])
        if not (self.forks and _is_daybook(line) and _is_plain(given) and _is_usual(env)):
            super()._execute_child(args, *passed)  # type: ignore[misc]
            return
        request = Request(
            line[2], line[1] == "-c", ["-c", *line[3:]], env, os.fspath(given["cwd"] or Path.cwd()),
            [0, 1, 2], limits(), leads_session=bool(given["start_new_session"]),
        )  # fmt: skip
        theirs = (given["p2cread"], given["c2pwrite"], given["errwrite"])
        files = [n if file == -1 else file for n, file in enumerate(theirs)]
        self.pid = _server().fork(request, files)
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in _PIPES))  # type: ignore[attr-defined]


def run(
    args: Sequence[Any],
    *,
    input: str | None = None,  # noqa: A002 - as the library calls it
    timeout: float | None = None,
    check: bool = False,
    capture_output: bool = False,
    **given: Any,  # noqa: ANN401 - the library's
) -> subprocess.CompletedProcess[Any]:
    """``subprocess.run``, by a fork."""
    if capture_output:
        given |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        given["stdin"] = subprocess.PIPE
    with Popen(args, **given) as process:
        try:
            out, err = process.communicate(input, timeout)
        except BaseException:
            process.kill()
            raise
    done = subprocess.CompletedProcess(args, process.returncode, out, err)
    if check:
        done.check_returncode()
    return done


def use() -> None:
    """Fork from now on, also what this process spawns by ``multiprocessing``."""
    share_certificates()
    if sys.platform == "linux":
        Popen.forks = True
        multiprocessing.util.spawnv_passfds = partial(spawn, _server)


def _is_daybook(line: Sequence[str]) -> bool:
    match line:
        case [sys.executable, "-m", module, *_]:
            return module in FORKED
        case [sys.executable, "-c", _, *_]:
            return True
    return False


def _is_plain(given: Mapping[str, Any]) -> bool:
    others = ("executable", "preexec_fn", "pass_fds", "shell", "gid", "gids", "uid")
    return not any(given[name] for name in others) and given["umask"] == -1


def _is_usual(env: Mapping[str, str]) -> bool:
    """Whether an interpreter would read in this environment what the server has read in its own."""
    return all(
        env.get(name) == os.environ.get(name) or name.startswith(_FREE)
        for name in {*env, *os.environ} - {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE"}
    )


def _server() -> Client:
    with _turn:
        return _started_server()


@cache
def _started_server() -> Client:
    ours, theirs = pair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.forking", str(theirs.fileno())],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            cwd=Path(__file__).parents[1],
        )  # fmt: skip
    # it is waited for below
    process.returncode = 0
    client = Client(ours)
    atexit.register(client.end, process.pid)
    return client
