"""Everything at once, for minutes: at the end all is as it should be, and nothing has grown.

``DAYBOOK_SOAK_SECONDS`` says for how long, ten minutes without. What is found is collected, so that
one run tells all of it.
"""

import logging
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.acceptance.askers import Askers, askers
from tests.acceptance.family import Usage, children, descriptors, usage
from tests.acceptance.oracle import nothing_lost_nothing_doubled
from tests.acceptance.pair import Pair, pair
from tests.acceptance.provider import Provider, provider
from tests.acceptance.service import Service, command, environment
from tests.acceptance.test_faults import OURS
from tests.builders import OTHER_SECRET, SECRET

SECONDS = float(os.environ.get("DAYBOOK_SOAK_SECONDS", "600"))

_FROZEN_SECONDS = 3.0
_HELD_SECONDS = 8.0  # longer than a webhook waits
_SETTLE_SECONDS = 60.0
_ROTATION_SECONDS = 10.0
_GROWTH = 1.3
_MORE_BYTES = 40 << 20
_MORE_DESCRIPTORS = 20
# whatever befalls the database or a process, a question is answered, or its connection ends
_ALLOWED = {"200", "503", "ended", "ConnectError", "ReadError", "RemoteProtocolError"}

_log = logging.getLogger(__name__)


class Soak:
    """A service under load, over two servers, and what was found.

    Attributes:
        findings: what was not as it should be.
        done: how often each fault was injected.
    """

    def __init__(self, here: Path, servers: Pair) -> None:
        self.here, self.servers = here, servers
        self.env = {"DAYBOOK_DATABASE_URL": servers.url}
        self.chance = random.Random(12)  # noqa: S311 - any moment will do
        self.findings: list[str] = []
        self.done: Counter[str] = Counter()
        self.configure(SECRET)
        self.service = Service(here, "--workers", "2", env=self.env)

    def configure(self, *secrets: str) -> None:
        """Write the configuration; the secrets are those of the book ``rotated``."""
        said = ", ".join(f'"{secret}"' for secret in secrets)
        (self.here / "daybook.toml").write_text(
            f'[books.test]\nmode = "test"\nsecrets = ["{SECRET}"]\n'
            f'[books.rotated]\nmode = "test"\nsecrets = [{said}]\n'
        )

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.servers.url, autocommit=True)

    def find(self, what: str) -> None:
        """Note what is not as it should be."""
        _log.warning("found: %s", what)
        self.findings.append(what)

    def run(self, fault: Callable[["Soak"], None], made: Provider) -> None:
        """Inject a fault, and wait until webhooks are acknowledged again."""
        name = fault.__name__
        _log.info("%s", name.replace("_", " "))
        begun = time.monotonic()
        fault(self)
        self.done[name] += 1
        made.await_more()
        took = time.monotonic() - begun
        _log.info("%s: acknowledged again after %.1f s", name.replace("_", " "), took)


def rebuild_all(soak: Soak) -> None:
    """From start to switch, or broken off by nothing."""
    line = subprocess.run(
        [sys.executable, "-m", "service", "--debug", "rebuild"],
        env=environment(soak.env), cwd=soak.here,
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    if line.returncode != 0:
        soak.find(f"a rebuild ended with {line.returncode}: {line.stderr[-2500:]}")


def rotate_secrets(soak: Soak) -> None:
    """The new secret next to the old one, then alone; on every worker, without a restart."""
    for secrets, refused in (((OTHER_SECRET, SECRET), None), ((OTHER_SECRET,), SECRET)):
        rotate(soak, secrets, refused)
    rotate(soak, (SECRET,), OTHER_SECRET)


def rotate(soak: Soak, secrets: tuple[str, ...], refused: str | None) -> None:
    soak.configure(*secrets)
    soak.service.process.send_signal(signal.SIGHUP)
    wanted = dict.fromkeys(secrets, 200) | ({refused: 401} if refused else {})
    deadline = time.monotonic() + _ROTATION_SECONDS
    while (told := statuses(soak, wanted)) != {s: {n} for s, n in wanted.items()}:
        if time.monotonic() > deadline:
            soak.find(f"after a rotation the workers answer {[*told.values()]}")
            return


def statuses(soak: Soak, secrets: dict[str, int]) -> dict[str, set[int]]:
    """What a webhook with each of the secrets gets, over several connections."""
    told: dict[str, set[int]] = {secret: set() for secret in secrets}
    for secret in [*secrets] * 8:
        with httpx.Client(base_url=soak.service.client.base_url, timeout=15) as client:
            answer = soak.service.deliver("rotated", secret, b"1", via=client)
            told[secret].add(answer.status_code)
    return told


def terminate_backends(soak: Soak) -> None:
    with soak.connect() as conn:
        for _ in range(5):
            conn.execute(OURS)
            time.sleep(soak.chance.uniform(0, 0.2))


def kill_a_child(soak: Soak) -> None:
    """A worker or the projector; another one is started."""
    before = children(soak.service)
    killed = soak.chance.choice(before)
    os.kill(killed, signal.SIGKILL)
    deadline = time.monotonic() + _SETTLE_SECONDS
    while len(now := children(soak.service)) < len(before) or killed in now:
        if time.monotonic() > deadline:
            soak.find("a killed process was not started again")
            return
        time.sleep(0.1)


def fail_over(soak: Soak) -> None:
    soak.servers.fail_over()


def use_up_descriptors(soak: Soak) -> None:
    """No further file or connection for a while, for any process."""
    pids = children(soak.service)
    before = {}
    for pid in pids:
        limits = before[pid] = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(pid), limits[1]))
    time.sleep(_FROZEN_SECONDS)
    for pid, limits in before.items():
        if pid in children(soak.service):
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)


