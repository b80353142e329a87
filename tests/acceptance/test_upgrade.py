"""An upgrade while the service runs, and the way back: two versions on one database.

The older version is this code with a lower version of its read models. With
``DAYBOOK_TEST_OLDER=DIRECTORY`` it is the checkout of a real one.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.service import Service, command, new_key, number
from tests.builders import SECRET, at, body

REAL = os.environ.get("DAYBOOK_TEST_OLDER")


class Older(Service):
    """The version before this one."""

    def __init__(self, cwd: Path, url: str) -> None:
        env = {"DAYBOOK_DATABASE_URL": url}
        super().__init__(cwd, env=env | ({"PYTHONPATH": REAL} if REAL else {}))
        self._module = "service" if REAL else "tests.acceptance.older"


class Installation:
    """A database with both versions, and the customers that they have been told of."""

    def __init__(self, here: Path, url: str) -> None:
        for name in ("old", "new"):
            (here / name).mkdir()
            (here / name / "daybook.toml").write_text(CONFIG)
        self.url = url
        self.old = Older(here / "old", url)
        self.new = Service(here / "new", env={"DAYBOOK_DATABASE_URL": url})
        self.here = here
        self.key = ""
        self.told = 0

    def tell(self, through: Service, *readers: Service) -> None:
        """Record a new customer's subscription, and see all readers answer for it."""
        self.told += 1
        content = body("subscription.active", "active", at(self.told), f"sub_{self.told}",
                       f"cus_{self.told}", next_billing_date="2099-01-01T00:00:00Z")  # fmt: skip
        answer = through.deliver("live", SECRET, content, f"msg_{self.told}")
        assert answer.status_code == 200, answer.text
        position = answer.json()["position"]
        assert number(position) == self.told
        for reader in readers:
            path = f"customers/cus_{self.told}/access?min_position={position}"
            known = reader.ask(path, self.key)
            assert known["entitled"], (
                type(reader).__name__, position, known, reader.ask(path, self.key),
                self.old.log()[-3000:], self.new.log()[-3000:],
            )  # fmt: skip
            again = reader.deliver("live", SECRET, content, f"msg_{self.told}")
            assert again.json() == {"position": position, "duplicate": True}


CONFIG = f'[books.live]\nmode = "live"\nsecrets = ["{SECRET}"]\n'


@pytest.fixture
def both(scratch: Path, empty_database_url: str) -> Iterator[Installation]:
    made = Installation(scratch, empty_database_url)
    yield made
    for service in (made.old, made.new):
        if hasattr(service, "process"):
            assert service.stop() == 0
    logs = made.old.log() + made.new.log()
    assert "unhandled exception" not in logs
    assert "stream parked" not in logs


def upgrade(both: Installation, seconds: float) -> None:
    """Start the new version next to the old one, and stop that after a while."""
    old, new = both.old, both.new
    old.start()
    both.key = new_key(both.url, "live")
    both.tell(old, old)
    new.start()
    new.await_position(both.key, both.told)
    deadline = time.monotonic() + seconds
    while both.told < 5 or time.monotonic() < deadline:
        both.tell(old, old, new)
        both.tell(new, new, old)
    assert old.stop() == 0
    both.tell(new, new)


def go_back(both: Installation) -> None:
    old, new = both.old, both.new
    old.client = type(old.client)(timeout=30)
    old.start()
    old.await_position(both.key, both.told)
    both.tell(new, old, new)
    assert new.stop() == 0
    both.tell(old, old)


def test_old_and_new_run_side_by_side(both: Installation) -> None:
    upgrade(both, 0)
    verify(both, "read-models")


def verify(both: Installation, what: str) -> None:
    command("verify", what, cwd=both.here / "new", env={"DAYBOOK_DATABASE_URL": both.url})


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [0, 60])
def test_old_and_new_run_side_by_side_and_back(both: Installation, seconds: float) -> None:
    upgrade(both, seconds)
    go_back(both)
    verify(both, "chain")
    both.new.client = type(both.new.client)(timeout=30)
    both.new.start()
    both.tell(both.new, both.new, both.old)
    verify(both, "read-models")
