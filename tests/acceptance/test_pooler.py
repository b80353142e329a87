"""Behind PgBouncer in transaction mode, where no connection keeps anything."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from service.database.embedded import ACCOUNT
from tests.acceptance.service import Service, command, number
from tests.builders import SECRET, at, body
from tests.conftest import fresh_database

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
CONFIG = f'[books.live]\nmode = "live"\nsecrets = ["{SECRET}"]\n'

pytestmark = [
    pytest.mark.scenario,
    pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed"),
]


@pytest.fixture
def pooler(postgres: str, template: str) -> Iterator[str]:
    """The URL of a database behind a pooler with few connections."""
    url = urlsplit(fresh_database(postgres, template))
    server = parse_qs(url.query)
    server_port = server.get("port", ["5432"])[0]
    here = Path(tempfile.mkdtemp(prefix="daybook-pooler-"))
    here.chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (here / "pgbouncer.ini").write_text(
        "[databases]\n"
        f"daybook = host={server['host'][0]} port={server_port} dbname={url.path[1:]}"
        f" user={url.username}\n"
        "[pgbouncer]\nauth_type = any\npool_mode = transaction\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "default_pool_size = 4\nmax_client_conn = 100\n"
        "ignore_startup_parameters = options\n"
        f"logfile = {here}/log\npidfile = {here}/pid\n"
    )
    assert PGBOUNCER is not None
    account = ["-u", ACCOUNT] if os.geteuid() == 0 else []
    process = subprocess.Popen([PGBOUNCER, "-q", *account, str(here / "pgbouncer.ini")])
    pooled = f"postgresql://any@127.0.0.1:{port}/daybook"
    try:
        _await(pooled)
        yield pooled
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(here, ignore_errors=True)


def _await(url: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


def test_everything_works_behind_it(pooler: str, scratch: Path) -> None:
    (scratch / "daybook.toml").write_text(CONFIG)
    env = {"DAYBOOK_DATABASE_URL": pooler}
    service = Service(scratch, "--workers", "2", env=env).start()
    key = command("keys", "create", "--book", "live", cwd=scratch, env=env).strip()
    for n in range(20):
        content = body("subscription.renewed", "active", at(n), f"sub_{n % 7}")
        answer = service.deliver("live", SECRET, content)
        assert answer.json()["duplicate"] is False
        assert number(answer.json()["position"]) == n + 1
    service.await_position(key, 20)
    assert len(service.ask("subscriptions?min_position=20", key)["data"]) == 7
    since = service.ask("subscriptions/sub_0?min_position=20", key)["status_since"]
    assert since.endswith("Z")
    with psycopg.connect(pooler) as holder:
        # the session that holds the head of a book is not waited for
        holder.execute("select * from store.head where book = 'live' for update")
        answer = service.deliver("live", SECRET, body("payment.failed", "failed", at(1)))
        assert answer.json()["type"] == "/problems/unavailable"
        assert answer.elapsed.total_seconds() < 6
        holder.rollback()
    command("rebuild", cwd=scratch, env=env)
    assert "No row differs" in command("verify", cwd=scratch, env=env)
    assert service.signal(signal.SIGTERM) == 0
    # the lease was given back, so the next projector begins at once
    service.start()
    content = body("subscription.on_hold", "on_hold", at(99), "sub_0")
    position = service.deliver("live", SECRET, content).json()["position"]
    found = service.ask(f"subscriptions/sub_0?min_position={position}", key)
    assert found["status"] == "on_hold"
    assert service.stop() == 0
