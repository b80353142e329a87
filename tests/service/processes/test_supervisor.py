"""Children that end, freeze, or cannot be started are replaced; real processes and signals."""

import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from service.processes import scoreboard
from service.processes.backoff import Backoff
from service.processes.child import Job
from service.processes.supervisor import ProcessSupervisor, supervise
from service.processes.tasks import EXIT_CODE
from service.settings import Settings
from tests.service.processes import jobs

Lines = list[Any]


def settings(name: str = "old") -> Settings:
    return Settings.model_construct(data_dir=Path(name), books={})


def until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def started(path: Path) -> dict[int, str]:
    return {int(one.stem): one.read_text() for one in path.glob("*.started")}


def events(lines: Lines, event: str) -> Lines:
    return [line for line in lines if line["event"] == event]


@contextmanager
def running(
    path: Path, number: int = 1, **kwargs: float
) -> Iterator[tuple[ProcessSupervisor, Lines]]:
    wanted = {f"worker {n}": Job(jobs.run, (str(path),), reloads=True) for n in range(number)}
    with capture_logs() as lines, supervise(wanted, settings(), **kwargs) as supervisor:
        until(lambda: len(started(path)) == number and all_up(supervisor), "it starts")
        yield supervisor, lines


def all_up(supervisor: ProcessSupervisor) -> bool:
    return all(supervisor.scoreboard.beats(n) for n in range(len(supervisor.scoreboard.names)))


def test_pauses_double_and_begin_again_after_a_minute() -> None:
    backoff = Backoff()
    assert [backoff.pause() for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert backoff.pause(lived=59) == 30
    assert backoff.pause(lived=60) == 1


def test_who_is_killed_or_asks_for_it_is_replaced_and_follows_the_settings_of_now(
    tmp_path: Path,
) -> None:
    with running(tmp_path) as (supervisor, lines):
        (first,) = started(tmp_path)
        assert b"daybook: worker 0" in Path(f"/proc/{first}/cmdline").read_bytes()
        supervisor.reload(settings("new"))
        until(lambda: events(lines, "configuration reloaded"), "all follow")
        assert (tmp_path / f"{first}.reloaded").read_text() == "new"
        os.kill(first, signal.SIGKILL)
        until(lambda: supervisor.scoreboard.statuses()[0].down_seconds, "it is known to be down")
        until(lambda: len(started(tmp_path)) == 2 and all_up(supervisor), "another is started")
        second = max(started(tmp_path).keys() - {first})
        assert started(tmp_path)[second] == "new"
        until(lambda: not supervisor.scoreboard.statuses()[0].down_seconds, "it is known to be up")
        os.kill(second, signal.SIGUSR2)
        until(lambda: len(started(tmp_path)) == 3, "a third is started")
        assert supervisor.scoreboard.statuses()[0].restarts == 2
    ended = events(lines, "child process exited; restarting")
    assert [(one["process"], one["exit_code"], one["pause"]) for one in ended] == [
        ("worker 0", "SIGKILL", 1),
        ("worker 0", EXIT_CODE, 2),
    ]


def test_who_freezes_is_killed_and_replaced_with_its_stacks_in_the_log(tmp_path: Path) -> None:
    with running(tmp_path, 2, silent_seconds=3) as (_, lines):
        blocked, stopped = started(tmp_path)
        os.kill(blocked, signal.SIGWINCH)
        os.kill(stopped, signal.SIGSTOP)
        until(lambda: len(started(tmp_path)) == 4, "others are started")
    frozen = events(lines, "child process frozen; killed")
    assert sorted("block_for_ever" in line["stacks"] for line in frozen) == [False, True]
    ended = events(lines, "child process exited; restarting")
    assert [line["exit_code"] for line in ended] == ["SIGKILL", "SIGKILL"]


def test_settings_larger_than_a_pipe_hold_nobody_up_who_watches_a_frozen_child(
    tmp_path: Path,
) -> None:
    with running(tmp_path, 2, silent_seconds=3) as (supervisor, _):
        first, _ = started(tmp_path)
        os.kill(first, signal.SIGSTOP)
        large = Settings.model_construct(data_dir=Path("x" * 2_000_000), books={})
        supervisor.reload(large)
        until(lambda: len(started(tmp_path)) == 3, "the frozen one is replaced")
        until(lambda: len(list(tmp_path.glob("*.reloaded"))) == 1, "the other one follows")


def test_a_failure_is_logged_and_the_others_live(tmp_path: Path) -> None:
    wanted = {"projector": Job(jobs.fail, ()), "worker": Job(jobs.run, (str(tmp_path),))}
    with capture_logs() as lines, supervise(wanted, settings()) as supervisor:
        until(lambda: len(events(lines, "child process exited; restarting")) == 2, "it fails twice")
        scoreboard.share(supervisor.scoreboard)
        until(lambda: scoreboard.down() == [], "not down for long yet")
        assert len(started(tmp_path)) == 1
    ended = events(lines, "child process exited; restarting")
    assert [(one["process"], one["exit_code"], one["pause"]) for one in ended] == [
        ("projector", 1, 1),
        ("projector", 1, 2),
    ]


def test_a_supervisor_without_descriptors_starts_again_what_it_could_not(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    with running(tmp_path) as (supervisor, lines):
        (first,) = started(tmp_path)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
        try:
            os.kill(first, signal.SIGKILL)
            until(lambda: events(lines, "child process not started; retrying"), "it cannot")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
        until(lambda: len(started(tmp_path)) == 2 and all_up(supervisor), "it is started")


def test_nobody_is_taken_for_frozen_because_the_parent_was_stopped(tmp_path: Path) -> None:
    with running(tmp_path, silent_seconds=3) as (supervisor, lines):
        (child,) = started(tmp_path)
        os.kill(child, signal.SIGSTOP)
        # as after a machine's sleep: much time has passed, and none of it was watched
        supervisor._looked -= 3600
        time.sleep(0.5)
        os.kill(child, signal.SIGCONT)
        time.sleep(1)
    assert not events(lines, "child process frozen; killed")
