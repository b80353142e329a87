"""Background tasks that fail are restarted, and ``/readyz`` and ``/metrics`` show it."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from projections.projection import VERSION
from service.database.notifications import projected
from service.readmodels.follower import lease_name
from tests.acceptance.doors import CONFIG
from tests.acceptance.service import Service, new_key
from tests.acceptance.test_scrape import scraped, value
from tests.builders import SECRET, at, body
from tests.conftest import as_owner, fresh_database


@pytest.fixture(scope="module")
def serving(
    postgres: str, template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Service, str, Path]]:
    here = tmp_path_factory.mktemp("supervision")
    (here / "daybook.toml").write_text(CONFIG)
    url = fresh_database(postgres, template)
    service = Service(here, env={"DAYBOOK_DATABASE_URL": url}).start()
    yield service, url, here
    assert service.stop() == 0


def test_a_malformed_notice_ends_nothing(serving: tuple[Service, str, Path]) -> None:
    service, url, here = serving

    def ignored() -> bool:
        with psycopg.connect(as_owner(url), autocommit=True) as conn:
            for channel in ("daybook_appended", projected(VERSION)):
                for payload in ("x", "", "-1 live", "9 no-such-book", f"{10**30} live"):
                    conn.execute("select pg_notify(%s, %s)", (channel, payload))
        samples = scraped(service)
        channels = [
            samples.get(("daybook_notices_ignored_total", frozenset({("channel", name)})), 0)
            for name in ("appended", "projected")
        ]
        # what was sent before they listened is not among them
        return min(channels) >= 4

    await_true(ignored)
    assert service.client.get("/readyz").json()["status"] == "ready"
    key = new_key(url, "live")
    content = body("payment.succeeded", "succeeded", at(0), "pay_1")
    assert service.deliver("live", SECRET, content).status_code == 200
    service.await_position(key, 1)
    lines = (here / "serve.err").read_text().splitlines()
    assert 1 <= sum("notification ignored" in line for line in lines) <= 6


def test_readiness_names_a_missing_projector(serving: tuple[Service, str, Path]) -> None:
    service, url, _ = serving
    with psycopg.connect(as_owner(url), autocommit=True) as conn:
        followed = "select from read.lease where name = %s and expires_at > now()"
        name = lease_name("live")
        await_true(lambda: conn.execute(followed, [name]).fetchone() is not None)
        assert value(scraped(service), "projector_up", book="live") == 1
        # no projector gets a lease any more, and the last one ended half a minute ago
        conn.execute(
            "create function read.refuse() returns trigger language plpgsql as"
            " $$ begin return null; end $$"
        )
        conn.execute(
            "create trigger refuse before insert or update on read.lease for each row"
            f" when (new.name = '{name}' and new.owner <> 'gone')"
            " execute function read.refuse()"
        )
        conn.execute(
            "update read.lease set owner = 'gone', expires_at = now() - interval '30 seconds'"
            " where name = %s", [name],
        )  # fmt: skip
        answer = service.client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json() == {"status": "ready", "degraded": "No projector follows: live."}
        assert value(scraped(service), "projector_up", book="live") == 0
        assert value(scraped(service), "projector_up", book="test") == 1
        conn.execute("drop trigger refuse on read.lease")
    await_true(lambda: service.client.get("/readyz").json() == {"status": "ready"})


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
