"""``/readyz`` says what it waits for."""

import subprocess
from pathlib import Path

import httpx
import psycopg
import pytest

from service.database.statements import names
from tests.acceptance.doors import CONFIG
from tests.acceptance.service import Service, command
from tests.builders import SECRET
from tests.conftest import as_owner, as_service, fresh_database


def test_it_waits_for_its_migrations(scratch: Path, postgres: str) -> None:
    (scratch / "daybook.toml").write_text(CONFIG)
    owner = as_owner(fresh_database(postgres, "template1"))
    own = as_service(owner).replace("daybook_service", "daybook_waiting")
    with psycopg.connect(owner, autocommit=True) as conn:
        conn.execute("create role daybook_waiting login")
    env = {"DAYBOOK_DATABASE_URL": own}
    service = Service(scratch, env=env).start(ready=False)
    assert told(service) == f"Migrations are missing: {', '.join(names('store/migrations'))}."
    command("migrate", cwd=scratch, env={**env, "DAYBOOK_OWNER_URL": owner})
    service.await_ready()
    with psycopg.connect(owner) as conn:
        # as if a newer version had come, whose migration was forgotten
        conn.execute("update store.migration set name = '0000' where name = '0001_store'")
    assert told(service) == "Migrations are missing: 0001_store."
    with psycopg.connect(owner) as conn:
        # as if the file had been edited after it was applied
        conn.execute(
            "update store.migration set name = '0001_store', sha256 = '' where name = '0000'"
        )
    assert service.stop() == 0
    service.client = httpx.Client(timeout=30)
    service.start(ready=False)
    assert told(service).startswith("Migration 0001_store was edited: ")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        command("migrate", cwd=scratch, env={**env, "DAYBOOK_OWNER_URL": owner})
    assert refused.value.returncode == 2
    assert "Migration 0001_store was edited: " in refused.value.stderr
    assert service.deliver("live", SECRET, b"1").status_code == 200
    assert service.stop() == 0
    assert "Migration 0001_store was edited: " in service.log()


def told(service: Service) -> str:
    answer = service.client.get("/readyz")
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/not-ready")
    assert answer.headers["retry-after"]
    return str(answer.json()["detail"])
