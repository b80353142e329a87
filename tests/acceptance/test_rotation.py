"""A secret is rotated without a gap and without a restart."""

import signal
import time
from pathlib import Path

from service.ingest import fingerprint
from tests.acceptance.service import Service, command, number
from tests.builders import OTHER_SECRET, SECRET
from tests.conftest import fresh_database


def configure(here: Path, secrets: str) -> None:
    (here / "daybook.toml").write_text(f'[books.live]\nmode = "live"\nsecrets = [{secrets}]\n')


def status(service: Service, secret: str) -> int:
    return service.deliver("live", secret, b"1").status_code


def until(service: Service, secret: str, wanted: int) -> None:
    deadline = time.monotonic() + 10
    while status(service, secret) != wanted:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_hangup_takes_over_new_secrets_and_refuses_wrong_ones(
    scratch: Path, postgres: str, template: str
) -> None:
    configure(scratch, f'"{SECRET}"')
    env = {"DAYBOOK_DATABASE_URL": fresh_database(postgres, template)}
    service = Service(scratch, env=env).start()
    key = command("keys", "create", "--book", "live", cwd=scratch, env=env).strip()
    assert (status(service, SECRET), status(service, OTHER_SECRET)) == (200, 401)

    configure(scratch, f'"{OTHER_SECRET}", "{SECRET}"')
    service.process.send_signal(signal.SIGHUP)
    until(service, OTHER_SECRET, 200)
    assert status(service, SECRET) == 200

    configure(scratch, '"nonsense"')
    service.process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert (status(service, SECRET), status(service, OTHER_SECRET)) == (200, 200)

    configure(scratch, f'"{OTHER_SECRET}"')
    service.process.send_signal(signal.SIGHUP)
    until(service, SECRET, 401)
    last = service.deliver("live", OTHER_SECRET, b"2").json()["position"]
    service.await_position(key, number(last))
    assert service.ask("events/1", key)["verified_by"] == fingerprint(SECRET)
    assert service.ask(f"events/{last}", key)["verified_by"] == fingerprint(OTHER_SECRET)
    assert service.stop() == 0
