"""What was acknowledged survives ``kill -9`` of the service and of PostgreSQL."""

import os
import random
import signal
import threading
import time
from pathlib import Path

import httpx
import psycopg
import pytest

from service.embedded import embedded
from tests.acceptance.service import Service
from tests.builders import at, body
from tests.service.test_store import ROWS, verify


class Sender(threading.Thread):
    """Delivers one webhook after the other until told to stop, each until it is acknowledged."""

    def __init__(self, service: Service, secret: str, name: str) -> None:
        super().__init__(name=name)
        self.service = service
        self.secret = secret
        self.ended = threading.Event()
        self.acknowledged: dict[tuple[str, bytes], int] = {}
        self.failures = 0

    def run(self) -> None:
        number = 0
        while not self.ended.is_set():
            number += 1
            content = body("subscription.renewed", "active", at(number), f"sub_{number % 20}")
            identity = f"msg_{self.name}_{number}"
            while not self.ended.is_set():
                try:
                    answer = self.service.deliver("test", self.secret, content, identity)
                except httpx.TransportError:
                    self.failures += 1
                    time.sleep(0.02)
                    continue
                if answer.status_code == 200:
                    self.acknowledged[identity, content] = int(answer.json()["position"])
                    break
                assert answer.status_code == 503, answer.text
                assert answer.headers["retry-after"]
                self.failures += 1
                time.sleep(0.02)


@pytest.mark.parametrize("victim", ["service", "postgres"])
def test_nothing_acknowledged_is_lost(victim: str, service: Service, scratch: Path) -> None:
    secret, key = service.find(r"SECRET=(\S+)"), service.find(r"KEY=(\S+)")
    senders = [Sender(service, secret, f"s{n}") for n in range(4)]
    for sender in senders:
        sender.start()
    for _ in range(3):
        time.sleep(random.uniform(0.3, 1.0))  # noqa: S311 - any moment will do
        if victim == "service":
            service.signal(signal.SIGKILL)
            service.start()
        else:
            pid = (scratch / "data" / "postgres" / "postmaster.pid").read_text().split()[0]
            os.kill(int(pid), signal.SIGKILL)
            reached = sum(len(s.acknowledged) for s in senders)
            deadline = time.monotonic() + 30
            while sum(len(s.acknowledged) for s in senders) < reached + 50:
                assert time.monotonic() < deadline, "it never recovered"
                time.sleep(0.05)
    for sender in senders:
        sender.ended.set()
        sender.join()
    acknowledged = {k: v for sender in senders for k, v in sender.acknowledged.items()}
    assert acknowledged
    assert sum(sender.failures for sender in senders) > 0, "nothing was hit"

    with (
        embedded(scratch / "data") as server,
        psycopg.connect(server.url, row_factory=psycopg.rows.dict_row) as conn,
    ):
        rows = conn.execute(ROWS).fetchall()
    stored = {(row["webhook_id"], row["body"]): row["position"] for row in rows}
    assert len(stored) == len(rows)
    assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))
    assert acknowledged.items() <= stored.items()
    assert verify(rows)
    service.await_position(key, len(rows))
    total = sum(
        sum(one["verdicts"].values()) for one in service.ask("subscriptions?limit=100", key)["data"]
    )
    assert total == len(rows)
