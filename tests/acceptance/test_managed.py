"""A PostgreSQL that somebody else manages: every command works with the rights that are named."""

from pathlib import Path

import psycopg
import pytest

from tests import servers
from tests.acceptance.service import Service, command
from tests.acceptance.test_readme import local, shell_blocks, shown
from tests.builders import SECRET, body
from tests.documents import OPERATING


@pytest.mark.slow
@pytest.mark.parametrize("major", sorted(servers.installed()))
def test_no_superuser_is_needed(major: int, scratch: Path) -> None:
    bin_dir = servers.installed()[major]
    (scratch / "daybook.toml").write_text(f'[books.live]\nmode = "live"\nsecrets = ["{SECRET}"]\n')
    [block] = [one for one in shell_blocks(OPERATING.read_text()) if "admin@" in one]
    with servers.running(bin_dir) as superuser:
        with psycopg.connect(superuser, autocommit=True) as conn:
            conn.execute("create role admin login createrole createdb")
        socket = superuser.partition("host=")[2]
        shown(local([block], socket), scratch, bin_dir)
        with psycopg.connect(superuser) as conn:
            found = conn.execute(
                "select rolname from pg_roles where rolname like 'daybook%' and not (rolsuper or"
                " rolcreaterole or rolcreatedb or rolreplication or rolbypassrls)"
            ).fetchall()
        assert {name for (name,) in found} == {"daybook_owner", "daybook_service"}
        env = {"DAYBOOK_DATABASE_URL": f"postgresql://daybook_service@/daybook?host={socket}"}
        service = Service(scratch, env=env).start()
        content = body("subscription.active", "active")
        assert service.deliver("live", SECRET, content).status_code == 200
        key = command("keys", "create", "--book", "live", cwd=scratch, env=env).strip()
        service.await_position(key, 1)
        for words in ("rebuild", "verify read-models"):
            command(*words.split(), cwd=scratch, env=env)
        status = command("status", cwd=scratch, env=env)
        assert service.stop() == 0
        assert "Connected as daybook_service to daybook" in status
        assert "lacks" not in status
        assert "could alter" not in status
