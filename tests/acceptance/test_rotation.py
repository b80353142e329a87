"""A secret is rotated without a gap and without a restart, in every worker at once."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from service.store.chain import fingerprint
from tests.acceptance.processes import logged, pid_of
from tests.acceptance.service import Service, new_key, number
from tests.builders import OTHER_SECRET, SECRET, at, body
from tests.conftest import fresh_database

pytestmark = pytest.mark.scenario

TRIES = 12
"""So many new connections that each worker is met."""


def configure(here: Path, secrets: str, policy: str = "") -> None:
    (here / "daybook.toml").write_text(
        f'[books.live]\nmode = "live"\nsecrets = [{secrets}]\n{policy}'
    )


def fresh_client(service: Service) -> httpx.Client:
    """A client with a new connection for each request; any worker may take it."""
    closing = {"connection": "close"}
    return httpx.Client(base_url=service.client.base_url, timeout=30, headers=closing)


def statuses(service: Service, secret: str, tries: int = TRIES) -> set[int]:
    """What is answered to new connections."""
    with fresh_client(service) as via:
        return {service.deliver("live", secret, b"1", via=via).status_code for _ in range(tries)}


def reload(service: Service, event: str = "configuration reloaded") -> dict[str, Any]:
    """Have it read its configuration again; the line that confirms it."""
    before = len(logged(service, event))
    service.process.send_signal(signal.SIGHUP)
    until(lambda: len(logged(service, event)) > before)
    return logged(service, event)[-1]


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.03)


@contextmanager
def sending(service: Service, secret: str) -> Iterator[set[int]]:
    """Somebody who sends with this secret meanwhile, and what is answered."""
    answered: set[int] = set()
    ended = threading.Event()

    def send() -> None:
        with fresh_client(service) as via:
            while not ended.is_set():
                answered.add(service.deliver("live", secret, b"1", via=via).status_code)
                time.sleep(0.01)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield answered
    finally:
        ended.set()
        thread.join()


@pytest.mark.parametrize("workers", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_hangup_takes_over_new_secrets_in_all_workers_and_refuses_wrong_ones(
    workers: int, scratch: Path, postgres: str, template: str
) -> None:
    configure(scratch, f'"{SECRET}"')
    env = {"DAYBOOK_DATABASE_URL": fresh_database(postgres, template)}
    service = Service(scratch, "--workers", str(workers), env=env).start()
    key = new_key(env["DAYBOOK_DATABASE_URL"], "live")
    assert (statuses(service, SECRET, 1), statuses(service, OTHER_SECRET, 1)) == ({200}, {401})

    configure(scratch, f'"{OTHER_SECRET}", "{SECRET}"')
    with sending(service, SECRET) as old, sending(service, OTHER_SECRET) as new:
        assert reload(service)["workers"] == workers
        assert statuses(service, OTHER_SECRET) == {200}
    assert old == {200}
    assert new <= {401, 200}

    configure(scratch, '"nonsense"')
    reload(service, "configuration refused; keeping the last valid one")
    assert statuses(service, SECRET) == statuses(service, OTHER_SECRET) == {200}

    # not the file of now, which is refused, and not that of the start
    kill_and_await_another(service, "worker 1")
    assert statuses(service, SECRET) == statuses(service, OTHER_SECRET) == {200}

    configure(scratch, f'"{OTHER_SECRET}"')
    reload(service)
    assert statuses(service, SECRET) == {401}
    last = service.deliver("live", OTHER_SECRET, b"2").json()["position"]
    service.await_position(key, number(last))
    assert service.ask("events/1", key)["verified_by"] == fingerprint(SECRET)
    assert service.ask(f"events/{last}", key)["verified_by"] == fingerprint(OTHER_SECRET)
    kill_and_await_another(service, "worker 1")
    assert statuses(service, SECRET) == {401}
    assert service.stop() == 0


def kill_and_await_another(service: Service, name: str) -> None:
    before = pid_of(service, name)
    os.kill(before, signal.SIGKILL)
    until(lambda: pid_of(service, name) not in {before, 0})
    up = f'daybook_process_up{{process="{name}"}} 1.0'
    with fresh_client(service) as via:
        until(lambda: up in via.get("/metrics").text)


def test_hangup_takes_over_policies_and_leaves_the_projector_alone(
    scratch: Path, postgres: str, template: str
) -> None:
    configure(scratch, f'"{SECRET}"')
    env = {"DAYBOOK_DATABASE_URL": fresh_database(postgres, template)}
    service = Service(scratch, "--workers", "2", env=env).start()
    key = new_key(env["DAYBOOK_DATABASE_URL"], "live")
    late = body("subscription.past_due", "past_due", at(0), "sub_1", "cus_1")
    assert service.deliver("live", SECRET, late).is_success
    service.await_position(key, 1)

    def entitled() -> set[bool]:
        headers = {"authorization": f"Bearer {key}"}
        with fresh_client(service) as via:
            found = [via.get("/v1/customers/cus_1/access", headers=headers) for _ in range(TRIES)]
        return {answer.json()["entitled"] for answer in found}

    assert entitled() == {True}
    projector = pid_of(service, "projector")
    configure(scratch, f'"{SECRET}"', "[books.live.access]\ngrace = false\n")
    reload(service)
    assert entitled() == {False}
    assert pid_of(service, "projector") == projector
    assert service.stop() == 0
