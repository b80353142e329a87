"""The database goes away and comes back; the service answers 503 meanwhile, and recovers."""

from pathlib import Path

from service.embedded import embedded
from tests.acceptance.service import Service
from tests.builders import SECRET, at, body

CONFIG = f'[books.live]\nmode = "live"\nsecrets = ["{SECRET}"]\n'


def test_it_starts_without_its_database_and_survives_losing_it(scratch: Path) -> None:
    (scratch / "daybook.toml").write_text(CONFIG)
    data = scratch / "data"
    with embedded(data) as server:
        url = server.url
    service = Service(scratch, env={"DAYBOOK_DATABASE_URL": url})
    service.start(ready=False)
    content = body("subscription.active", "active", at(0), "sub_1")

    def refused() -> None:
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
    assert service.stop() == 0
