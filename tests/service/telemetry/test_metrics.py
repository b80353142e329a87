"""Counting never fails, whatever becomes of the files behind it."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from service.telemetry import metrics

PROLOGUE = """
import asyncio, os, resource, shutil, sys
from pathlib import Path
from service.telemetry import metrics as meters
from service.telemetry.instruments import DIRECTORY
from service.telemetry.shared_metrics import shared_metrics

def count(name):
    meters.count_refused(name, "unknown-book")
    meters.observe_request(f"/{name}", "GET", 200, 0.1)
    meters.count_appended(name, 1, 0, 0.1)
    meters.set_task_up(name, up=True)
    meters.count_task_restart(name)
    meters.count_ignored_notifications(name, 1)

def exhaust():
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))

with shared_metrics():
    directory = Path(os.environ[DIRECTORY])
"""

FAULTS = {
    "no directory at first": """
    shutil.rmtree(directory)
    count("a")
    print(len(meters.exposition()))
""",
    "no directory later": """
    count("a")
    shutil.rmtree(directory)
    for n in range(6_000):
        count(f"b{n}") if n % 100 == 0 else meters.count_refused(f"b{n}", "x" * 100)
    meters.exposition()
""",
    "no descriptors at first": """
    exhaust()
    count("a")
""",
    "no descriptors later": """
    count("a")
    exhaust()
    for n in range(6_000):
        meters.count_refused(f"b{n}", "x" * 100)
    meters.exposition()
""",
    "files that are broken": """
    count("a")
    for file in directory.iterdir():
        file.with_name(file.name.replace("MainProcess", "other")).write_bytes(b"x" * 5000)
    count("b")
    assert meters.exposition() == b""
""",
    "a full disk": """
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    count("a")
    assert meters.exposition() == b""
""",
    "a label that cannot be": """
    class Bad:
        def __str__(self):
            raise LookupError

    meters.count_refused(Bad(), "x")
    meters.count_refused("a", "x")
    assert b'book="a"' in meters.exposition()
""",
}


EVERY_DAY = {"no directory later", "no descriptors later", "a full disk", "a label that cannot be"}
"""One of each way; the others with ``-m slow``."""


@pytest.mark.parametrize(
    "fault",
    [pytest.param(fault, marks=() if fault in EVERY_DAY else pytest.mark.slow) for fault in FAULTS],
)
def test_counting_outlives(fault: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{PROLOGUE}{FAULTS[fault]}\nprint('went on')"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.endswith("went on\n"), done.stderr[-2000:]


def test_everything_that_counts_is_guarded() -> None:
    guarded = metrics._guarded(lambda _: None).__code__
    counting = {
        name: function
        for name, function in vars(metrics).items()
        if inspect.isfunction(function)
        and function.__module__ == metrics.__name__
        and "meters" in inspect.signature(function).parameters
    }
    assert len(counting) >= 7
    assert {name for name, f in counting.items() if f.__code__ is not guarded} == set()


def test_the_files_have_their_room_from_the_start() -> None:
    count = (
        f"{PROLOGUE}    count('a')\n    print(*(f.stat().st_blocks for f in directory.iterdir()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", count], capture_output=True, text=True, check=True, timeout=60
    )
    blocks = [int(number) for number in done.stdout.split()]
    assert len(blocks) == 3
    assert min(blocks) * 512 >= 1 << 20
    assert not list(Path.cwd().glob("*.db"))
