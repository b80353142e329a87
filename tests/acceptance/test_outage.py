"""The database goes away and comes back; the service answers 503 meanwhile, and recovers."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from service.database.embedded import embedded
from tests.acceptance.service import Service, new_key, number
from tests.builders import SECRET, at, body

pytestmark = pytest.mark.scenario

CONFIG = f'[books.live]\nmode = "live"\nsecrets = ["{SECRET}"]\n'
MANY = 20


def test_it_starts_without_its_database_and_survives_losing_it(scratch: Path) -> None:
    (scratch / "daybook.toml").write_text(CONFIG)
    data = scratch / "data"
    with embedded(data) as server:
        url = server.url
    env = {"DAYBOOK_DATABASE_URL": url}
    service = Service(scratch, env=env)
    service.start(ready=False)
    content = body("subscription.active", "active", at(0), "sub_1")

    def refused() -> None:
        for _ in range(MANY):
            answer = service.deliver("live", SECRET, content, "msg_1")
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
            assert answer.headers["retry-after"]
        assert service.client.get("/readyz").status_code == 503
        assert service.client.get("/healthz").status_code == 200

    refused()
    with embedded(data):
        service.await_ready()
        assert service.deliver("live", SECRET, content, "msg_1").json()["duplicate"] is False
    refused()
    with embedded(data):
        service.await_ready()
        answer = service.deliver("live", SECRET, content, "msg_1").json()
        assert answer["duplicate"] is True
        assert number(answer["position"]) == 1
        key = new_key(url, "live", "admin")
        assert until_told(service, key) == {"unavailable": 2 * MANY}
    assert service.stop() == 0
    lines = logged(scratch)
    refusals = [line for line in lines if line.get("reason") == "unavailable"]
    # one line of an outage in each process, whatever notices it, and what was counted at its end
    assert len(refusals) <= 4
    assert len(lines) < MANY, lines
    assert sum(line.get("again", 1) for line in lines) > 2 * MANY
    assert [x for x in lines if x["event"] == "background task ended; restarting"] == []


def logged(scratch: Path) -> list[dict[str, Any]]:
    lines = map(msgspec.json.decode, (scratch / "serve.err").read_bytes().splitlines())
    return [line for line in lines if line["level"] in {"warning", "error"}]


def until_told(service: Service, key: str) -> dict[str, int]:
    """The refusals by reason, once both outages are among them; they are written after each."""
    deadline = time.monotonic() + 30
    while True:
        counts = service.ask("refusals", key)["counts"]
        told = {count["reason"]: count["last_hour"] for count in counts}
        if told.get("unavailable", 0) >= 2 * MANY or time.monotonic() > deadline:
            return told
        time.sleep(0.1)
