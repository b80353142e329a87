"""A fork of ``daybook`` is like a process that was started as users start it."""

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import forkserver
from tests.acceptance.service import environment

DAYBOOK = [sys.executable, "-m", "service"]


def both(see: Callable[[type[forkserver.Popen]], object]) -> tuple[object, object]:
    """What is seen of a fork, and of a process that was started as users start it."""

    class Started(forkserver.Popen):
        forks = False

    return see(forkserver.Popen), see(Started)


@pytest.mark.parametrize(
    "line",
    [
        ["send", "no.json"],
        *(
            pytest.param([word], marks=pytest.mark.slow)
            for word in ("--version", "nothing", "keys")
        ),
    ],
)
def test_it_says_and_returns_the_same(line: list[str], tmp_path: Path) -> None:
    def see(start: type[forkserver.Popen]) -> object:
        with start(
            [*DAYBOOK, *line], env=environment({"COLUMNS": "70"}), cwd=tmp_path, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            said = process.communicate()
        return process.returncode, said

    forked, started = both(see)
    assert forked == started


def test_it_has_what_it_was_given_and_nothing_else(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    def see(start: type[forkserver.Popen]) -> object:
        here = tmp_path / start.__name__
        here.mkdir()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 1, hard))
        try:
            process = start(
                [*DAYBOOK, "sandbox", "--port=0", "--customers=1"], env=environment({}), cwd=here,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert process.stdout is not None
        process.stdout.readline()
        of = Path(f"/proc/{process.pid}")
        parent = (of / "stat").read_text().rpartition(")")[2].split()[1]
        limits = next(x for x in (of / "limits").read_text().splitlines() if "open files" in x)
        seen = (
            int(parent) == os.getpid(),
            (of / "cwd").readlink() == here,
            [(of / "fd" / n).readlink() == Path(os.devnull) for n in "02"],
            limits.split()[3],
        )
        process.kill()
        assert process.wait() == -signal.SIGKILL
        process.stdout.close()
        return seen

    forked, started = both(see)
    assert forked == started
    assert forked == (True, True, [True, True], str(soft - 1))
