"""What the log says of a failure: what is needed to mend it, and nobody's data."""

import os
import pty
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.acceptance.service import environment

PRIVATE = "ada@example.com"


@pytest.mark.parametrize("where", [pty.openpty, os.pipe])
def test_what_postgresql_quotes_is_not_in_the_log(
    database_url: str, where: Callable[[], tuple[int, int]]
) -> None:
    ours, theirs = where()
    failing = [sys.executable, "-m", "tests.service.telemetry.failing", database_url, PRIVATE]
    with subprocess.Popen(failing, env=environment(None), stderr=theirs) as program:
        os.close(theirs)
        log = everything(ours)
    assert program.returncode == 0, log
    # each of four ways, by our logger and by that of a library
    assert log.count("duplicate key value violates unique constraint") == 8
    assert log.count("(SQLSTATE 23505)") == 8
    assert log.count("InvalidTextRepresentation: SQLSTATE 22P02") == 8
    assert PRIVATE not in log


def everything(descriptor: int) -> str:
    """What is written to the other end until it is closed."""
    parts = []
    try:
        while part := os.read(descriptor, 65_536):
            parts.append(part)
    except OSError:
        pass  # so ends a terminal
    finally:
        os.close(descriptor)
    return b"".join(parts).decode()
