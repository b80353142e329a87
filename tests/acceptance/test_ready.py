"""``/readyz`` says what it waits for."""

from pathlib import Path

import psycopg

from tests.acceptance.doors import CONFIG
from tests.acceptance.service import Service, command
from tests.conftest import as_owner, as_service, fresh_database


def test_it_waits_for_its_migrations(scratch: Path, postgres: str) -> None:
    (scratch / "daybook.toml").write_text(CONFIG)
    owner = as_owner(fresh_database(postgres, "template1"))
    own = as_service(owner).replace("daybook_service", "daybook_waiting")
    with psycopg.connect(owner, autocommit=True) as conn:
        conn.execute("create role daybook_waiting login")
    env = {"DAYBOOK_DATABASE_URL": own}
    service = Service(scratch, env=env).start(ready=False)
    assert told(service) == "Migrations are missing: 0001_store."
    command("migrate", cwd=scratch, env={**env, "DAYBOOK_OWNER_URL": owner})
    service.await_ready()
    with psycopg.connect(owner) as conn:
        # as if a newer version had come, whose migration was forgotten
        conn.execute("update store.migration set name = '0000_other'")
    assert told(service) == "Migrations are missing: 0001_store."
    assert service.stop() == 0


def told(service: Service) -> str:
    answer = service.client.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
    assert answer.headers["retry-after"]
    return str(answer.json()["detail"])
