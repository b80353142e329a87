"""A database of the user's own: with the owner's URL too, privileges fence the events."""

import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.service import Service, command
from tests.builders import SECRET
from tests.conftest import as_owner, as_service, fresh_database


@pytest.fixture
def urls(scratch: Path, postgres: str) -> tuple[str, str]:
    (scratch / "daybook.toml").write_text(f'[books.live]\nmode = "live"\nsecrets = ["{SECRET}"]\n')
    owner = as_owner(fresh_database(postgres, "template1"))
    return owner, as_service(owner).replace("daybook_service", "daybook_other")


def test_two_urls_fence_the_events_by_privilege(scratch: Path, urls: tuple[str, str]) -> None:
    owner, own = urls
    env = {"DAYBOOK_DATABASE_URL": own}
    said = command("migrate", cwd=scratch, env={**env, "DAYBOOK_OWNER_URL": owner})
    assert "daybook_other may append events" in said
    assert "applied 0001_store\napplied 0002_console\napplied 0003_audit" in said
    service = Service(scratch, env=env).start()
    assert service.deliver("live", SECRET, b"1").status_code == 200
    assert service.stop() == 0
    command("rebuild", cwd=scratch, env=env)
    status = command("status", cwd=scratch, env=env)
    assert "Connected as daybook_other to " in status
    assert "could alter" not in status
    with psycopg.connect(owner, autocommit=True) as admin:
        admin.execute("revoke insert on store.event from daybook_other")
    assert "daybook_other lacks: insert on store.event." in command("status", cwd=scratch, env=env)
    assert "only a trigger" not in (scratch / "serve.err").read_text()
    with psycopg.connect(own) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege):
        conn.execute("delete from store.event")


@pytest.mark.slow
def test_one_url_works_and_says_that_only_a_trigger_fences(
    scratch: Path, urls: tuple[str, str]
) -> None:
    env = {"DAYBOOK_DATABASE_URL": urls[0]}
    service = Service(scratch, env=env).start()
    assert service.deliver("live", SECRET, b"1").status_code == 200
    assert service.stop() == 0
    assert "could alter events; only a trigger prevents it" in command(
        "status", cwd=scratch, env=env
    )
    assert "only a trigger" in (scratch / "serve.err").read_text()


def test_a_role_that_may_not_migrate_is_told_what_to_do(
    scratch: Path, urls: tuple[str, str]
) -> None:
    owner, lesser = urls[0], urls[1].replace("daybook_other", "daybook_lesser")
    with psycopg.connect(owner, autocommit=True) as admin:
        admin.execute("create role daybook_lesser login")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        command("migrate", cwd=scratch, env={"DAYBOOK_DATABASE_URL": lesser})
    assert refused.value.returncode == 2
    assert "run `daybook migrate` with --owner" in refused.value.stderr


def test_the_owner_is_not_taken_for_the_services_role(scratch: Path, urls: tuple[str, str]) -> None:
    env = {"DAYBOOK_DATABASE_URL": urls[0], "DAYBOOK_OWNER_URL": urls[0]}
    with pytest.raises(subprocess.CalledProcessError) as refused:
        command("migrate", cwd=scratch, env=env)
    assert refused.value.returncode == 2
    assert "cannot be the service's role" in refused.value.stderr
