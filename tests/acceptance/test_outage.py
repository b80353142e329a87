"""The database goes away and comes back; the service answers 503 meanwhile, and recovers."""

import time
from pathlib import Path
from typing import Any

import msgspec

from service.embedded import embedded
from tests.acceptance.service import Service, command
from tests.builders import SECRET, at, body

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
        assert service.deliver("live", SECRET, content, "msg_1").json()["position"] == "1"
    refused()
    with embedded(data):
        service.await_ready()
        answer = service.deliver("live", SECRET, content, "msg_1").json()
        assert answer == {"position": "1", "duplicate": True}
        key = command("keys", "create", "--book", "live", "--scope", "admin", cwd=scratch, env=env)
        assert until_told(service, key.strip()) == {"unavailable": 2 * MANY}
    assert service.stop() == 0
    for event in ("webhook refused", "append failed"):
        first, *rest = logged(scratch, event)
        assert "again" not in first
        assert len(rest) < MANY
    # two processes, two outages, a line and then one every ten seconds; and no traceback
    waiting = logged(scratch, "database unavailable; background tasks wait")
    assert 2 <= len(waiting) <= 4 + 2 * sum("again" in line for line in waiting)
    assert sum("again" not in line for line in waiting) <= 4
    assert logged(scratch, "background task ended; restarting") == []


def logged(scratch: Path, event: str) -> list[dict[str, Any]]:
    lines = map(msgspec.json.decode, (scratch / "serve.err").read_bytes().splitlines())
    return [line for line in lines if line["event"] == event]


def until_told(service: Service, key: str) -> dict[str, int]:
    """The refusals by reason, once both outages are among them; they are written after each."""
    deadline = time.monotonic() + 30
    while True:
        counts = service.ask("refusals", key)["counts"]
        told = {count["reason"]: count["last_hour"] for count in counts}
        if told.get("unavailable", 0) >= 2 * MANY or time.monotonic() > deadline:
            return told
        time.sleep(0.1)
