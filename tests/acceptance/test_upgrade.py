"""An upgrade while the service runs, and the way back: two versions on one database.

The older version is this code with a lower version of its read models. With
``DAYBOOK_TEST_OLDER=DIRECTORY`` it is the checkout of a real one.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from projections.by_day import BY_DAY
from projections.disputes import DISPUTES
from projections.movements import MOVEMENTS
from projections.payouts import PAYOUTS
from projections.projection import VERSION
from projections.refunds import REFUNDS
from service.database.lease import REBUILD
from tests.acceptance.service import Service, command, new_key, number
from tests.builders import SECRET, at, body
from tests.conftest import as_owner

pytestmark = pytest.mark.scenario

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


def lacks(url: str, version: int) -> None:
    """As if a version had had no figures by day yet, and an index of events that says less."""
    with psycopg.connect(as_owner(url)) as conn:
        for one in (MOVEMENTS, *BY_DAY):
            conn.execute(f"drop view read.{one.name}_v{version}")
        found = conn.execute(
            "select max(tablename) from pg_tables where tablename ~ %s", (f"^events_v{version}_g",)
        ).fetchone()
        assert found is not None
        conn.execute(f"drop view read.events_v{version}")
        conn.execute(f"alter table read.{found[0]} drop column retold")
        conn.execute(f"create view read.events_v{version} as table read.{found[0]}")


def rebuilding(url: str, seconds: int) -> None:
    """As if somebody else were building the read models, and had to be waited for."""
    with psycopg.connect(as_owner(url)) as conn:
        conn.execute(
            "insert into read.lease (name, owner, since, expires_at)"
            " values (%s, 'another', now(), now() + make_interval(secs => %s))"
            " on conflict (name) do update set expires_at = excluded.expires_at",
            (REBUILD, seconds),
        )


@pytest.mark.skipif(REAL is not None, reason="what a real older version lacks is not known here")
def test_all_but_new_read_models_is_answered_while_they_are_built(both: Installation) -> None:
    old, new = both.old, both.new
    old.start()
    both.key = new_key(both.url, "live", "read,audit,admin")
    both.tell(old, old)
    assert old.stop() == 0
    lacks(both.url, VERSION - 1)
    rebuilding(both.url, 600)
    new.start()
    authorized = {"authorization": f"Bearer {both.key}"}
    known = ("customers/cus_1/access", "customers/cus_1/timeline", "customers/cus_1",
             "subscriptions/sub_1", "subscriptions/sub_1/history", "events/1", "search?q=cus_1",
             "customers/cus_1/access?known_at=1")  # fmt: skip
    described = new.client.get("/schema/openapi.json").json()["paths"]
    asked = {f"/v1/{path}" for path in known} | {
        path for path, item in described.items() if "get" in item and "{" not in path
    } - {"/v1/changes/stream", "/v1/search"}  # fmt: skip
    answers = {path: new.client.get(path, headers=authorized) for path in asked}
    assert answers["/v1/customers/cus_1/access"].json()["entitled"]
    figures = {path for path in asked if path.startswith("/v1/metrics/")}
    # the payments, refunds, disputes and payouts themselves are there
    figures -= {f"/v1/metrics/{p.name}/rows" for p in (REFUNDS, DISPUTES, PAYOUTS)}
    figures -= {"/v1/metrics/revenue/rows"}
    assert {path: one.status_code for path, one in answers.items() if one.status_code != 200} == (
        dict.fromkeys(figures, 503)
    )
    for path in figures:
        problem = answers[path].json()
        assert problem["type"] == "/problems/not-ready"
        assert "GET /v1/projections" in problem["detail"]
    states = {one["name"]: one["state"] for one in new.ask("projections", both.key)["data"]}
    assert states["payments_by_day"] == "building"
    assert not new.ask("customers/cus_nobody/access", both.key)["stale"]
    both.tell(new)
    denied = new.ask(f"customers/cus_{both.told}/access", both.key)
    assert (denied["entitled"], denied["stale"]) == (False, True)
    rebuilding(both.url, 0)
    new.await_position(both.key, both.told)
    both.tell(new, new)
    deadline = time.monotonic() + 60
    while figures and time.monotonic() < deadline:
        figures = {p for p in figures if new.client.get(p, headers=authorized).is_error}
        time.sleep(0.05)
    assert figures == set()
    assert {one["state"] for one in new.ask("projections", both.key)["data"]} == {"live"}


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
