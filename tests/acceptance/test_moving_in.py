"""Moving in, as service/provider/README.md tells it, next to a stand-in with 300 customers."""

import socket
import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.service import Service, new_key
from tests.acceptance.test_readme import shell, shell_blocks
from tests.acceptance.walks import Step, shows, steps
from tests.builders import SECRET
from tests.documents import PROVIDER
from tests.sandbox import sandbox

CONFIG = """
[books.test]
mode = "test"
secrets = ["{secret}"]
webhook_max_age_days = 400

[books.test.provider]
url = "{url}"
requests_per_minute = 100000
"""

ASK = 'ask() { curl -s -H "Authorization: Bearer $KEY" "$@"; }\n'


@pytest.mark.slow
def test_the_walk_of_moving_in_shows_what_is_shown(scratch: Path, database_url: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    unlimited = ("--requests-per-minute=0", "--requests-per-second=0")
    with sandbox(*unlimited, customers=300) as provider:
        (scratch / "daybook.toml").write_text(CONFIG.format(secret=SECRET, url=provider.url))
        service = Service(scratch, env={"DAYBOOK_DATABASE_URL": database_url})
        service.port = port
        service.start()
        key = new_key(database_url, "test", "read,audit")
        env = {
            "DAYBOOK_DATABASE_URL": database_url,
            "DAYBOOK_SANDBOX_URL": provider.url,
            "PROVIDER_KEY": provider.api_key,
            "SERVE_PID": str(service.process.pid),
            "URL": f"http://127.0.0.1:{port}",
            "KEY": key,
        }
        try:
            for step in (s for block in shell_blocks(PROVIDER.read_text()) for s in steps(block)):
                if "ask" in step.commands:
                    # a person asks later than a program
                    provider.control.settle()
                    await_projector(service, key, database_url)
                [said] = shell([Step(ASK + step.commands, "")], scratch, env)
                assert not step.shown or shows(step.shown, said), (step, said)
        finally:
            assert service.stop() == 0


def await_projector(service: Service, key: str, database_url: str) -> None:
    with psycopg.connect(database_url) as conn:
        row = conn.execute("select position from store.head where book = 'test'").fetchone()
    assert row is not None
    service.await_position(key, row[0])


def test_every_command_of_the_walk_can_be_typed() -> None:
    script = "\n".join(shell_blocks(PROVIDER.read_text()))
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
