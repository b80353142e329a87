"""SIGTERM: what was accepted is answered, what was acknowledged is kept, and it ends with 0."""

import random
import signal
import sys
import time
from pathlib import Path

import psycopg
import pytest

from service.database.embedded import embedded
from tests import forkserver
from tests.acceptance import raw
from tests.acceptance.oracle import nothing_lost_nothing_doubled
from tests.acceptance.provider import provider
from tests.acceptance.service import Service, environment

pytestmark = pytest.mark.scenario

_ENDS_SECONDS = 30
"""The grace of a supervisor; what is being answered is given 20 seconds."""


def test_what_was_accepted_is_answered(scratch: Path, data: Path) -> None:
    service = Service(scratch, "--data-dir", str(data), "--workers", "2").start()
    secret = service.find(r"SECRET=(\S+)")
    idle = raw.connection(service)
    idle.sendall(raw.signed(secret, "msg_before", b"{}"))
    assert raw.status(raw.answer(idle)) == 200
    with embedded(data) as server, psycopg.connect(server.url) as holding:
        # nothing is committed before this lock is released
        holding.execute("select from store.head for update")
        waiting = [raw.connection(service) for _ in range(20)]
        for number, one in enumerate(waiting):
            one.sendall(raw.signed(secret, f"msg_{number}", b"{}"))
        raw.await_read(service)
        service.process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert service.process.poll() is None, "it did not wait"
        # who comes now is told at once, and can ask another instance
        with pytest.raises(ConnectionRefusedError):
            raw.connection(service)
        holding.rollback()
        answers = [raw.answer(one) for one in waiting]
        assert [raw.status(one) for one in answers] == [200] * len(waiting)
        assert service.process.wait(_ENDS_SECONDS) == 0
        stored = holding.execute("select webhook_id from store.event").fetchall()
    assert len(stored) == len(waiting) + 1
    for one in (idle, *waiting):
        one.close()
    service.client.close()


@pytest.mark.parametrize(
    "rounds", [pytest.param(1, marks=pytest.mark.slow), pytest.param(10, marks=pytest.mark.long)]
)
def test_a_stop_under_load_loses_nothing(rounds: int, scratch: Path, data: Path) -> None:
    service = Service(scratch, "--data-dir", str(data), "--workers", "2").start()
    with provider(service, service.find(r"SECRET=(\S+)")) as made:
        for _ in range(rounds):
            time.sleep(random.uniform(0, 0.5))  # noqa: S311 - any moment will do
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(_ENDS_SECONDS) == 0
            service.start()
            made.await_more()
    # it hangs up on who is idle, and one may be about to send; but a request is never let down
    assert made.failures.keys() <= {
        "ConnectError",
        "ReadError",
        "RemoteProtocolError",
        "WriteError",
    }
    service.await_ready()
    with embedded(data) as server:
        key = service.find(r"KEY=(\S+)")
        nothing_lost_nothing_doubled(made, server.url, service, key, rounds)
    assert service.stop() == 0


@pytest.mark.parametrize("seconds", [0.0, pytest.param(0.5, marks=pytest.mark.slow)])
def test_a_stop_during_the_start_is_obeyed(seconds: float, scratch: Path) -> None:
    with (scratch / "serve.out").open("w") as out:
        process = forkserver.Popen(
            [sys.executable, "-m", "service", "serve", "--port", "0", "--workers", "2",
             "--data-dir", str(scratch / "data")],
            env=environment(None), cwd=scratch, stdout=out, stderr=out,
        )  # fmt: skip
    while "KEY=" not in (scratch / "serve.out").read_text():
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGTERM)
    assert process.wait(_ENDS_SECONDS) in {0, 128 + signal.SIGTERM}


def test_who_never_ends_its_request_does_not_hold_up_the_end(service: Service) -> None:
    with raw.connection(service) as hanging:
        hanging.sendall(raw.signed(service.find(r"SECRET=(\S+)"), "msg_1", b"{}")[:-1])
        raw.await_read(service)
        service.process.send_signal(signal.SIGTERM)
        began = time.monotonic()
        answered = raw.answer(hanging)
        # once it was 20 seconds
        assert time.monotonic() - began < 15
        assert raw.status(answered) == 503
        assert b"/problems/shutting-down" in answered
        assert service.process.wait(_ENDS_SECONDS) == 0