def freeze_a_child(soak: Soak) -> None:
    """Somebody else is frozen in the midst of whatever it is at."""
    frozen = soak.chance.choice(children(soak.service))
    os.kill(frozen, signal.SIGSTOP)
    time.sleep(_FROZEN_SECONDS)
    os.kill(frozen, signal.SIGCONT)


def hold_the_head(soak: Soak) -> None:
    """Somebody idles in a transaction with the lock that every writer needs."""
    with soak.connect() as conn, conn.transaction():
        conn.execute("select from store.head for update")
        time.sleep(_HELD_SECONDS)


FAULTS: tuple[Callable[[Soak], None], ...] = (
    rebuild_all,
    rotate_secrets,
    terminate_backends,
    kill_a_child,
    use_up_descriptors,
    freeze_a_child,
    hold_the_head,
    fail_over,
)


@contextmanager
def soaking(here: Path, postgres: str) -> Iterator[Soak]:
    with pair(here, postgres) as servers:
        soak = Soak(here, servers)
        soak.service.start()
        try:
            yield soak
        finally:
            status = soak.service.stop()
        assert status == 0


@pytest.mark.long
def test_a_soak_leaves_everything_as_it_should_be(scratch: Path, postgres: str) -> None:
    with soaking(scratch, postgres) as soak:
        service = soak.service
        key = command("keys", "create", "--book", "test", cwd=scratch, env=soak.env).strip()
        end = time.monotonic() + SECONDS
        with provider(service, SECRET) as made, askers(service, key) as asking:
            for fault in FAULTS:
                soak.run(fault, made)
            service.await_ready()
            begun = settled(service)
            while time.monotonic() < end:
                soak.run(soak.chance.choice(FAULTS), made)
            service.await_ready()
        nothing_lost_nothing_doubled(made, soak.servers.url, service, key, soak.done.total())
        heard_all(soak, asking, recorded(soak))
        nothing_grew(soak, begun, settled(service))
        told = {outcome for _, outcome in asking.outcomes}
        _log.info("faults %s; outcomes %s", dict(soak.done), dict(asking.outcomes))
        _log.info("the slowest answer took %.1f s", asking.slowest)
        if strange := told - _ALLOWED:
            soak.find(f"askers got {sorted(strange)}: {dict(asking.outcomes)}")
        if "No row differs" not in command("verify", cwd=scratch, env=soak.env):
            soak.find("verify finds a difference")
        for line in (scratch / "serve.err").read_text().splitlines():
            # a file that could not be opened for want of descriptors: that is what one fault does
            is_fault = "OSError" in line and "background task ended; restarting" in line
            if ("unhandled exception" in line or "background task ended" in line) and not is_fault:
                soak.find(f"a defect is in the log: {line[-3000:]}")
        assert soak.findings == []


def recorded(soak: Soak) -> int:
    with soak.connect() as conn:
        row = conn.execute("select position from store.head where book = 'test'").fetchone()
    assert row is not None
    return int(row[0])


def heard_all(soak: Soak, asking: Askers, head: int) -> None:
    """A follower that reconnects hears each change once and in order, as far as it came."""
    heard = asking.heard
    if heard != [*range(1, len(heard) + 1)]:
        wrong = next(n for n, place in enumerate(heard, 1) if n != place)
        soak.find(f"a follower heard {heard[wrong - 1]} as change number {wrong}")
    if len(heard) < head // 2:
        soak.find(f"a follower heard {len(heard)} changes of {head}")


def settled(service: Service) -> Usage:
    """What the processes use when it no longer falls."""
    deadline = time.monotonic() + _SETTLE_SECONDS
    least = usage(service)
    while time.monotonic() < deadline:
        time.sleep(2)
        now = usage(service)
        if now.processes == least.processes and now.descriptors >= least.descriptors:
            return now
        least = now
    return least


def nothing_grew(soak: Soak, begun: Usage, ended: Usage) -> None:
    """No process uses notably more than after each fault had come once."""
    _log.info("after the first round %s, at the end %s", begun, ended)
    if ended.processes != begun.processes:
        soak.find(f"there are {ended.processes} processes, and were {begun.processes}")
    if ended.descriptors > begun.descriptors + _MORE_DESCRIPTORS:
        soak.find(f"descriptors grew from {begun.descriptors} to {ended.descriptors}")
    if ended.resident_bytes > begun.resident_bytes * _GROWTH + _MORE_BYTES:
        soak.find(
            f"memory of {ended.largest} grew from {begun.resident_bytes} (then {begun.largest})"
            f" to {ended.resident_bytes} bytes"
        )
